"""Answers that are labels: Roman numerals, several choices, names of figures in capital letters."""

from __future__ import annotations

import re

from treadle.scoring.grading.structures import split_top
from treadle.scoring.grading.verdicts import Case, Finding

_ROMAN = re.compile(r"(?=[IVXLC])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_CHOICES = re.compile(r"[A-J]{2,6}")
_CHOICE = re.compile(r"\(?([A-J])\)?")
_SEVERAL = re.compile(r"\(?[A-J]\)?(?:(?:[ ,;/&]|\band\b){0,6}\(?[A-J]\)?){0,9}")
_ONE = re.compile(r"[A-J]")
_CAPITALS = re.compile(r"[A-Z]{3,8}")
_WORD = re.compile(r"[A-Za-z]{3,8}")
_LONG = 4
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_TEXT = re.compile(r"\\text ?\{ ?([^{}]*?) ?\}")


def same_labels(left: str, right: str, case: Case) -> Finding | None:
    """Judge labels by their letters, which are no product: `IV` is not `VI`, `SAS` not `SSA`; `ABD` is `A, B, D`."""
    sides = [match[1] if (match := _TEXT.fullmatch(side)) else side for side in (left, right)]
    if all(map(_CAPITALS.fullmatch, sides)) or (all(map(_ROMAN.fullmatch, sides)) and len(sides[0] + sides[1]) > 2):
        if sides[0] == sides[1]:
            return Finding(True, "labels")
        # The corners of a figure in another order may be the same figure.
        corners = not all(map(_ROMAN.fullmatch, sides)) and sorted(sides[0]) == sorted(sides[1])
        return Finding(None if corners and len(set(sides[0])) == len(sides[0]) else False, "labels")
    wrapped = left.startswith("\\text") or right.startswith("\\text")
    short = len(sides[0]) < _LONG and not wrapped  # what is longer, or in \text{}, is words
    if short and all(map(_WORD.fullmatch, sides)) and _same_letters(*sides) and sides[0].lower() != sides[1].lower():
        # A product, as xyz and zyx are, or two words, as cat and act are.
        product = "".join(sorted(sides[0])) in _ALPHABET
        return NotImplemented if product else Finding(None, "words of the same letters")
    for run, listed in (sides, sides[::-1]):
        if not _CHOICES.fullmatch(run) or len(set(run)) < len(run):
            continue
        parts = [_CHOICE.fullmatch(part) for part in split_top(listed, (",", ";", "and"))]
        if len(parts) > 1 and all(parts):
            return Finding(sorted(run) == sorted(match[1] for match in parts), "several choices")
    return NotImplemented


def same_choices(left: str, right: str) -> Finding | None:
    """Judge several choices in any order: `A, C` is `CA`; `None` where neither side has several."""
    sides = [_SEVERAL.fullmatch(_TEXT.sub(r" \1 ", side).strip()) for side in (left, right)]
    if None in sides:
        return None
    letters = [set(_ONE.findall(side[0])) for side in sides]
    if max(map(len, letters)) < 2:
        return None
    return Finding(letters[0] == letters[1], "several choices")


def _same_letters(a: str, b: str) -> bool:
    return sorted(a.lower()) == sorted(b.lower())
