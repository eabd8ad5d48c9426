"""Rows with a problem and a numbered solution: columns, thoughts, reasons, and the source put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason, Step
from treadle.data.sources.columns import PRESETS, Columns, parse_columns
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.math.numbered_form import FORM
from treadle.data.sources.thoughts import part_thought
from treadle.files.rows import Rejected, Row

COLUMNS = Columns("problem", "solution", answer="answer", thought="thinking", verified="ok", optional=("thought",))
SOLUTION = "First:\n\n1. **A** x\n\n2. **B** \\boxed{3}\n\nSo \\boxed{3}.\n"


def read(data, columns=None, untitled="drop"):
    return FORM.read(Row(data, "f, line 1", "f", 1), ReadOptions(columns, untitled))


def source(trajectory):
    return trajectory.meta["preamble"] + "".join(s.text for s in trajectory.steps) + trajectory.meta["epilogue"]


def reason(data, columns=None):
    with pytest.raises(Rejected) as rejected:
        read(data, columns)
    return rejected.value.reason


def test_a_row_with_known_columns():
    row = {"id": 7, "problem": " 1+2? ", "solution": SOLUTION, "answer": 3, "verified": "yes", "type": "amc"}
    assert FORM.matches(Row(row, "w", "f", 1))
    trajectory = read(row)
    assert (trajectory.id, trajectory.problem, trajectory.answer, trajectory.verified) == ("7", "1+2?", "3", True)
    assert trajectory.steps == (
        Step("1. **A** x", "A", after="\n\n"),
        Step("2. **B** \\boxed{3}", "B", after="\n\n"),
    )
    assert trajectory.meta == {"source": "f, line 1", "preamble": "First:\n\n", "epilogue": "So \\boxed{3}.\n"}
    assert source(trajectory) == SOLUTION


def test_without_an_answer_column_the_last_box_is_the_answer_and_nothing_is_verified():
    trajectory = read({"problem": "p", "solution": SOLUTION})
    assert (trajectory.id, trajectory.answer, trajectory.verified) == ("f-1", "3", None)


def test_reasoning_becomes_the_thought_of_the_first_step():
    text = "<think>\n1. **no** x\n</think>\n" + SOLUTION
    trajectory = read({"problem": "p", "solution": text})
    first, second = trajectory.steps
    assert (first.thought, second.thought) == ("1. **no** x", None)
    assert (trajectory.meta["preamble"], first.before) == ("<think>\n", "\n</think>\nFirst:\n\n")
    assert first.action == "1. **A** x"
    assert source(trajectory) == text


def test_empty_reasoning_is_no_thought():
    text = "<think>\n\n</think>" + SOLUTION
    trajectory = read({"problem": "p", "solution": text, "thinking": "", "answer": 3, "ok": None}, COLUMNS)
    assert trajectory.steps[0].thought is None
    assert source(trajectory) == text


def test_a_thought_column_stands_before_the_solution():
    row = {"problem": "p", "solution": SOLUTION, "thinking": "\n hmm \n", "answer": 4, "ok": "No"}
    trajectory = read(row, COLUMNS)
    assert (trajectory.steps[0].thought, trajectory.answer, trajectory.verified) == ("hmm", "4", False)
    assert source(trajectory) == "\n hmm \n" + SOLUTION
    assert "final_answer" not in trajectory.meta  # the row itself says that it failed


def test_s1k_columns():
    row = {
        "question": "q",
        "solution": "Long, so \\boxed{7}",
        "deepseek_attempt": "1. **A** x\n2. **B** \\boxed{7}",
        "deepseek_thinking_trajectory": "hmm",
        "deepseek_grade": "Yes",
    }
    trajectory = read(row)
    assert (trajectory.problem, trajectory.answer, trajectory.verified) == ("q", "7", True)
    assert trajectory.steps[0].thought == "hmm"
    assert read({**row, "deepseek_grade": "No"}).verified is False
    del row["deepseek_grade"]  # then the box of the reference solution decides
    assert read(row).verified is True
    assert read({**row, "solution": "so \\boxed{8}"}).verified is False


def test_named_columns_must_exist_and_others_are_not_looked_at():
    columns = parse_columns("problem=q,solution=the text")
    row = {"q": "1+2?", "the text": SOLUTION, "answer": "4"}
    trajectory = read(row, columns)
    assert (trajectory.answer, trajectory.verified) == ("3", None)
    with pytest.raises(Rejected, match="no column 'the text'; found q, answer"):
        read({"q": "1+2?", "answer": "4"}, columns)
    with pytest.raises(Rejected, match=r"no column 'the text' \(did you mean 'the texts'\?\)"):
        read({"q": "1+2?", "the texts": SOLUTION}, columns)
    with pytest.raises(Rejected, match=r"list of 2 texts, .*where each is a step, add --format step-list"):
        read({"q": "1+2?", "the text": ["1+2", "=3"]}, columns)
    with pytest.raises(Rejected, match=r"expected one of the presets .*problem and solution"):
        read({"q": "1+2?"})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"problem": " "}, DropReason.EMPTY_PROBLEM),
        ({"problem": None}, DropReason.EMPTY_PROBLEM),
        ({"problem": ["p", "q"]}, DropReason.MALFORMED),
        ({"solution": None}, DropReason.EMPTY_SOLUTION),
        ({"solution": "<think>x</think> \n"}, DropReason.EMPTY_SOLUTION),
        ({"solution": "<think>cut off, 1. **A** x"}, DropReason.EMPTY_SOLUTION),
        ({"solution": 5}, DropReason.MALFORMED),
        ({"solution": "a</think>b</think>" + SOLUTION}, DropReason.MALFORMED),
        ({"solution": "a</think>b<think>" + SOLUTION}, DropReason.MALFORMED),
        ({"solution": "<think>a<think>b</think>" + SOLUTION}, DropReason.MALFORMED),
        ({"solution": "prose"}, DropReason.NO_NUMBERED_STEPS),
        ({"solution": "1. a\n2. b"}, DropReason.UNTITLED_STEPS),
        ({"solution": "1. **A** x\n3. **C** y"}, DropReason.NUMBERING_GAP),
    ],
)
def test_reasons(change, expected):
    row = {"problem": "p", "solution": SOLUTION, **change}
    assert reason(row) is expected
    assert reason(row, PRESETS["plain"]) is expected


def test_plain_lists_on_request():
    assert len(read({"problem": "p", "solution": "1. a\n2. b"}, untitled="keep").steps) == 2


parts = st.text("ab \n\t<", max_size=12)


@given(parts, parts, parts, st.booleans())
def test_think_tags_are_cut_without_loss(before, inner, rest, opened):
    text = (before + "<think>" if opened else "") + inner + "</think>" + rest
    cut = part_thought(text)
    assert cut.source == text
    assert (cut.thought, cut.rest) == (inner.strip(), rest)


@given(parts, parts, parts)
def test_the_source_is_put_together_again(thinking, opening, closing):
    text = f"{opening}\n1. **A** x\n2. **B** y{closing}"
    if thinking.strip():
        text = f"<think>{thinking}</think>{text}"
    trajectory = read({"problem": "p", "solution": text})
    assert source(trajectory) == text
    assert trajectory.steps[0].thought == (thinking.strip() or None)


@pytest.mark.parametrize(
    "solution",
    [
        "<steps>\n1. **A** x\n2. **B** \\boxed{2}\n</steps>",
        "<step>\n1. **A** x\n</step>\n<step>\n2. **B** \\boxed{2}\n</step>",
        "<step>\n1. **A** x\n2. **B** \\boxed{2}\n</step>\n<count>1</count>",
    ],
)
def test_tags_around_steps_are_in_no_action(solution):
    trajectory = FORM.read(Row({"problem": "p", "solution": solution}, "w", "f", 1), ReadOptions())
    assert [step.action for step in trajectory.steps] == ["1. **A** x", "2. **B** \\boxed{2}"]
    meta = trajectory.meta
    assert meta["preamble"] + "".join(step.text for step in trajectory.steps) + meta["epilogue"] == solution


def test_tags_with_a_partner_in_the_step_stay():
    solution = "1. **A** x\n<table>\n1\n</table>\n2. **B** y"
    trajectory = FORM.read(Row({"problem": "p", "solution": solution}, "w", "f", 1), ReadOptions())
    assert trajectory.steps[0].action.endswith("</table>")


@pytest.mark.parametrize("words", ["off", "on", "high", "Enabled"])
def test_a_word_that_switches_thinking_is_no_thought(words):
    row = Row({"problem": "p", "response": "1. **A** x\n2. **B** y", "reasoning": words}, "w", "f", 1)
    assert {step.thought for step in FORM.read(row, ReadOptions()).steps} == {None}


def test_steps_in_one_line_are_parted():
    row = Row({"problem": "p", "solution": "Step 1: Add 1+1. Step 2: So \\boxed{2}."}, "w", "f", 1)
    trajectory = FORM.read(row, ReadOptions())
    assert [step.action for step in trajectory.steps] == ["Step 1: Add 1+1.", "Step 2: So \\boxed{2}."]
    row = Row({"problem": "p", "solution": "Step 1: As Step 2: shows. Step 4: x"}, "w", "f", 1)
    assert len(FORM.read(row, ReadOptions()).steps) == 1
