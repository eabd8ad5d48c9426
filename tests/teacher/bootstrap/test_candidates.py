"""From attempts made by hand to trajectories, or to the reason why there is none."""

from __future__ import annotations

import pytest

from treadle.evaluate.records import Key, Problem, Sample, Stop
from treadle.scoring.grading import Verdict
from treadle.scoring.thoughts import PLAIN, thoughts
from treadle.teacher.bootstrap.candidates import Candidate, candidate_of, draft_of
from treadle.teacher.checks.text import Length
from treadle.teacher.drafts import Origin
from treadle.trajectory import Step

PROBLEM = Problem("p", "What is 2+3*4?", "14")
ORIGIN = Origin("bootstrap", "student", "0" * 64, sample=2, round=1)
NUMBERED = "1. **Multiply:** 3*4 = 12.\n\n2. **Add:** 2+12 = \\boxed{14}."
ALTERNATING = "<think>first</think>3*4=12\n<think>then</think>2+12=\\boxed{14}"


def attempt(text, mode="whole", verdict=Verdict.RIGHT, stop=Stop.ENDED, **more):
    key = Key("problems", "p", mode, "sampled", 2)
    found = thoughts(text) if mode == "whole" else []
    return Sample(key, "14", **{"text": text, "thoughts": found, "verdict": verdict, "stop": stop, **more})


def taken(sample, checks=(), given=0):
    return candidate_of(sample, draft_of(sample, PROBLEM, ORIGIN, PLAIN), PROBLEM, PLAIN, checks, given)


def test_numbered_steps_behind_a_thought():
    found = taken(attempt(f"<think>Multiply first.</think>\n{NUMBERED}"))
    assert isinstance(found, Candidate)
    assert [(s.action, s.title, s.thought) for s in found.trajectory.steps] == [
        ("1. **Multiply:** 3*4 = 12.", "Multiply", "Multiply first."),
        ("2. **Add:** 2+12 = \\boxed{14}.", "Add", None),
    ]
    assert (found.trajectory.id, found.trajectory.answer, found.trajectory.verified) == ("p#round1-2", "14", True)
    assert found.draft.origin.checks == ("answer", "form")


def test_thoughts_that_alternate_with_steps():
    found = taken(attempt(ALTERNATING))
    assert found.trajectory.steps == (Step("3*4=12", thought="first"), Step("2+12=\\boxed{14}", thought="then"))
    assert found.draft.text == "3*4=12\n\n2+12=\\boxed{14}"
    assert found.draft.thought == "first\nthen"


def test_the_loop_gives_its_own_steps():
    sample = attempt("...", "loop", stop=Stop.ANSWERED, steps=["3*4=12", "2+12=\\boxed{14}"], thoughts=["", "then"])
    found = taken(sample, given=1)
    assert found.trajectory.steps == (Step("3*4=12"), Step("2+12=\\boxed{14}", thought="then"))
    assert found.trajectory.meta == {"given_steps": 1}


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (attempt(NUMBERED, verdict=Verdict.WRONG), "wrong_answer"),
        (attempt(NUMBERED, verdict=Verdict.UNDECIDED), "undecided_answer"),
        (attempt(NUMBERED, verdict=Verdict.HUNG), "unscorable_answer"),
        (attempt(NUMBERED, verdict=Verdict.NO_ANSWER), "no_answer"),
        (attempt(NUMBERED, stop=Stop.TRUNCATED), "cut_off"),
        (attempt("The answer is \\boxed{14}."), "no_numbered_steps"),
        (attempt("1. **All:** \\boxed{14}"), "too_few_steps"),
        (attempt("<think>\\boxed{14}</think>"), "empty"),
        (attempt("Well. " + ALTERNATING), "no_numbered_steps"),
    ],
)
def test_what_is_no_trajectory_has_a_reason(sample, reason):
    draft, fault = taken(sample)
    assert fault.reason == reason
    assert draft.problem_id == "p"


def test_checks_of_the_text_come_after_the_answer():
    short = taken(attempt(NUMBERED), [Length(1, 10)])
    assert short[1].reason == "too_long"
    assert short[0].origin.checks == ("answer", "form")
    assert taken(attempt(NUMBERED), [Length(1, 1000)]).draft.origin.checks == ("answer", "form", "length")
