r"""Is a solution's final answer the reference answer? `True` or `False` only where that is sure, else `None`.

Compared is the last `\boxed{}` of the solution: by its text without markup, then by math-verify and by the rules of
evaluation in a worker process with a time limit. A row that is called wrong is dropped, so their "no" is not enough
where two right answers may look different. These are `None`:

- one side is a choice's letter, the other a value (`(B)` and `26`); `\textbf{(B)}\ 26` is compared with either;
- a side has words that are not the other's (`18 \text{ dollars}`, `east`, `proof`): units, synonyms, remarks;
- a side is a mixed number or a repeating decimal (`2 1/3`, `0.\overline{3}`) that neither of them calls equal;
- one side may be the other rounded (`33.3` and `\frac{100}{3}`), or is a decimal number and the other an expression;
- an angle in degrees against one with `\pi`, a number with a base (`101_2`) against one without;
- a list, equation, inequality or matrix with the same numbers on both sides in another notation;
- another box of the solution may be the reference, so that the last one is a part or an aside;
- math-verify hung or crashed, or an answer is longer than 300 characters.

The price is that some wrong answers stay unmarked, above all words and numbers with units.
"""

from __future__ import annotations

import os
import re
from functools import cache

from treadle.scoring.answers import lettered, plainly_equal
from treadle.scoring.grading import Grader, Verdict
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
    left, right = _plain(found), _plain(reference)
    if left == right:
        return True
    (left_choice, left), (right_choice, right) = lettered(left), lettered(right)
    if left_choice and right_choice:
        return left_choice == right_choice
    if not left or not right:
        return None
    wordy = _has_words(left) or _has_words(right)
    if left == right or (wordy and left.casefold() == right.casefold()):
        return True
    if wordy and not (_NUMBER.search(left) and _NUMBER.search(right)):
        return None
    pair = (left, right) if left_choice or right_choice else (found, reference)
    verdict = _graded(*pair)
    if verdict is not True and _right_by_rules(*pair):
        return True
    return None if verdict is False and (wordy or _may_be_same(left, right)) else verdict


def _plain(text: str) -> str:
    """The text without white space and without markup that does not change its meaning."""
    return substituted(text, _MARKUP)


def _has_words(plain: str) -> bool:
    return bool(_WORD.search(_COMMAND.sub(" ", plain)))


def _may_be_same(left: str, right: str) -> bool:
    """Whether two answers without words that math-verify calls different may be two forms of the same."""
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
    for mark, counterpart in (("\\circ", "\\pi"), ("°", "\\pi"), ("_", "")):
        for one, other in ((left, right), (right, left)):
            if mark in one and mark not in other and counterpart in other:
                return True
    return bool(_NOTATION.search(left) or _NOTATION.search(right)) and (
        sorted(_NUMBER.findall(left)) == sorted(_NUMBER.findall(right))
    )


_UNREAD = re.compile(
    r"\\overline|\\dot\{|\.\.\.|\\l?dots|\d\s*\\frac|\d \d+/\d|\\approx"  # repeating decimals, mixed numbers
)
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


def _right_by_rules(found: str, reference: str) -> bool:
    """Whether evaluation calls the answer right. It knows numbers in other notations: `1e-05` and `10^{-5}`."""
    (grade,) = _grader(os.getpid()).judge([found], [reference])
    return grade.verdict is Verdict.RIGHT


def _graded(found: str, reference: str) -> bool | None:
    """math-verify's verdict. It depends on the order of the two, so that it must say "wrong" both ways."""
    for pair in ((found, reference), (reference, found)):
        (verdict,) = _grader(os.getpid()).grade([pair[0]], [pair[1]])
        if verdict is not Verdict.WRONG:
            return True if verdict is Verdict.RIGHT else None
    return False


@cache
def _grader(process: int) -> Grader:
    """One grader a process: a forked process must not talk to its parent's workers."""
    return Grader(workers=1, seconds=SECONDS)
