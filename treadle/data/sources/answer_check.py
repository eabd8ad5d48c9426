r"""Is a solution's final answer the reference answer? `True` or `False` only where that is sure, else `None`.

Compared is the last `\boxed{}` of the solution, by the grader of training and evaluation (`treadle.scoring.grading`)
with a time limit. Right is right here, too. A row that is called wrong is dropped, so its "wrong" is
not enough where an expert's answer may differ from the reference and be no failure. These are `None`:

- the grader is undecided, was killed, or an answer is longer than 300 characters;
- one side is a choice's letter, the other a value (`B` and `26`);
- a side has words that are not the other's (`18 \text{ dollars}`, `east`, `proof`): synonyms, remarks;
- one may be the other rounded (`33.3` and `\frac{100}{3}`), or is a decimal number and the other an expression;
- a list, equation, inequality or matrix with the same numbers on both sides in another notation;
- another box of the solution may be the reference, so that the last one is a part or an aside.

The price is that some wrong answers stay unmarked, above all words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from treadle.scoring.answers import lettered, plainly_equal
from treadle.scoring.grading import Grader, GraderName, Verdict
from treadle.scoring.grading.normal import plain, substituted
from treadle.scoring.grading.numbers import close, read_number

SECONDS = 2.0  # for one comparison; several of them must stay below the time limit of a row
LONGEST = 300  # characters
_BOXES_TRIED = 4

_MARKUP = (
    (re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:left|right|displaystyle)(?![a-zA-Z])|\\[,!;: $]|[$~]"), ""),
    (re.compile(r"(?<!\d)\s+|\s+(?!\d)"), ""),  # "1 2" stays apart from "12"
    (re.compile(r"\.+\Z"), ""),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
)
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_VALUE = re.compile(r"(-?)(?:\\frac\{?(\d+?)\}?\{?(\d+)\}?|(\d+)/(\d+)|(\d*\.?\d+))(?:\\?%|\^\{?\\circ\}?|°)?")
_NOTATION = re.compile(r"[,=<>]|\\(?:in|leq?|geq?|neq?|pm|cup|begin|infty)(?![a-zA-Z])")


def is_right(found: list[str], reference: str) -> bool | None:
    """Whether the last of the boxes that a solution has is the reference; `None` where that is not sure."""
    last_first = list(dict.fromkeys(reversed(found)))
    if not last_first:
        return None
    verdict = same_answer(last_first[0], reference)
    others = last_first[1:_BOXES_TRIED]
    if verdict is not False or not others:
        return verdict
    if same_answer(", ".join([*reversed(others), last_first[0]]), reference):
        return True
    return None if any(same_answer(other, reference) is not False for other in others) else False


def same_answer(found: str, reference: str) -> bool | None:
    """Whether two final answers are the same; `None` where that is not sure, see above."""
    if (equal := plainly_equal(found, reference)) is not None:
        return equal
    if max(len(found), len(reference)) > LONGEST:
        return None
    (grade,) = _pool(os.getpid()).judge([found], [reference], grader=_grader.get())
    if grade.verdict is Verdict.RIGHT:
        return True
    return False if grade.verdict is Verdict.WRONG and not _may_be_right(found, reference) else None


def _may_be_right(found: str, reference: str) -> bool:
    """Whether an answer that the grader calls wrong may be no failure, see above."""
    left, right = _plain(found), _plain(reference)
    (left_choice, left), (right_choice, right) = lettered(left), lettered(right)
    if left_choice and right_choice:
        return False
    if not left or not right:
        return True
    if _has_words(left) or _has_words(right):
        return True
    return _rounded(left, right)


def _plain(text: str) -> str:
    """The text without white space and without markup that does not change its meaning."""
    return substituted(text, _MARKUP)


def _has_words(plain: str) -> bool:
    return bool(_WORD.search(_COMMAND.sub(" ", plain)))


def _rounded(left: str, right: str) -> bool:
    """Whether two answers without words may be two forms of the same."""
    if any(_UNREAD.search(side) for side in (left, right)):
        return True
    numbers = [read_number(plain(side)) for side in (left, right)]
    if None not in numbers and not all(number.exact for number in numbers):
        return close(numbers[0].value, numbers[1].value, _ROUNDING) or _rounded_alike(left, right)
    return _rounded_alike(left, right)


def _rounded_alike(left: str, right: str) -> bool:
    values = [_value(left), _value(right)]
    if None not in values:
        (a, a_digits), (b, b_digits) = values
        digits = min(a_digits, b_digits)
        return max(a_digits, b_digits) > 0 and abs(a - b) <= 0.5000001 * 10.0**-digits
    if any(value is not None and 0 < value[1] < _EXACT for value in values):
        return True
    return bool(_NOTATION.search(left) or _NOTATION.search(right)) and (
        sorted(_NUMBER.findall(left)) == sorted(_NUMBER.findall(right))
    )


_UNREAD = re.compile(r"\.\.\.|\\l?dots|\\approx")
_ROUNDING = 1e-3  # of the larger number: what three significant digits leave open
_EXACT = 99  # stands for the number of decimals of a fraction


def _value(plain: str) -> tuple[float, int] | None:
    """The value of a plain number or fraction and its number of decimals; `None` for anything else."""
    match = _VALUE.fullmatch(plain)
    if not match:
        return None
    sign = -1.0 if match[1] else 1.0
    numerator, denominator = match[2] or match[4], match[3] or match[5]
    if numerator:
        return (sign * float(numerator) / float(denominator), _EXACT) if float(denominator) else None
    return sign * float(match[6]), len(match[6].partition(".")[2])


_grader: ContextVar[GraderName] = ContextVar("grader", default="treadle")


@contextmanager
def graded_by(grader: GraderName) -> Iterator[None]:
    """Compare answers by this grader."""
    token = _grader.set(grader)
    try:
        yield
    finally:
        _grader.reset(token)


@cache
def _pool(process: int) -> Grader:
    """One pool a process: a forked process must not talk to its parent's workers."""
    return Grader(workers=1, seconds=SECONDS)
