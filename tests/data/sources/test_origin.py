"""Where a row says that it came from."""

from __future__ import annotations

import pytest

from treadle.data.sources.origin import origin_in, origin_title
from treadle.teacher.drafts import Origin

ROW = {**Origin("bootstrap", "m", "0" * 64, 3, 2, 1, ("form",)).record(), "problem_id": "p"}


def test_an_origin_is_read_as_it_is_written():
    assert origin_in({"problem": "?", "origin": ROW}) == ROW
    assert origin_title(ROW) == "bootstrap by m, round 2"
    assert origin_title({**ROW, "kind": "solve", "round": 0}) == "solve by m"


@pytest.mark.parametrize("other", [None, "somewhere", {}, [ROW], {**ROW, "round": "2"}, {**ROW, "model": None}])
def test_other_columns_of_this_name_are_none(other):
    assert origin_in({"origin": other}) is None
    assert origin_in({}) is None
