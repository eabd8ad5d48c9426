"""Output of reasoning models: which column it is in, thought and answer, and the real R1 files."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from treadle import DropReason
from treadle.data.sources.columns import parse_columns
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.math.gsm8k import FORM as GSM8K
from treadle.data.sources.math.reasoning import FORM
from treadle.files.rows import Rejected, Row

ANSWER = "So:\n1. **Add** x\n2. **Stop** \\boxed{3}"
OUTPUT = f"<think>\nhm 1. **no** x\n</think>\n\n{ANSWER}"
R1 = "deepseek-reasoner (question)"


def row(data):
    return Row(data, "f, line 1", "f", 1)


def read(data, columns=None):
    assert FORM.matches(row(data))
    return FORM.read(row(data), ReadOptions(columns))


def source(trajectory):
    return trajectory.meta["preamble"] + "".join(s.text for s in trajectory.steps) + trajectory.meta["epilogue"]


def reason(data):
    with pytest.raises(Rejected) as rejected:
        read(data)
    return rejected.value


@pytest.mark.parametrize("column", ["response", "output", "generation", "deepseek_attempt", "solution", "my model"])
@pytest.mark.parametrize("opening", ["<think>\n", " <think>", ""])
def test_the_column_is_found_by_its_content(column, opening):
    text = f"{opening}hm 1. **no** x\n</think>\n\n{ANSWER}"
    trajectory = read({"question": "1+2?", "other": "text", column: text})
    first, second = trajectory.steps
    assert (first.thought, first.action, second.thought) == ("hm 1. **no** x", "1. **Add** x", None)
    assert (trajectory.problem, trajectory.answer, trajectory.verified) == ("1+2?", "3", None)
    assert source(trajectory) == text


def test_of_several_columns_the_known_or_the_one_that_names_the_problem():
    other = "x</think>1. **B** \\boxed{4}\n2. **C** y"
    assert read({"problem": "p", "zzz": other, "response": OUTPUT}).answer == "3"
    versions = {"r1 (insufficient_question)": other, "r1 (question)": OUTPUT}
    assert read({"question": "q", "insufficient_question": "i", **versions}).answer == "3"
    rejected = reason({"problem": "p", **versions})
    assert rejected.reason is DropReason.AMBIGUOUS_COLUMNS
    assert "may be the solution: r1 (insufficient_question), r1 (question)" in rejected.detail
    assert "--columns 'problem=problem,solution=r1 (question)'" in rejected.detail
    columns = parse_columns("problem=problem,solution=r1 (question)")
    assert read({"problem": "p", **versions}, columns).answer == "3"


def test_the_answer_of_a_chat():
    chat = [{"role": "user", "content": " 1+2? "}, {"role": "assistant", "content": OUTPUT}]
    trajectory = read({"messages": chat, "uuid": "u", "answer": "3"})
    assert (trajectory.id, trajectory.problem, trajectory.verified) == ("u", "1+2?", True)
    assert source(trajectory) == OUTPUT
    trajectory = read({"messages": [{"role": "system", "content": "Be brief."}, *chat], "problem": "p"})
    assert (trajectory.problem, trajectory.meta["system"]) == ("p", "Be brief.")


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": ANSWER}],
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": OUTPUT}] * 2,
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": OUTPUT, "tool_calls": [{}]}],
        [{"role": "assistant", "content": OUTPUT}, {"role": "tool", "content": "o"}],
        [{"role": ["user"], "content": "q"}, {"role": "assistant", "content": OUTPUT}],
        [{"role": "assistant", "content": None}],
        ["text"],
        [],
        None,
    ],
)
def test_other_chats_are_not_of_this_form(messages):
    assert not FORM.matches(row({"messages": messages}))


@pytest.mark.parametrize(
    ("data", "verified", "answer"),
    [
        ({"answer": "He adds.\n#### 3"}, True, "3"),
        ({"final_answer": 3.0}, True, "3"),
        ({"ground_truth": "4"}, False, "4"),
        ({"solution": "by hand: \\boxed{3}"}, True, "3"),
        ({"solution": "by hand: \\boxed{5}"}, False, "5"),
        ({"solution": "by hand: 5"}, None, "3"),
        ({"answer": "4", "correct": True}, True, "4"),
        ({"answer": "3", "verified": "no"}, False, "3"),
        ({"answer": "4", "eval_result": 1}, True, "4"),
        ({"answer": "3", "eval_result": 2}, False, "3"),
        ({"answer": "3", "eval_result": 0}, True, "3"),  # 0 is no judgement of the answer
        ({"answer": "4", "options": ["1", "2", "3"]}, None, "4"),
    ],
)
def test_references_and_flags(data, verified, answer):
    trajectory = read({"problem": "p", "response": OUTPUT, **data})
    assert (trajectory.verified, trajectory.answer) == (verified, answer)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"response": OUTPUT}, DropReason.MISSING_COLUMN),
        ({"problem": "what does </think> mean", "output": "x</think>"}, DropReason.EMPTY_SOLUTION),
        ({"problem": " ", "response": OUTPUT}, DropReason.EMPTY_PROBLEM),
        ({"problem": {"text": "p"}, "response": OUTPUT}, DropReason.MALFORMED),
        ({"problem": "p", "response": "hm</think>"}, DropReason.EMPTY_SOLUTION),
        ({"problem": "p", "response": "hm</think>It is 3."}, DropReason.NO_NUMBERED_STEPS),
        ({"problem": "p", "response": "hm</think>1. a\n2. b"}, DropReason.UNTITLED_STEPS),
        ({"problem": "p", "response": OUTPUT + "</think>"}, DropReason.MALFORMED),
        ({"messages": [{"role": "assistant", "content": OUTPUT}]}, DropReason.MISSING_COLUMN),
    ],
)
def test_reasons(data, expected):
    assert reason(data).reason is expected


@pytest.mark.parametrize("name", ["deepseek_r1_math", "deepseek_r1_gsm8k"])
def test_real_output(data, name):
    """Thought and answer as a plain cut at the tag gives them; every row is of this form, unless it is an error."""
    kept, dropped = 0, Counter()
    for line in (data / "math" / f"{name}.jsonl").open():
        columns = json.loads(line)
        if columns[R1].startswith("Error after"):
            assert not FORM.matches(row(columns))
            assert not GSM8K.matches(row(columns))
            continue
        assert FORM.matches(row(columns))
        assert not GSM8K.matches(row(columns))
        try:
            trajectory = read(columns)
        except Rejected as rejected:
            dropped[rejected.reason] += 1
            continue
        kept += 1
        assert trajectory.steps[0].thought == columns[R1].split("</think>")[0].strip()
        assert source(trajectory) == columns[R1]
        assert trajectory.problem == columns["question"].strip()
        assert trajectory.answer == columns["answer"].split("####")[-1].strip()
        if "eval_result" in columns:  # the judgement of the data set's authors
            assert trajectory.verified is (columns["eval_result"] == 1)
    assert kept >= {"deepseek_r1_math": 14, "deepseek_r1_gsm8k": 30}[name]
    assert set(dropped) <= {DropReason.NO_NUMBERED_STEPS, DropReason.UNTITLED_STEPS, DropReason.NUMBERING_RESTARTS}
