"""Only what the grader calls right passes; wrong, undecided, missing and not scorable are told apart."""

from __future__ import annotations

import pytest

from tests.teacher.examples import GOOD, draft
from treadle.teacher.checks import Reason, first_fault
from treadle.teacher.checks.answer import Boxed, RightAnswer


def with_box(answer):
    return GOOD.replace("\\boxed{7}", f"\\boxed{{{answer}}}")


@pytest.mark.parametrize(("answer", "reference"), [("7", "7"), ("7.0", "7"), ("\\frac{14}{2}", "7"), ("0.5", "1/2")])
def test_equal_answers_pass(answer, reference):
    assert RightAnswer()(draft(with_box(answer), answer=reference)) is None


@pytest.mark.parametrize(
    ("text", "reference", "kind", "reason"),
    [
        (with_box("8"), "7", "math", Reason.WRONG),
        (with_box("B"), "A", "choice", Reason.WRONG),
        (GOOD.replace("\\boxed{7}", "7"), "7", "math", Reason.NO_ANSWER),
        (GOOD, None, "math", Reason.UNSCORABLE),
        (GOOD, "the claim follows since " + "every word of it is prose " * 4, "math", Reason.UNSCORABLE),
        (GOOD, "none", "integer", Reason.UNSCORABLE),
    ],
)
def test_each_other_outcome_has_its_reason(text, reference, kind, reason):
    assert RightAnswer()(draft(text, answer=reference, kind=kind)).reason is reason


def test_the_reference_is_not_given_away():
    assert "7" not in RightAnswer()(draft(with_box("8"))).detail


def test_without_a_reference_a_box_is_all_that_is_asked():
    checks = [RightAnswer(unverified=True), Boxed()]
    passed, fault = first_fault(draft(answer=None), checks)
    assert (fault, passed.origin.checks) == (None, ("boxed",))
    _, fault = first_fault(draft(GOOD.replace("\\boxed{7}", "7"), answer=None), checks)
    assert fault.reason is Reason.NO_ANSWER
    passed, fault = first_fault(draft(), checks)
    assert (fault, passed.origin.checks) == (None, ("answer",))
    _, fault = first_fault(draft(with_box("8")), checks)
    assert fault.reason is Reason.WRONG
