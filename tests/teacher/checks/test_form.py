"""Each way in which a solution is not in numbered, titled steps has its own reason."""

from __future__ import annotations

import pytest

from tests.teacher.examples import GOOD, draft
from treadle.teacher.checks import Reason, first_fault
from treadle.teacher.checks.form import Form
from treadle.teacher.checks.text import Length


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "### Step 1: Add\nWe add.\n\n### Step 2: Conclude\nThe sum is \\boxed{7}.",
        "**1. Add**\nWe add.\n\n**2. Conclude**\nThe sum is \\boxed{7}.",
        "First some words.\n\n" + GOOD + "\n\nThe final answer is \\boxed{7}.",
    ],
)
def test_forms_that_prepare_reads_pass(text):
    assert Form()(draft(text)) is None


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("", Reason.EMPTY, "outside of the thoughts"),
        (" \n ", Reason.EMPTY, "outside of the thoughts"),
        ("We add and get \\boxed{7}.", Reason.NO_STEPS, "expected steps such as '1. **Title:**"),
        ("1. We add.\n2. We get \\boxed{7}.", Reason.UNTITLED, "titles"),
        ("Step 1: we add\n\nStep 2: we get \\boxed{7}", Reason.UNTITLED, "step 1 has no title"),
        ("1. **Add:** x\n\n3. **End:** \\boxed{7}", Reason.NUMBERING, "skipped"),
        ("2. **Add:** x\n\n3. **End:** \\boxed{7}", Reason.NUMBERING, "not number 1"),
        ("1. **All:** we add and get \\boxed{7}", Reason.FEW_STEPS, "found 1 numbered steps, expected 2 or more"),
        ("<think>a</think>" + GOOD + "\n<think>and more</think>", Reason.UNREADABLE, "think"),
    ],
)
def test_what_is_wrong_is_named(text, reason, said):
    fault = Form()(draft(text))
    assert fault.reason is reason
    assert said in fault.detail


@pytest.mark.parametrize(("ending", "reason"), [("cut_off", Reason.CUT_OFF), ("open_thought", Reason.OPEN_THOUGHT)])
def test_endings_come_before_all_else(ending, reason):
    assert Form()(draft("", ending=ending)).reason is reason
    assert Form()(draft(GOOD, ending=ending)).reason is reason


def test_the_number_of_steps_is_a_setting():
    assert Form(3)(draft()).detail == "found 2 numbered steps, expected 3 or more"


def test_the_first_check_that_fails_speaks_and_those_before_are_remembered():
    checked, fault = first_fault(draft(), [Form(), Length(1, 10), Length(1, 20)])
    assert (fault.reason, checked.origin.checks) == (Reason.TOO_LONG, ("form",))
    checked, fault = first_fault(draft(), [Form(), Length(1, 1000)])
    assert (fault, checked.origin.checks) == (None, ("form", "length"))
