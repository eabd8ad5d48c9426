"""Tables of delimited text: what pandas and Python's csv module write comes out as it was."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.files.test_reading import bad, good
from treadle.files.delimited import delimited_items, is_delimited

ROWS = [{"problem": 'a "quoted", b', "solution": "1. x\n2. y; z"}, {"problem": "π\tc", "solution": "plain"}]


def read(text, limit=10_000):
    return [item.content for item in delimited_items(io.BytesIO(text.encode()), limit)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_pandas_writes(tmp_path, separator, encoding, quoting, end):
    path = tmp_path / "a.csv"
    pd.DataFrame(ROWS).to_csv(path, index=False, sep=separator, encoding=encoding, quoting=quoting, lineterminator=end)
    assert good(path) == ROWS
    assert bad(path) == []


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0[]{}"), min_size=1).filter(str.strip)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1), separator=st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes(rows, separator):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([("problem", "answer"), *rows])
    assert read(text.getvalue(), 1 << 20) == [{"problem": a, "answer": b} for a, b in rows]


def test_cells_that_hold_lists_and_objects(tmp_path):
    messages = [{"role": "user", "content": 'it\'s\n"so"'}, {"role": "assistant", "content": None}]
    table = pd.DataFrame({"problem": ["p"], "messages": [messages], "labels": [[1, 0]], "answer": ["[0, 1]"]})
    table.to_csv(tmp_path / "python.csv", index=False)
    table["messages"] = table["messages"].map(json.dumps)
    table.to_csv(tmp_path / "json.csv", index=False)
    for name in ("python.csv", "json.csv"):
        assert good(tmp_path / name) == [{"problem": "p", "messages": messages, "labels": [1, 0], "answer": "[0, 1]"}]


def test_text_in_brackets_stays_text_and_an_empty_cell_is_null():
    text = 'problem,answer,note\n"[asy] draw [/asy]","{1, 2}",""\n"[1, 2] or [3]",(3),[x]\n'
    assert read(text) == [
        {"problem": "[asy] draw [/asy]", "answer": "{1, 2}", "note": None},
        {"problem": "[1, 2] or [3]", "answer": "(3)", "note": "[x]"},
    ]


def test_excel_names_its_separator_and_some_tables_end_each_line_with_one():
    assert read("sep=;\r\nproblem;a,b\r\nx;y\r\n") == [{"problem": "x", "a,b": "y"}]
    assert read("problem,answer\na,b,\n") == [{"problem": "a", "answer": "b"}]
    assert read('problem, answer\na, "b, c"\n') == [{"problem": "a", "answer": "b, c"}]


def test_in_a_table_with_tabs_a_quote_may_be_a_letter():
    assert read('problem\tanswer\n"x" he said\t5" long\n') == [{"problem": '"x" he said', "answer": '5" long'}]
    assert read('problem\tanswer\n"a\tb"\t"c\nd"\n') == [{"problem": "a\tb", "answer": "c\nd"}]


def test_records_that_do_not_fit_the_header_are_dropped_one_by_one():
    first, short, long, quotes, last = read('problem,answer\na,b\nc\nd,e,f\n"g"h,i\nj,k\n')
    assert (first, last) == ({"problem": "a", "answer": "b"}, {"problem": "j", "answer": "k"})
    assert [r.reason for r in (short, long, quotes)] == ["unreadable_table"] * 3
    assert short.detail.startswith("cells: 1, columns in the header: 2 (problem, answer)")
    assert long.detail.startswith("cells: 3, columns in the header: 2")
    assert quotes.detail.endswith("expected quotes in a cell to be doubled")
    (twice,) = read("a,a\n1,2\n")
    assert twice.detail == "two columns are named 'a'; rename one in the header"


def test_a_quote_that_is_never_closed_ends_the_file_at_the_limit():
    first, last = read('problem,answer\na,b\nc,"' + "x\n" * 5000, 1000)
    assert first == {"problem": "a", "answer": "b"}
    assert last.reason == "row_too_large"
    assert "a quote may be open" in last.detail


def test_a_long_table_is_not_held_as_a_whole():
    text = ("problem,answer\n" + '"' + "x" * 2000 + '",1\n' * 1).encode() + (b"y" * 2000 + b",1\n") * 10_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in delimited_items(io.BytesIO(text), 1 << 20)) == 10_001
        assert tracemalloc.get_traced_memory()[1] < len(text) / 5
    finally:
        tracemalloc.stop()


def test_what_is_taken_as_a_table():
    for name in ("a.csv", "a.tsv", "A.CSV"):
        assert is_delimited(name, b"anything\n")
        assert not is_delimited(name, b' {"a": 1}\n')
        assert not is_delimited(name, b'\xef\xbb\xbf[{"a": 1}]')
    for head in (b"problem,solution\n", b'"id";"question"\r\n', b"\xef\xbb\xbfPrompt\tResponse\n"):
        assert is_delimited("standard input", head)
    for head in (b"", b"hello, world\n", b"problem\n", b"The problem, which is hard, is this\n", b'{"problem": 1,'):
        assert not is_delimited("a.jsonl", head)


def test_arrays_as_numpy_prints_them(tmp_path):
    rows = {"texts": [np.array(["a 'b'", "c\nd"], dtype=object)], "flags": [np.array([False, True])]}
    rows |= {"rewards": [np.array([0.0, 1.5])], "answer": ["[1 2]"]}
    path = tmp_path / "rows.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    (row,) = good(path)
    assert row == {"texts": ["a 'b'", "c\nd"], "flags": [False, True], "rewards": [0.0, 1.5], "answer": "[1 2]"}


def test_lone_carriage_returns_say_what_to_do(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"problem,answer\rq,2\r")
    ((_, _, detail),) = bad(path)
    assert "tr '\\r' '\\n' < FILE" in detail
