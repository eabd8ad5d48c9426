"""JSON of any layout read piece by piece gives what `json.loads` gives of the whole."""

from __future__ import annotations

import codecs
import io
import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.files import json_stream
from treadle.files.json_stream import json_items, list_column
from treadle.files.rows import Rejected

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), min_size=1, max_size=5)


def values(content: bytes, limit: int = 10_000):
    unit, items = json_items(io.BytesIO(content), limit)
    return unit, [json.loads(i.content) if isinstance(i.content, bytes) else i.content for i in items]


@pytest.fixture(params=[7, 1 << 20], ids=["seven bytes at a time", "a megabyte at a time"])
def block(request, monkeypatch):
    monkeypatch.setattr(json_stream, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@given(rows=OBJECTS, indent=st.sampled_from([None, 0, 2]), ascii=st.booleans())
def test_arrays_lines_and_documents(rows, indent, ascii):
    encode = lambda value, indent: json.dumps(value, indent=indent, ensure_ascii=ascii).encode(  # noqa: E731
        errors="surrogatepass"
    )
    try:
        lines = b"".join(encode(row, None) + b"\n" for row in rows)
        lines.decode()
    except UnicodeDecodeError:  # a lone surrogate written raw is no UTF-8
        return
    assert values(lines) == ("line", rows)
    whole = [{"rows": 1}, *rows]  # the first decides whether a list is one row, see the test below
    assert values(encode(whole, indent))[1] == whole
    documents = b"\n".join(encode({"first": row}, 2) for row in rows)
    assert values(documents) == ("row", [{"first": row} for row in rows])


def test_what_a_bare_list_stands_for():
    assert list_column({"role": "user"}) == "messages"
    assert list_column({"from": "human", "value": "x"}) == "messages"
    assert list_column({"source": "agent", "action": "run"}) == "history"
    assert list_column({"kind": "MessageEvent"}) == "history"
    assert list_column([{"source": "agent", "observation": "run"}]) == "history"
    for other in ({"problem": "p"}, {"action": "x"}, [], [[]], 3, None, "role"):
        assert list_column(other) is None


def test_a_list_with_a_damaged_entry_is_one_row_that_cannot_be_read():
    _, (found,) = values(b'[{"role": "user"}, {"role": \xff}]')
    assert isinstance(found, Rejected)
    _, (found,) = values(b'[{"role": "user"}, {"content": "\xff"}, {"role": "user"}]')
    assert found.reason == "unreadable_json"
    assert found.detail.startswith("broken UTF-8: byte 0xff in ")


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    "content", [b'[{"a": 1}, {"b": tru}]', b'[\n{"a": 1},\n {"b": [1,\n 2 3]}]', b'[{"a": 1}, {"b']
)
def test_the_place_of_what_is_broken_is_that_in_the_whole_text(content):
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(content)
    assert values(content)[1][-1].detail == str(expected.value)


def test_lone_surrogates_written_as_escapes_are_kept():
    assert values(b'[{"a": "\\ud800"}]')[1] == [{"a": "\ud800"}]


def test_a_long_array_and_a_broken_one_take_linear_time():
    content = json.dumps([{"id": i, "text": "x" * 200} for i in range(20_000)]).encode()
    began = time.monotonic()
    assert len(values(content, 1 << 30)[1]) == 20_000
    _, found = values(b'[{"a": "' + b"x" * 3_000_000, 1 << 30)
    assert [r.reason for r in found] == ["unreadable_json"]
    assert time.monotonic() - began < 5


def test_an_array_on_one_line_is_not_held_as_a_whole():
    content = json.dumps([{"id": i, "text": "x" * 2000} for i in range(15_000)]).encode()
    tracemalloc.start()
    try:
        _, items = json_items(io.BytesIO(content), 64_000_000)
        assert sum(item.content["id"] for item in items) == 15_000 * 14_999 // 2
        assert tracemalloc.get_traced_memory()[1] < len(content) / 3
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b'"1", ' * 999 + b"{}]",
        (b'[{"role": "' + b"x" * 5000 + b'"}]\n') * 3,
        b"[[" + b"2, " * 3000 + b"3], 4]",
        b"[]",
    ],
)
def test_what_a_long_line_is_does_not_depend_on_how_much_is_read_at_once(content, monkeypatch):
    found = values(content, 100_000)
    for block in (1, 2, 3, 100, 4999):
        monkeypatch.setattr(json_stream, "BLOCK", block)
        assert values(content, 100_000) == found


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_first_line_beyond_the_limit_is_one_row_that_is_not_read(mark):
    line = b'{"text": "' + b"x" * 60 + b'"}\n'
    unit, (first, second) = values(mark + line + b'{"a": 1}\n', 40)
    assert unit == "line"
    assert (first.reason, second) == ("row_too_large", {"a": 1})
