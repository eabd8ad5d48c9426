r"""Dates and times of the day, no differences, quotients or ratios: `2021-03-04`, `July 4, 1776`, `3:30 PM`."""

from __future__ import annotations

import re
from typing import NamedTuple

from treadle.scoring.grading.verdicts import Case, Finding

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_MONTH_FIRST = re.compile(rf"{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?", re.I)
_DAY_FIRST = re.compile(rf"(?:the )?(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH}(?:,? (\d{{4}}))?", re.I)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?: ?([ap])\.? ?m\.?)?", re.I)
_TEXT = re.compile(r"\\text ?\{ ?([^{}]*?) ?\}")
_DIGIT = re.compile(r"\d")


class _Date(NamedTuple):
    year: int | None
    month: int
    day: int
    sure: bool = True  # whether the month is told from the day


def same_dates(left: str, right: str, case: Case) -> Finding | None:
    """Judge two dates or two times of the day; what is one of them and a number is left to other rules."""
    if not (_DIGIT.search(left) and _DIGIT.search(right)) or max(len(left), len(right)) > 60:
        return NotImplemented
    sides = [_TEXT.sub(r" \1", side).replace("  ", " ").strip() for side in (left, right)]
    dates = [_date(side) for side in sides]
    if None not in dates:
        return Finding(_same_date(*dates), "dates")
    if any(_ISO.fullmatch(side) for side in sides):
        return Finding(False, "a date against something else")
    clocks = [_CLOCK.fullmatch(side) for side in sides]
    # Two without a half of the day are ratios or times, which the rule of ratios judges.
    if None in clocks or not any(match[3] for match in clocks):
        return NotImplemented
    return Finding(_same_time(*clocks), "times of the day")


def _date(text: str) -> _Date | None:
    if match := _ISO.fullmatch(text):
        return _real(_Date(int(match[1]), int(match[2]), int(match[3])))
    if match := _SLASHED.fullmatch(text):
        month, day = int(match[1]), int(match[2])
        if month > 12:
            month, day = day, month
        return _real(_Date(int(match[3]), month, day, sure=day > 12 or day == month))
    if match := _MONTH_FIRST.fullmatch(text):
        name, day, year = match[1], match[2], match[3]
    elif match := _DAY_FIRST.fullmatch(text):
        day, name, year = match[1], match[2], match[3]
    else:
        return None
    return _real(_Date(year and int(year), _MONTHS.index(name[:3].lower()) + 1, int(day)))


def _real(date: _Date) -> _Date | None:
    return date if 1 <= date.month <= 12 and 1 <= date.day <= 31 else None


def _same_date(a: _Date, b: _Date) -> bool | None:
    if a.year != b.year and None not in (a.year, b.year):
        return False
    if a[1:3] == b[1:3]:
        # A year that only one side has may be the question's.
        return True if a.year == b.year and (a.sure or b.sure or a.sure == b.sure) else None
    unsure = not (a.sure and b.sure) and (a.month, a.day) == (b.day, b.month)
    return None if unsure else False


def _same_time(a: re.Match[str], b: re.Match[str]) -> bool:
    """Whether two times are one; without a half of the day, an hour up to twelve may be in either half."""
    hours = []
    for match in (a, b):
        hour, half = int(match[1]), (match[3] or "").lower()
        if half and hour <= 12:
            hours.append({hour % 12 + (12 if half == "p" else 0)})
        else:
            hours.append({hour} if half or hour > 12 or hour == 0 else {hour % 12, hour % 12 + 12})
    return a[2] == b[2] and bool(hours[0] & hours[1])
