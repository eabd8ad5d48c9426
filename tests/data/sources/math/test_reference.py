"""References and flags of a row, and what a comparison with the reference does to its trajectory."""

from __future__ import annotations

import pytest

from treadle import Step
from treadle.data.sources.columns import Columns, parse_columns
from treadle.data.sources.math.reference import final_answer, flag, math_trajectory, reference_answer, said_answer
from treadle.files.rows import Row

STEPS = [Step("1. a"), Step("2. so \\boxed{3}", after="\n")]


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("72", "72"),
        (" 72 ", "72"),
        (72, "72"),
        (0.5, "0.5"),
        ("He has 3.\n#### 1,080 ", "1,080"),
        ("#### 5", "5"),
        ("so \\boxed{1} and \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{}", None),
        ("", None),
        ("####", None),
        (None, None),
        (True, None),
        (["72"], "72"),
        (["72", "73"], None),
        ({"a": 1}, None),
        (2.0, "2"),  # a column of numbers with empty cells
        ('["72"]', "72"),  # Skywork-OR1
        ("The answer is 72.", "72"),
        ("**Answer:** 72", "72"),
        ("Add them.\n\nThe answer is: 72", "72"),
        ("We add both numbers.\nThere are 72 of them.", None),  # Orca-Math: a solution
        ("\\begin{pmatrix}\n1\n\\end{pmatrix}", "\\begin{pmatrix}\n1\n\\end{pmatrix}"),
        ("proof", None),  # NuminaMath 1.5
        ("notfound", None),
        (float("nan"), None),
        ("long " * 100, None),
    ],
)
def test_the_final_answer_of_a_cell(cell, answer):
    assert final_answer(cell) == answer


def test_where_the_reference_stands():
    row = {"answer": None, "final_answer": "5", "ground_truth": "6", "solution": "\\boxed{7}"}
    assert reference_answer(row, "response") == "5"
    assert reference_answer({"solution": "\\boxed{7}"}, "response") == "7"
    assert reference_answer({"solution": "\\boxed{7}"}, "solution") is None  # the same text
    assert reference_answer({"answer": "5"}, "answer") is None
    named = parse_columns("problem=p,solution=s,answer=a")
    assert reference_answer({"a": "4", **row}, "s", named) == "4"
    assert reference_answer(row, "s", Columns("p", "s")) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, None),
        ({"verified": True}, True),
        ({"verified": "maybe", "correct": 0}, False),
        ({"is_correct": "yes"}, True),
        ({"final_answer_correct": False}, False),
        ({"correctness": [True, False]}, None),
        ({"target": 0, "success": False, "completed": False}, None),  # an answer and agents' flags
        ({"eval_result": 1}, True),
        ({"eval_result": 2}, False),
        ({"eval_result": 0}, None),
        ({"eval_result": 3}, None),
        ({"eval_result": True}, True),
        ({"eval_result": False}, False),
        ({"eval_result": "1"}, None),
        ({"eval_result": [1]}, None),
    ],
)
def test_flags(row, expected):
    assert flag(row) is expected


def test_a_named_column_outranks_the_usual_ones():
    assert flag({"ok": "no", "verified": True}, "ok") is False
    assert flag({"ok": None, "verified": True}, "ok") is True


def trajectory(data=None, **kwargs):
    return math_trajectory(Row(data or {}, "f, line 3", "f", 3), "p", STEPS, **kwargs)


def test_an_equal_answer_verifies():
    found = trajectory(reference="3.0")
    assert (found.verified, found.answer, found.id) == (True, "3.0", "f-3")
    assert "final_answer" not in found.meta


def test_a_different_answer_is_shown():
    found = trajectory(reference="4", epilogue="Thus 3.")
    assert (found.verified, found.answer) == (False, "4")
    assert found.meta.pop("answer_check") == "wrong"  # which the reader counts and takes away
    assert found.meta == {"source": "f, line 3", "preamble": "", "epilogue": "Thus 3.", "final_answer": "3"}


def test_the_epilogue_has_the_last_word():
    assert trajectory(reference="4", epilogue="\\boxed{4}").verified is True


def test_a_flag_outranks_the_comparison():
    assert trajectory(reference="4", verified=True).verified is True
    assert trajectory(reference="3", verified=False).meta.get("final_answer") is None


def test_no_reference_no_verdict():
    assert (trajectory().verified, trajectory().answer) == (None, "3")
    assert trajectory(own="5").answer == "3"  # a box is plainer than another mark


def test_an_own_answer_without_a_box():
    found = math_trajectory(Row({}, "w", "f", 1), "p", [Step("x")], own="5", reference="5")
    assert found.verified is True
    found = math_trajectory(Row({}, "w", "f", 1), "p", [Step("x")], reference="5")
    assert (found.verified, found.answer) == (None, "5")


def test_the_number_of_an_option_is_not_compared():
    assert trajectory({"choices": ["3", "4"]}, reference="0").verified is None
    assert trajectory({"choices": ["3", "4"]}, reference="3").verified is True


def test_ids():
    assert trajectory({"unique_id": "test/1.json"}).id == "test/1.json"
    assert trajectory({"id": 0, "key": "k"}, columns=Columns("p", "s", id="key")).id == "k"
    assert trajectory({"id": 0}, columns=Columns("p", "s")).id == "f-3"


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"deepseek_solution": "x", "ground_truth_solution": "so \\boxed{7}"}, "7"),  # OpenThoughts' metadata
        ({"prompt": "q", "solution": "7"}, "7"),  # Big-Math, DAPO: the answer alone
        ({"prompt": "q", "solution": "so it is seven"}, None),
        ({"messages": [{"from": "human", "value": "q"}, {"from": "assistant", "ground_truth": {"value": "7"}}]}, "7"),
        ({"messages": [{"role": "user", "content": "q", "info": {"reference_answer": "7"}}]}, "7"),
        ({"question": "q", "choices": ["6", "7"], "answer": 1}, "B"),
    ],
)
def test_the_reference_in_other_places(row, answer):
    assert reference_answer(row, "response") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1+1=2\nThe answer is: 2", "2"),
        ("1+1=2.\n\n# Answer\n\n2", "2"),
        ("**Final Answer:** 2", "2"),
        ("We see that the answer is: 2", "2"),
        ("1+1=2\n#### 2", "2"),
        ("The answer is not 3.", None),
        ("The answer is that it holds.", None),
        ("1+1=2", None),
    ],
)
def test_an_answer_in_words(text, answer):
    assert said_answer(text) == answer


def test_a_letter_as_reference_is_compared_with_the_text_of_its_option():
    row = Row({"options": ["2", "3"], "answer": "B"}, "f", "f", 1)
    assert math_trajectory(row, "p", STEPS, reference="B").verified is True
    assert math_trajectory(row, "p", STEPS, reference="A").verified is None  # the reference may be of another numbering


@pytest.mark.parametrize("column", ["problem_is_valid", "solution_is_valid"])
def test_what_is_not_valid_is_not_verified_and_what_is_valid_says_nothing(column):
    assert [flag({column: value}) for value in ("No", "Incomplete", "Problem not solved")] == [False] * 3
    assert flag({column: "Yes"}) is None
