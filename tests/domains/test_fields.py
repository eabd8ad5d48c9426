"""Two fields as users write them, from `treadle new-domain` and its page: one without code, one with a world."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from treadle.data.prompts import solve_prompt, step_prompt
from treadle.data.sources.native import read_native
from treadle.domains.domain import Attempt, Graded, Task
from treadle.domains.hosting import host_of
from treadle.domains.registry import use
from treadle.evaluate.benchmarks import load_data
from treadle.scoring.answers import final_answer
from treadle.scoring.grading import Verdict, default_grader

pytestmark = pytest.mark.usefixtures("no_domains")
FIELDS = Path(__file__).parent / "fields"


@pytest.fixture(params=["unit_conversion", "jugs"])
def field(request):
    return use(str(FIELDS / request.param))


@pytest.fixture
def jugs():
    return use(str(FIELDS / "jugs"))


def experts(name):
    rows = (FIELDS / name / "experts.jsonl").read_text(encoding="utf-8").splitlines()
    return [read_native(json.loads(row)) for row in rows]


def task(trajectory):
    return Task(trajectory.id, trajectory.problem, trajectory.answer or "", trajectory.meta.get("setup"))


def test_prompts_ask_for_a_step_and_grow_at_their_end(field):
    for expert in experts(field.name):
        texts = [
            step_prompt(field.name, expert.problem, expert.steps[:k])[-1]["content"] for k in range(len(expert.steps))
        ]
        for text, longer, step in zip(texts, texts[1:], expert.steps, strict=False):
            assert longer.startswith(text)
            assert step.action in longer[len(text) :]
            assert (step.observation or "") in longer[len(text) :]


def test_conversions_are_right_by_the_grader_and_by_arithmetic():
    found = experts("unit_conversion")
    verdict = use(str(FIELDS / "unit_conversion")).verdict
    assert verdict == Graded("math")
    answers = [final_answer(expert.steps[-1].action) for expert in found]
    references = [expert.answer for expert in found]
    grades = default_grader().judge(answers, references, [verdict.kind] * len(found))
    assert {grade.verdict for grade in grades} == {Verdict.RIGHT}
    by_hand = [Fraction(90 * 1000, 3600), 2 * 7 * 24 * 60 * 60, Fraction("3.2") * 10**6, Fraction(45000, 10**4)]
    assert [Fraction(answer) for answer in references] == by_hand
    assert "\\boxed{}" in solve_prompt("unit_conversion", found[0].problem)[0]["content"]


def test_conversions_for_evaluation_are_right_by_arithmetic():
    found = load_data(FIELDS / "unit_conversion" / "problems.jsonl").problems
    by_hand = [Fraction(54 * 1000, 3600), 3 * 86400, Fraction("0.25") * 10**4, Fraction("2.4") * 1000, 2]
    assert [Fraction(problem.answer) for problem in found] == by_hand


def test_experts_measure_what_is_wanted_and_not_before(jugs):
    for expert in experts("jugs"):
        actions = tuple(step.action for step in expert.steps)
        seen = host_of(jugs).replay(task(expert), actions)
        assert [one.observation for one in seen] == [step.observation for step in expert.steps]
        assert [one.done for one in seen] == [False] * (len(actions) - 1) + [True]
        pairs = [(task(expert), Attempt(actions[:k])) for k in range(len(actions) + 1)]
        words = [word for word, _ in host_of(jugs).judge(pairs)]
        assert words == ["wrong"] * len(actions) + ["right"]


def test_a_measure_by_hand(jugs):
    """Die Hard 3: four litres with jugs of three and five."""
    setup = {"sizes": [3, 5], "wanted": 4}
    actions = ["fill B", "pour B A", "empty A", "pour B A", "drink B", "fill B", "pour B A"]
    shown = ["0 5", "3 2", "0 2", "2 0", None, "2 5", "3 4"]
    seen = host_of(jugs).replay(Task("x", "", setup=setup), actions)
    for one, held in zip(seen, shown, strict=True):
        if held is None:
            assert one.observation.startswith("not understood")
        else:
            first, second = held.split()
            assert one.observation == f"A holds {first}, B holds {second}"
    assert [one.done for one in seen] == [False] * 6 + [True]
