"""Until when packages of an environment may have been published.

Tests of an issue are read as of its date. Two things move that date. SWE-bench runs issues of 2012 on Python 3.9, where
packages of 2012 do not work: an interpreter's packages are those of a year after its release, or later. And the harness
itself resolves without a date, so that some of its pinned requirements fit only with packages of its own time.
"""

from __future__ import annotations

from datetime import UTC, datetime

from treadle.errors import DataError

HARNESS = "2024-08-01T00:00:00+00:00"
"""SWE-bench's images: the latest release that its specifications pin is of July 2024 (tox 4.16.0)."""

SMITH = "2025-04-30T00:00:00+00:00"
"""SWE-smith was published (arXiv 2504.21798); its environments had been made with what was newest."""

# When there had been a Python for a year: PEP 478, 494, 537, 569, 596, 619, 664, 693, 719.
_SETTLED = {
    "3.5": "2016-09-13",
    "3.6": "2017-12-23",
    "3.7": "2019-06-27",
    "3.8": "2020-10-14",
    "3.9": "2021-10-05",
    "3.10": "2022-10-04",
    "3.11": "2023-10-24",
    "3.12": "2024-10-02",
    "3.13": "2025-10-07",
}


def as_date(text: str, who: str) -> str:
    """A date as uv takes it.

    Raises:
        DataError: It is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"{who}: created_at: found {text[:40]!r}, expected an ISO date, 2021-11-21T16:15:23Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def later(date: str, other: str) -> str:
    """The later of two dates of `as_date`."""
    return max(date, other, key=datetime.fromisoformat)


def settled(date: str, python: str) -> str:
    """The date, or where it is later the day on which there had been this version of Python for a year."""
    return later(date, f"{_SETTLED[python]}T00:00:00+00:00") if python in _SETTLED else date
