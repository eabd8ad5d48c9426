"""A cheap normal form of answers, for counting votes: no worker, no computer algebra."""

from __future__ import annotations

from treadle.scoring.grading.choices import choice_letter, words
from treadle.scoring.grading.normal import LONGEST, compact, plain
from treadle.scoring.grading.numbers import read_number
from treadle.scoring.grading.structures import is_name, read_equation, read_structure

_DEEPEST = 6


def canonical(answer: str) -> str:
    r"""The class that an answer votes for.

    Numbers are reduced fractions without units, `x = 5` is 5, lists and sets are sorted, choices are their letter and
    words are in lower case. Answers of one class grade alike in nearly all cases; the reverse does not hold, since
    `\sqrt{8}` and `2\sqrt{2}` are two classes. maj@k so defined splits votes a little more than grading does.
    """
    if len(answer) > LONGEST:
        return answer.strip()
    return _canonical(plain(answer), 0)


def _canonical(text: str, depth: int) -> str:
    if depth > _DEEPEST:
        return compact(text)
    if (number := read_number(text)) is not None:
        return f"{number.value}%" if number.percent else str(number.value)
    if letter := choice_letter(text):
        return letter
    if (parts := read_structure(text)) is not None:
        inner = [_canonical(part, depth + 1) for part in parts.parts]
        opening, closing = parts.brackets
        return f"{opening}{', '.join(inner if opening else sorted(inner))}{closing}"
    if (sides := read_equation(text)) is not None and is_name(sides[0]):
        return _canonical(sides[1], depth + 1)
    if "\\text" in text and (spoken := words(text)):
        return spoken
    return compact(text)
