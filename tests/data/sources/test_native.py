"""treadle's own rows: exact inverses, files from before a column existed, and what is wrong with a row."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason, Step, Trajectory
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.native import FORM, SCHEMA, read_native, to_row
from treadle.files.rows import Rejected, Row

text = st.text(max_size=20)
maybe = st.none() | text
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | text,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(text, values, max_size=3),
    max_leaves=8,
)
steps = st.builds(Step, text.filter(str.strip), maybe, maybe, maybe, text, text, maybe)
trajectories = st.builds(
    Trajectory,
    text,
    text,
    st.lists(steps, min_size=1, max_size=3).map(tuple),
    maybe,
    text,
    st.none() | st.booleans(),
    st.dictionaries(text, json_values, max_size=3),
    maybe,
    maybe,
)
FULL = Trajectory(
    "x",
    "p",
    (Step("ls", "T", "why", "saw", " ```\n", "\n``` ", '{"name": "ls"}'), Step("b")),
    "3",
    "agent",
    None,
    {"ключ": [1, {"n": None}], "\ud800": "lone"},
    "rules",
    "a/b",
)


def row(data):
    return Row(data, "f, line 1", "f", 1)


@given(trajectories)
def test_reading_is_the_inverse_of_writing(trajectory):
    assert read_native(to_row(trajectory)) == trajectory
    table = pa.Table.from_pylist([to_row(trajectory)], SCHEMA)
    assert [read_native(data) for data in table.to_pylist()] == [trajectory]


def test_every_field_of_both_classes_is_written():
    assert set(to_row(FULL)) == set(Trajectory.__dataclass_fields__)
    assert set(to_row(FULL)["steps"][0]) == set(Step.__dataclass_fields__)
    assert FORM.matches(row(to_row(FULL)))
    assert FORM.read(row(to_row(FULL)), ReadOptions()) == FULL


def test_rows_from_before_the_later_columns():
    old = {
        "id": "x",
        "problem": "p",
        "steps": [{"action": "a", "title": None, "thought": "t", "observation": None}],
        "answer": None,
        "domain": "math",
        "verified": True,
        "meta": '{"epilogue": "so"}',
    }
    expected = Trajectory("x", "p", (Step("a", thought="t"),), None, "math", True, {"epilogue": "so"})
    assert FORM.matches(row(old))
    assert read_native(old) == expected
    # The same in a newer file, where the new columns are null.
    table = pa.Table.from_pylist([old], SCHEMA)
    assert read_native(table.to_pylist()[0]) == expected


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"id": 7}, DropReason.MALFORMED, "column 'id' is int, expected str"),
        ({"problem": None}, DropReason.MALFORMED, "column 'problem' is NoneType, expected str"),
        ({"answer": 3}, DropReason.MALFORMED, "column 'answer' is int"),
        ({"verified": "yes"}, DropReason.MALFORMED, "column 'verified' is str"),
        ({"repo": []}, DropReason.MALFORMED, "column 'repo' is list"),
        ({"steps": []}, DropReason.MALFORMED, "'steps' is empty"),
        ({"steps": "a"}, DropReason.MALFORMED, "'steps' is str"),
        ({"steps": [{"action": "a"}, "b"]}, DropReason.MALFORMED, "step 2 is str"),
        ({"steps": [{"action": " \n"}]}, DropReason.MALFORMED, "step 1 has no action"),
        ({"steps": [{"title": "a"}]}, DropReason.MALFORMED, "step 1 has no action"),
        ({"steps": [{"action": "a", "reward": 1}]}, DropReason.MALFORMED, "unknown field 'reward'"),
        ({"steps": [{"action": "a", "title": 1}]}, DropReason.MALFORMED, "title of step 1 is int"),
        ({"meta": "{"}, DropReason.MALFORMED, "'meta' is not readable as JSON"),
        ({"meta": "[" * 100_000}, DropReason.MALFORMED, "'meta' is not readable as JSON"),
        ({"meta": "[1]"}, DropReason.MALFORMED, "'meta' is list"),
    ],
)
def test_what_is_wrong_is_named(change, reason, message):
    with pytest.raises(Rejected) as rejected:
        read_native({**to_row(FULL), **change}, "here")
    assert rejected.value.reason is reason
    assert message in rejected.value.detail
    assert rejected.value.detail.startswith("here: ")


def test_a_missing_column_is_named():
    data = to_row(FULL)
    del data["domain"]
    assert not FORM.matches(row(data))
    with pytest.raises(Rejected, match="no column domain"):
        read_native(data)


@pytest.mark.parametrize("steps", [None, "a", ["a"], [{"text": "a"}], [None]])
def test_other_rows_with_steps_are_not_of_this_form(steps):
    assert not FORM.matches(row({"id": "a", "problem": "p", "domain": "math", "steps": steps}))
