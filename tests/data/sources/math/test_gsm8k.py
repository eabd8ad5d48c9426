"""GSM8K lines, by hand and on the real file."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason
from treadle.data.sources.columns import parse_columns
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.math.gsm8k import FORM
from treadle.files.rows import Rejected, Row

ANSWER = "He sold 48/2 = <<48/2=24>>24 clips.\nTogether 48+24 = <<48+24=72>>72.\n#### 72"


def row(data):
    return Row(data, "f, line 1", "f", 1)


def read(data, columns=None):
    return FORM.read(row(data), ReadOptions(columns))


def source(trajectory):
    return trajectory.meta["preamble"] + "".join(s.text for s in trajectory.steps) + trajectory.meta["epilogue"]


def test_one_line_is_one_step():
    trajectory = read({"question": "How many?", "answer": ANSWER})
    assert [s.action for s in trajectory.steps] == ANSWER.split("\n")[:2]
    assert {s.thought for s in trajectory.steps} == {None}
    assert (trajectory.problem, trajectory.answer, trajectory.domain) == ("How many?", "72", "math")
    assert trajectory.verified is None
    assert trajectory.meta["epilogue"] == "#### 72"
    assert source(trajectory) == ANSWER


def test_blank_lines_and_white_space_are_kept_beside_the_actions():
    text = "\n one\n\n  \ntwo \r\n#### 1,080\n"
    trajectory = read({"question": "q", "answer": text})
    assert [(s.before, s.action, s.after) for s in trajectory.steps] == [(" ", "one", "\n\n  \n"), ("", "two", " \r\n")]
    assert trajectory.meta["preamble"] == "\n"
    assert (trajectory.answer, source(trajectory)) == ("1,080", text)


SOCRATIC = "How many pens are there? ** 2*3=<<2*3=6>>6 pens.\nDefine a variable ** Let x be 6-1=<<6-1=5>>5\n#### 5"


def test_a_socratic_question_is_the_title_and_the_calculation_the_action():
    trajectory = read({"question": "q", "answer": SOCRATIC})
    assert [(s.title, s.action) for s in trajectory.steps] == [
        ("How many pens are there?", "2*3=<<2*3=6>>6 pens."),
        ("Define a variable", "Let x be 6-1=<<6-1=5>>5"),
    ]
    assert source(trajectory) == SOCRATIC
    assert trajectory.answer == "5"


@pytest.mark.parametrize(
    "line", ["2 ** 3 = 8", "The area is 3 ** 2 = 9", "the side ** 2 = 9", "x ** y", "(a+b) ** 2 = c", "a? **", "** b"]
)
def test_a_power_asks_no_question(line):
    trajectory = read({"question": "q", "answer": f"{line}\n#### 5"})
    assert [(s.title, s.action) for s in trajectory.steps] == [(None, line)]


def test_one_question_among_lines_makes_no_socratic_solution():
    text = "How many? ** 2*3=6\nSo 6.\nAnd 5.\n#### 5"
    assert {s.title for s in read({"question": "q", "answer": text}).steps} == {None}


def test_flags_and_a_final_answer_of_its_own_column():
    assert read({"question": "q", "answer": ANSWER, "is_correct": False}).verified is False
    assert read({"question": "q", "answer": ANSWER, "final_answer": 72}).verified is True
    wrong = read({"question": "q", "answer": ANSWER, "final_answer": 71})
    assert (wrong.verified, wrong.answer, wrong.meta["final_answer"]) == (False, "71", "72")


def test_columns_by_name():
    columns = parse_columns("problem=q,solution=lines")
    assert len(read({"q": "x", "lines": ANSWER}, columns).steps) == 2
    with pytest.raises(Rejected, match="no column 'lines'"):
        read({"q": "x", "answer": ANSWER}, columns)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, DropReason.EMPTY_SOLUTION),
        (" \n", DropReason.EMPTY_SOLUTION),
        (["a"], DropReason.MALFORMED),
        ("#### 5", DropReason.NO_TRAJECTORY),
        ("one\ntwo", DropReason.MALFORMED),
        ("one\n#### 5\ntwo", DropReason.MALFORMED),
        ("one\n#### 5\n#### 6", DropReason.MALFORMED),
    ],
)
def test_reasons(text, reason):
    with pytest.raises(Rejected) as rejected:
        read({"question": "q", "answer": text})
    assert rejected.value.reason is reason


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"id": 3, "split": "train", "source": "gsm8k"},
        {"response": None},
        {"response": ""},
    ],
)
def test_recognised(extra):
    assert FORM.matches(row({"question": "q", "answer": ANSWER, **extra}))


@pytest.mark.parametrize(
    "data",
    [
        {"question": "q", "answer": "72"},
        {"question": "q", "answer": "#### Heading\ntext"},
        {"question": "q", "answer": 72},
        {"answer": ANSWER},
        {"question": ["q"], "answer": ANSWER},
        {"question": "q", "answer": ANSWER, "response": "so 72"},
        {"question": "q", "answer": ANSWER, "r1": "so</think>72"},
        {"question": "q", "answer": ANSWER, "deepseek-reasoner (question)": "Error after 6 attempts: " + "x" * 100},
    ],
)
def test_not_recognised(data):
    assert not FORM.matches(row(data))


@given(st.lists(st.text("a1 =<>\t", min_size=1).filter(str.strip), min_size=1, max_size=5), st.text("\n ", max_size=4))
def test_nothing_is_lost(lines, end):
    text = "\n".join(lines) + "\n#### 5" + end
    trajectory = read({"question": "q", "answer": text})
    assert [s.action for s in trajectory.steps] == [line.strip() for line in lines]
    assert source(trajectory) == text


def test_real_rows(data):
    rows = [json.loads(line) for line in (data / "math" / "gsm8k_train_2000.jsonl").open()]
    assert len(rows) == 2000
    for columns in rows:
        assert FORM.matches(row(columns))
        trajectory = read(columns)
        *lines, last = [line for line in columns["answer"].split("\n") if line]
        assert [s.action for s in trajectory.steps] == [line.strip() for line in lines]
        assert trajectory.answer == re.fullmatch(r"#### (.+)", last)[1]
        assert source(trajectory) == columns["answer"]


@pytest.mark.parametrize(
    "data",
    [
        {"instruction": "How many?", "input": "", "output": ANSWER},
        {
            "question": "How many?",
            "solution": ANSWER,
            "answer": "72",
            "seed_solution": "other lines\n#### 3",
        },  # GSM-Plus
        {"query": "How many?", "response": ANSWER + "\nThe answer is: 72"},  # MetaMath
        {"messages": [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": ANSWER}]},
    ],
)
def test_the_lines_may_stand_in_other_columns(data):
    assert FORM.matches(row(data))
    trajectory = read(data)
    assert [s.action for s in trajectory.steps] == ANSWER.split("\n")[:2]
    assert (trajectory.problem, trajectory.answer) == ("How many?", "72")
    assert source(trajectory).startswith(ANSWER)


@pytest.mark.parametrize("text", ["a\n#### Step 3: more words " + "x" * 100, "#### 1. A\nb\n#### 2. B\nc"])
def test_a_heading_is_no_final_line(text):
    assert not FORM.matches(row({"question": "q", "response": text}))
