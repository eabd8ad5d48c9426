from __future__ import annotations

import pytest

from tests.domains.counter import counter
from treadle.domains.domain import Attempt, Task
from treadle.errors import DomainError
from treadle.scoring.grading import Grade, Verdict
from treadle.scoring.verdicts import Judged, can_be_judged, check_verdicts, judge_attempts, kind_of

SETUP = {"start": 2, "goal": 7}
WITH_WORLD = {"environment": "world.py:World", "verdict": "judge.py:judge_world"}


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Write the counter's domain and make it known."""

    def write(**keys):
        monkeypatch.setenv("TREADLE_DOMAINS", str(tmp_path / "counter"))
        return counter(tmp_path / "counter", **keys)

    return write


def whole(text, domain="counter", setup=SETUP):
    return Judged(domain, "math", Task("t", "", setup=setup), Attempt((), text=text), whole=True)


def test_each_attempt_by_its_domain(known):
    known(**WITH_WORLD)
    half = Judged("math", "math", Task("m", "", "0.5"), Attempt((), answer=r"\frac12"))
    rounded = Judged("math", "minerva", Task("m", "", "1/3"), Attempt((), answer="0.33333"))
    steps = Judged("counter", "math", Task("t", "", setup=SETUP), Attempt(("+4",)))
    assert judge_attempts([whole("+2\n\n +3 "), half, steps, rounded, whole("+5", setup=None)]) == [
        Grade(Verdict.RIGHT, "the counter is at 7"),
        Grade(Verdict.RIGHT, "equal numbers"),
        Grade(Verdict.WRONG, "the counter is at 6"),
        Grade(Verdict.RIGHT, "numbers within 1e-4"),
        Grade(
            Verdict.UNSCORABLE,
            "task 't': environment world.py:World cannot set it up (ValueError: no start); found setup None",
        ),
    ]
    assert judge_attempts([]) == []


@pytest.mark.parametrize(
    ("split", "text", "actions"),
    [
        ("lines", " a \n\nb\n  c", ("a", "b", "c")),
        ("blocks", "a\nb\n \nc\n\n\n\nd\n", ("a\nb", "c", "d")),
        ("judge.py:cut", "a;b", ("a", "b")),
    ],
)
def test_a_whole_solution_is_cut_as_its_domain_says(known, split, text, actions):
    judge = "def cut(text): return text.split(';')\ndef judge(task, attempt): return False, repr(attempt.actions)"
    known(split=split, verdict="judge.py:judge", judge=judge)
    assert judge_attempts([whole(text)]) == [Grade(Verdict.WRONG, repr(actions))]


def test_what_cannot_be_cut_costs_its_attempt_only(known):
    judge = "def cut(text): return [str(int(text))]\ndef judge(task, attempt): return attempt.actions == ('5',)"
    known(split="judge.py:cut", verdict="judge.py:judge", judge=judge)
    crashed = "split: judge.py:cut: ValueError: invalid literal for int() with base 10: 'five'"
    assert judge_attempts([whole("five"), whole("5")]) == [Grade(Verdict.CRASHED, crashed), Grade(Verdict.RIGHT, "")]


def test_nobody_can_judge(known):
    known()
    for ask in (lambda: judge_attempts([whole("+5")]), lambda: check_verdicts(["math", "counter"])):
        with pytest.raises(DomainError, match=r"domain 'counter': nobody can judge its attempts; give it a verdict in"):
            ask()
    assert not can_be_judged("counter", answered=True)


def test_code_is_looked_at_before_anything_is_judged(known):
    known(verdict="judge.py:other")
    with pytest.raises(DomainError, match=r"verdict: judge\.py has no 'other'"):
        check_verdicts(["counter"])


def test_who_needs_an_answer(known):
    known(verdict="judge.py:judge")
    assert can_be_judged("counter", answered=False)
    assert can_be_judged("math", answered=True)
    assert not can_be_judged("math", answered=False)


def test_the_kind_of_a_domains_answers(known):
    known(verdict="integer")
    assert [kind_of(name) for name in ("counter", "math", "agent")] == ["integer", "math", "math"]
