"""What is read back is of the types that were written, or the file and the key are named."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from typing_extensions import TypedDict

from treadle.errors import DataError, OutputError
from treadle.files.typed import STRICT, Count, Number, checked, read_object, record_of


class Inner(TypedDict):
    count: Count
    share: Number


class Outer(TypedDict):
    __pydantic_config__ = STRICT
    name: str
    inner: list[Inner]


@dataclass
class Record:
    name: str
    count: int


GOOD = {"name": "a", "inner": [{"count": 0, "share": -0.5}, {"count": 2**53, "share": 1}]}


def inner(**values):
    return {"name": "a", "inner": [GOOD["inner"][0], {**GOOD["inner"][0], **values}]}


def test_what_is_as_written_comes_back_as_it_is():
    assert checked(Outer, GOOD, "f", "mend it") == GOOD


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (inner(count=-1), "inner.1.count: input should be greater than or equal to 0, found -1"),
        (inner(count=2**53 + 1), "inner.1.count: input should be less than or equal to 9007199254740992"),
        (inner(count="3"), "inner.1.count: input should be a valid integer, found '3'"),
        (inner(count=True), "inner.1.count: input should be a valid integer, found True"),
        (inner(count=1.0), "inner.1.count: input should be a valid integer, found 1.0"),
        (inner(share=float("nan")), "inner.1.share: input should be"),
        (inner(share=float("inf")), "inner.1.share: input should be"),
        (inner(share="0.5"), "inner.1.share: input should be a valid number, found '0.5'"),
        ({"name": "a"}, "inner: field required; mend it"),
        ({**GOOD, "name": None}, "name: input should be a valid string, found None"),
        ([], "the whole: input should be a valid dictionary, found []"),
    ],
)
def test_the_key_is_named_and_what_was_found(value, said):
    with pytest.raises(OutputError) as caught:
        checked(Outer, value, "run/f.json, line 3", "mend it")
    assert str(caught.value).startswith(f"run/f.json, line 3: {said}")
    assert str(caught.value).endswith("; mend it")


def test_a_long_value_is_cut_and_stays_on_its_line():
    with pytest.raises(OutputError) as caught:
        checked(Outer, {**GOOD, "inner": "line\n" * 10_000}, "f", "mend it")
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


def test_another_error_and_a_key_before():
    with pytest.raises(DataError, match=r"^f: settings\.inner: field required; mend it$"):
        checked(Outer, {"name": "a"}, "f", "mend it", DataError, key="settings")


def test_records():
    assert record_of(Record, {"name": "a", "count": 1}, "f", "mend it") == Record("a", 1)
    for record, said in (
        ({"name": "a", "count": 1, "more": 2}, "f: unknown key 'more', expected count, name; mend it"),
        ({"name": "a"}, "f: count: "),
        ({"name": "a", "count": "many"}, "f: count: input should be a valid integer"),
        ({"name": "a", "count": 1, 3: 4}, "f: unknown key '3', expected count, name; mend it"),
    ):
        with pytest.raises(OutputError) as caught:
            record_of(Record, record, "f", "mend it")
        assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "found list, expected an object"),
        (b"null", "found NoneType, expected an object"),
        (b"", "no JSON"),
        (b'{"a": 1', "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no JSON"),
    ],
)
def test_files_that_hold_no_object(tmp_path, content, said):
    (tmp_path / "f.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_object(tmp_path / "f.json", "mend it", DataError)
    assert str(caught.value).startswith(f"{tmp_path / 'f.json'}: {said}")
    assert str(caught.value).endswith("; mend it")
    assert "\n" not in str(caught.value)


def test_a_file_that_holds_one(tmp_path):
    (tmp_path / "f.json").write_text('{"ü": [1]}', encoding="utf-8")
    assert read_object(tmp_path / "f.json", "") == {"ü": [1]}
    with pytest.raises(FileNotFoundError):
        read_object(tmp_path / "none.json", "")
