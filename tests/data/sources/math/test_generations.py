"""Several generations of one problem: the right one by flags, rewards or the reference, in the shapes of data sets."""

from __future__ import annotations

import pytest

from treadle import DropReason
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.registry import recognised
from treadle.files.rows import Rejected, Row

BAD = "1. **Guess.** 1+1=3\n2. **Answer.** \\boxed{3}"
GOOD = "1. **Add.** 1+1=2\n2. **Answer.** \\boxed{2}"


def read(data, **options):
    row, form = recognised(Row({"problem": "What is 1+1?", **data}, "f, line 1", "f", 1))
    return form.read(row, ReadOptions(**options))


@pytest.mark.parametrize(
    "data",
    [
        {"responses": [BAD, GOOD], "correctness": [0, 1]},
        {"responses": [BAD, GOOD], "is_correct": ["False", "True"]},
        {"responses": [BAD, GOOD], "rewards": [0.0, 1.0]},
        {"responses": [BAD, GOOD], "scores": [-1, 1]},
        {"generations": [{"text": BAD, "correct": False}, {"text": GOOD, "correct": True}]},
        {"responses": [{"response": BAD, "score": 0.0}, {"response": GOOD, "score": 1.0}]},
    ],
)
def test_the_one_that_is_marked_as_right_is_taken(data):
    trajectory = read(data)
    assert (trajectory.steps[0].title, trajectory.answer, trajectory.verified) == ("Add.", "2", True)


@pytest.mark.parametrize(
    "data",
    [
        {"generations": [BAD, GOOD], "answer": "2"},
        {"generations": f"{[BAD, GOOD]!r}", "answer": "2"},  # as Python prints it
        {"responses": [{"response_model": "a", "response": BAD}, {"response": GOOD}], "reference_answer": "2"},
    ],
)
def test_without_flags_the_reference_decides(data):
    assert read(data).steps[0].title == "Add."


def test_a_threshold_decides_over_rewards():
    assert read({"responses": [BAD, GOOD], "rewards": [0.2, 0.7]}, success_at=0.5).steps[0].title == "Add."
    with pytest.raises(Rejected) as caught:
        read({"responses": [BAD, GOOD], "rewards": [0.2, 0.7]})
    assert caught.value.reason is DropReason.MARKED_AS_FAILED
    assert "(rewards)" in caught.value.detail


def test_a_thought_belongs_to_the_model_s_output_and_not_to_the_reference_solution():
    data = {"solution": GOOD, "attempt": "It is 2.", "thinking_trajectories": ["hm"]}
    assert {step.thought for step in read(data).steps} == {None}
    assert read({**data, "solution": "It is two.", "attempt": GOOD}).steps[0].thought == "hm"
