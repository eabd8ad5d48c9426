from __future__ import annotations

from pathlib import Path

import pytest

from treadle.errors import OutputError
from treadle.files.same import differences, other_keys, refuse_others


def test_what_differs_is_named_with_both_values():
    old, now = {"a": 1, "b": 2, "gone": 3}, {"a": 1, "b": 5, "new": 6}
    keys = other_keys(old, now)
    assert keys == ["b", "gone", "new"]
    with pytest.raises(OutputError) as said:
        refuse_others(Path("runs/x"), keys, old, now)
    assert str(said.value).splitlines() == [
        "runs/x: holds a run with other settings; choose another folder with -o, or replace the run with --overwrite",
        "  b: 2 there, 5 now",
        "  gone: 3 there, None now",
        "  new: None there, 6 now",
    ]


def test_the_same_is_not_refused():
    refuse_others(Path("x"), other_keys({"a": 1}, {"a": 1}), {"a": 1}, {"a": 1})


def test_a_long_value_keeps_its_ends():
    line = differences(["a"], {"a": "x" * 500 + "y"}, {"a": None})
    assert line.startswith("  a: 'xxx")
    assert line.endswith("xy' there, None now")
    assert "[... 303 characters left out ...]" in line
