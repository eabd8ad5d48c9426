r"""Judge answers that are made of parts: lists, sets, points, vectors, matrices, unions of intervals."""

from __future__ import annotations

import re
from collections.abc import Callable

from treadle.scoring.grading.numbers import read_number
from treadle.scoring.grading.structures import Structure, is_name, is_quantity, read_equation, read_structure, split_top
from treadle.scoring.grading.verdicts import Case, Finding

_MOST_PARTS = 60
# Where one side has parts and the other none, computer algebra can still tell that 1 < x < 2 is (1, 2).
_RELATION = re.compile(r"[<>]|\\(?:le|ge|ne|mathbb|infty|begin|pm|emptyset)(?![a-zA-Z])")
_DECIMAL_COMMA = re.compile(r"([+-]? ?\d+),(\d+)")
_NAMED_POINT = re.compile(r"[A-Z](?:_\{?\d\}?|')? ?(?=\()")
_WORDS = re.compile(r"\\text ?\{([^{}]*)\}")
_OR = re.compile(r"\bor\b")
Again = Callable[[str, str], "Finding | None"]
_ROUND = (("(", ")"), ("\\langle", "\\rangle"))


def same_parts(left: str, right: str, case: Case) -> Finding | None:
    """Judge answers of which one has parts; the order counts in tuples, vectors and matrices."""
    a, b = read_structure(left), read_structure(right)
    if a is None and b is None:
        return NotImplemented
    if a is None and b is not None:
        a = _named(left, b)
    elif b is None and a is not None:
        b = _named(right, a)
    if a is None or b is None:
        return _against_one(a or b, left, right, case, swapped=a is None)
    if max(len(a.parts), len(b.parts)) > _MOST_PARTS:
        return Finding(False, f"more than {_MOST_PARTS} parts")
    if a.form == b.form == "set":
        a, b = _without_repeats(a, case.again), _without_repeats(b, case.again)
    if len(a.parts) != len(b.parts):
        if {a.form, b.form} <= {"list", "set"} and any(
            len(s.parts) > len(_without_repeats(s, case.again).parts) for s in (a, b)
        ):
            return _of_repeats(a, b, case)
        return Finding(False, "different number of parts")
    if (finding := _forms(a, b)) is not None:
        return finding
    sets = "set" in (a.form, b.form)
    ordered = not {a.form, b.form} <= {"set", "list", "union"}
    if ordered and a.form != b.form:
        a, b = _by_name(a), _by_name(b)
    same = (_in_order if ordered else _in_any_order)(a.parts, b.parts, _of_sets(case.again) if sets else case.again)
    if same is None:
        return None
    return same._replace(why="parts in order" if ordered else "parts in any order")


def _named(text: str, other: Structure) -> Structure | None:
    r"""The parts of `A(1, 2)`, `x = y = 1` and `\text{A and B}`, which only another's parts make parts."""
    if other.form == "tuple" and (match := _NAMED_POINT.match(text)):
        return read_structure(text[match.end() :])
    if other.form in ("list", "set") and (match := _WORDS.fullmatch(text)):
        return read_structure(match[1])
    sides = split_top(text, ("=",))
    if len(sides) == len(other.parts) + 1 > 2 and other.form in ("tuple", "list") and all(map(is_name, sides[:-1])):
        return Structure("list", [f"{name}={sides[-1]}" for name in sides[:-1]])
    return None


def _against_one(some: Structure, left: str, right: str, case: Case, swapped: bool) -> Finding | None:
    """Judge parts against an answer without parts, the left one if `swapped`."""
    other, whole = (left, right) if swapped else (right, left)
    if (sides := read_equation(other)) is not None and (swapped or is_quantity(sides[0])):
        return NotImplemented
    if some.form == "set" and len(some.parts) == 1 and any(map(_is_set, (some.parts[0], other))):
        return Finding(False, "a set against its element")
    if some.form in ("set", "list") and len(some.parts) == 1:
        return case.again(*((left, some.parts[0]) if swapped else (some.parts[0], right)))
    if some.form == "list" and read_number(whole) is not None:
        ungrouped = whole.replace(",", "")  # 479,001,600 for 12!
        return case.again(*((left, ungrouped) if swapped else (ungrouped, right)))
    if some.form == "list" and _OR.search(whole):
        # two forms of one value
        findings = [case.again(*((left, part) if swapped else (part, right))) for part in some.parts]
        if None in findings or all(finding.same for finding in findings):
            return findings[0] if None not in findings else None
    if _RELATION.search(other) or _RELATION.search(" ".join(some.parts)):
        return case.computed(left, right)
    if some.form == "list" and (number := _DECIMAL_COMMA.fullmatch(",".join(some.parts))):
        finding = case.again(f"{number[1]}.{number[2]}", other)
        if finding is not None and finding.same:
            return Finding(None, "a decimal comma or a list")
    return Finding(False, f"{some.form} against a single answer")


def _is_set(text: str) -> bool:
    return text.startswith(("\\{", "\\emptyset"))


def _of_sets(again: Again) -> Again:
    r"""Judges elements of sets: `\{1\}` is another element than 1."""

    def judged(x: str, y: str) -> Finding | None:
        return again(x, y) if _is_set(x) == _is_set(y) else Finding(False, "a set against its element")

    return judged


def _without_repeats(structure: Structure, again: Again) -> Structure:
    """A set or list in which nothing stands twice."""
    kept: list[str] = []
    for part in structure.parts:
        if not any(part == other or ((f := again(part, other)) is not None and f.same) for other in kept):
            kept.append(part)
    return structure._replace(parts=kept)


def _of_repeats(a: Structure, b: Structure, case: Case) -> Finding | None:
    """Lists of different length in which something stands twice: points are a set, numbers are roots that count.

    Where one side has the braces of a set, whether it counts is not known.
    """
    braces = "set" in (a.form, b.form)
    a, b = _without_repeats(a, case.again), _without_repeats(b, case.again)
    if len(a.parts) != len(b.parts):
        return Finding(False, "different number of parts")
    finding = _in_any_order(a.parts, b.parts, case.again)
    points = all(part.startswith("(") for part in (*a.parts, *b.parts))
    if finding is None or not finding.same or points:
        return finding and finding._replace(why="parts in any order")
    return Finding(None if braces else False, "something stands twice")


def _forms(a: Structure, b: Structure) -> Finding | None:
    """What the forms alone say: `None` where the parts decide."""
    forms = {a.form, b.form}
    if forms == {"tuple"}:
        brackets = [("(", ")") if s.brackets in _ROUND else s.brackets for s in (a, b)]
        different = len(a.parts) == 2 and brackets[0] != brackets[1]
        return Finding(False, "different brackets") if different else None
    if forms == {"matrix"}:
        if a.brackets == b.brackets:
            return None
        turned = "1" in a.brackets and a.brackets == b.brackets[::-1]
        return Finding(None, "a row against a column") if turned else Finding(False, "matrices of different shape")
    if forms == {"matrix", "tuple"}:
        matrix, other = (a, b) if a.form == "matrix" else (b, a)
        fits = "1" in matrix.brackets and other.brackets in _ROUND
        return None if fits else Finding(False, "a matrix against a tuple")
    if forms == {"tuple", "list"}:
        brackets = a.brackets if a.form == "tuple" else b.brackets
        return None if brackets in _ROUND else Finding(False, "an interval against a list")
    return None if len(forms) == 1 or forms == {"list", "set"} else Finding(False, f"{a.form} against {b.form}")


def _by_name(structure: Structure) -> Structure:
    """A list of equations `y = 7, x = 5` in the order of their names, as a point has them."""
    sides = [read_equation(part) for part in structure.parts]
    if structure.form != "list" or not all(side and is_name(side[0]) for side in sides):
        return structure
    if len({name for name, _ in sides}) < len(sides):
        return structure
    return structure._replace(
        parts=[part for _, part in sorted(zip((s[0] for s in sides), structure.parts, strict=True))]
    )


def _in_order(a: list[str], b: list[str], again: Again) -> Finding | None:
    findings = []
    for x, y in zip(a, b, strict=True):
        finding = again(x, y)
        if finding is not None and finding.same is False:
            return finding
        findings.append(finding)
    if None in findings:
        return None
    return next((f for f in findings if f.same is None), Finding(True, ""))


def _in_any_order(a: list[str], b: list[str], again: Again) -> Finding | None:
    remaining, unsure = list(b), None
    for x in a:
        findings = [(again(x, y), y) for y in remaining]
        partner = next((y for finding, y in findings if finding is not None and finding.same), None)
        if partner is None:
            if any(finding is None for finding, _ in findings):
                return None
            unsure = next((finding for finding, _ in findings if finding.same is None), None)
            return Finding(None, "") if unsure else Finding(False, "")
        remaining.remove(partner)
    return Finding(True, "")
