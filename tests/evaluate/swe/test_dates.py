"""Until when packages are taken: Python's release dates are those of its release schedules."""

from __future__ import annotations

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.dates import as_date, later, settled


def test_dates_are_as_uv_takes_them():
    assert as_date("2021-11-21T16:15:23Z", "some-1") == "2021-11-21T16:15:23+00:00"
    assert as_date("2021-11-21", "some-1") == "2021-11-21T00:00:00+00:00"
    with pytest.raises(DataError, match="some-1: created_at: found 'yesterday', expected an ISO date"):
        as_date("yesterday", "some-1")


def test_the_later_date_is_so_in_time_and_not_in_letters():
    west, utc = "2021-05-03T20:38:52-07:00", "2021-05-04T01:00:00+00:00"
    assert later(west, utc) == later(utc, west) == west


def test_an_issue_that_is_older_than_its_interpreter_gets_packages_for_it():
    assert settled("2012-09-20T00:00:00+00:00", "3.9") == "2021-10-05T00:00:00+00:00"  # 3.9.0: 2020-10-05
    assert settled("2022-12-27T00:00:00+00:00", "3.9") == "2022-12-27T00:00:00+00:00"
    assert settled("2012-09-20T00:00:00+00:00", "3.99") == "2012-09-20T00:00:00+00:00"
