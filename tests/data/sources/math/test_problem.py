"""The problem of a row, with what stands beside it."""

from __future__ import annotations

import pytest

from treadle import DropReason
from treadle.data.sources.math.problem import problem_text
from treadle.files.rows import Rejected, Row


def text(data, column=None):
    return problem_text(Row(data, "f, line 1", "f", 1), column)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"instruction": "Solve.", "input": "1+1"}, "Solve.\n\n1+1"),
        ({"body": "There are 2.", "question": "How many?"}, "There are 2.\n\nHow many?"),
        ({"context": "There are 2.", "question": "There are 2. How many?"}, "There are 2. How many?"),
        ({"context": None, "question": "How many?"}, "How many?"),
        ({"context": ["a list"], "question": "How many?"}, "How many?"),
        ({"question": "Which?", "options": ["1", "2"]}, "Which?\n\nA. 1\nB. 2"),
        ({"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]}, "q"),
        ({"messages": [{"role": "user", "content": "q"}], "answer": "2"}, "q"),
        ({"contents": [{"role": "user", "parts": [{"text": "q"}]}]}, "q"),
        ({"instruction": "q", "history": []}, "q"),
    ],
)
def test_what_belongs_to_a_problem(data, expected):
    assert text(data) == expected


def test_a_column_that_the_user_named_stands_alone():
    assert text({"question": "q", "context": "c", "options": ["1", "2"]}, "question") == "q"


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        ({"instruction": "And 2+2?", "history": [["1+1?", "2"]]}, DropReason.MALFORMED, "1 earlier exchanges"),
        ({"text": "q"}, DropReason.MISSING_COLUMN, "found text"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, DropReason.MISSING_COLUMN, "found messages"),
        ({"problem": " "}, DropReason.EMPTY_PROBLEM, "problem"),
        ({"problem": 3}, DropReason.MALFORMED, "int"),
    ],
)
def test_reasons(data, reason, detail):
    with pytest.raises(Rejected) as caught:
        text(data)
    assert caught.value.reason is reason
    assert detail in caught.value.detail
