"""Tables that are one JSON object, as pandas, the datasets server and people write them; and rows that are none."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest

from tests.files.test_reading import bad, good
from treadle.files.chunks import iter_chunks

ROWS = [{"problem": f"p{i}", "solution": f"1. a{i}", "messages": [{"role": "user", "content": "x"}]} for i in range(3)]
TABLE = pd.DataFrame(ROWS)


def write(path, content, indent=None):
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=indent))
    return path


@pytest.mark.parametrize(
    "content",
    [
        TABLE.to_dict("list"),
        TABLE.to_json(),
        TABLE.to_json(orient="index"),
        TABLE.to_json(orient="split"),
        TABLE.to_dict("tight"),
        {"data": ROWS},
        {"version": "1.0", "metadata": {"by": "x"}, "tags": ["a"], "examples": ROWS},
        {"features": [{"name": "problem", "type": {}}], "rows": [{"row_idx": 0, "row": r} for r in ROWS]},
        {"train": ROWS},
        {"test": ROWS},
        {"competition_math": ROWS, "count": 3},
        {"data": {"train": ROWS}},
        {"data": TABLE.to_dict("list")},
        {str(i): row for i, row in enumerate(ROWS)},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_the_rows_of_one_object(tmp_path, content, indent):
    path = write(tmp_path / "a.json", content, indent)
    assert good(path) == ROWS
    assert bad(path) == []


def test_the_key_is_the_id_of_a_row_that_has_none(tmp_path):
    by_key = {"x-1": {"problem": "a"}, "x-2": {"problem": "b", "id": "own"}, "x-3": {"problem": "c", "id": None}}
    assert [r["id"] for r in good(write(tmp_path / "a.json", by_key))] == ["x-1", "own", None]
    named = TABLE.set_index(pd.Index(["a", "b", "c"]))
    for orient in ("columns", "index", "split"):
        assert [r["id"] for r in good(write(tmp_path / "b.json", named.to_json(orient=orient)))] == ["a", "b", "c"]
    assert [r.get("id") for r in good(write(tmp_path / "c.json", {"0": ROWS[0], "1": ROWS[1]}))] == [None, None]
    chats = {"chat-1": ROWS[0]["messages"], "chat-2": ROWS[0]["messages"]}
    found = good(write(tmp_path / "d.json", chats))
    assert found == [{"id": key, "messages": messages} for key, messages in chats.items()]


def test_of_several_splits_one_is_read_and_the_others_are_counted(tmp_path):
    path = write(tmp_path / "a.json", {"train": ROWS, "test": ROWS[:1]})
    assert good(path) == ROWS
    assert good(path, split="test") == ROWS[:1]
    skipped = Counter()
    list(iter_chunks(path, skipped=skipped))
    assert skipped == {"split that --split does not name: test": 1}
    ((_, reason, detail),) = bad(path, split="validation")
    assert (reason, detail) == (
        "unreadable_table",
        "the file holds the splits train, test: choose one with --split train",
    )


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ({"problem": ["a", "b"], "solution": ["c"]}, "lists of unequal length (problem 2, solution 1)"),
        ({"mine": ROWS, "yours": ROWS}, "stand under mine, yours, and it is open which are the rows; take one"),
        ({"data": [], "version": 1}, "the list under 'data' is empty"),
        ({"columns": ["a", "b"], "data": [[1]]}, "found 1 cells where columns names 2"),
        (
            {"rows": [{"row_idx": 0, "row": {"problem": "a"}, "truncated_cells": ["problem"]}]},
            "the datasets server cut off the cells problem; load the data set by its id instead",
        ),
    ],
)
def test_what_is_open_or_not_read_is_one_row_that_says_so(tmp_path, content, detail):
    ((_, reason, found),) = bad(write(tmp_path / "a.json", content))
    assert reason == "unreadable_table"
    assert detail in found


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "problem": "p", "steps": [{"action": "x"}], "domain": "math"},
        {"info": {"a": 1}, "messages": [{"role": "user", "content": "x"}], "trajectory_format": "mini-swe-agent-1"},
        {"environment": "e", "trajectory": [{"action": "a", "response": "r"}], "history": [{"role": "user"}]},
        {"history": [{"source": "user", "action": "message"}], "metrics": {"a": 1}},
        {"schema_version": "ATIF-v1.5", "agent": {"name": "x"}, "steps": [{"step_id": 1, "source": "user"}]},
        {"cells": [{"cell_type": "code", "source": "x"}], "metadata": {"a": 1}, "nbformat": 4},
        {"question": {"problem": "p"}, "label": {"steps": [], "finish_reason": "solution"}},
        {"input": [{"role": "user", "content": "x"}], "output": [{"type": "message", "content": []}]},
        {"chosen": {"content": "a"}, "rejected": {"content": "b"}},
        {"prompt": "p", "completions": ["a", "b"], "labels": [True, False]},
        {"steps": ["a", "b"], "labels": [1, 0]},
        {"question": "q", "results": [{"score": 1}, {"score": 2}]},
        {"data": ["a", "b"]},
    ],
)
def test_a_row_that_is_the_only_one_of_its_file_stays_a_row(tmp_path, row):
    for indent in (None, 1):
        assert good(write(tmp_path / "a.json", row, indent)) == [row]


def test_lines_are_rows_whatever_they_hold(tmp_path):
    lines = [{"data": ROWS}, {"data": ROWS}]
    assert good(write(tmp_path / "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))) == lines


def test_an_object_above_the_limit_says_how_to_convert_it(tmp_path):
    path = write(tmp_path / "a.json", {"data": [{"problem": "x" * 1000}] * 100})
    ((_, reason, detail),) = bad(path, max_row_mb=0.05)
    assert reason == "row_too_large"
    assert "jq -c '.data[]' FILE > rows.jsonl; or raise --max-row-mb" in detail


def test_lists_that_a_table_holds_by_columns(tmp_path):
    row = {"messages": {"role": ["user", "assistant"], "content": ["a", "b"]}}
    path = write(tmp_path / "a.jsonl", json.dumps(row) + "\n" + json.dumps({"id": 1}) + "\n")
    assert good(path)[0] == {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
