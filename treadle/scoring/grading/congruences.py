r"""Answers that are residues: `25 \pmod{100}`, `n \equiv 1 \pmod 4`, `x \equiv 3 (\text{mod } 7)`."""

from __future__ import annotations

import re

from treadle.scoring.grading.normal import compact
from treadle.scoring.grading.structures import split_top
from treadle.scoring.grading.verdicts import Case, Finding

_MOD = r"\\(?:b?mod(?![a-zA-Z])|text ?\{ ?mod ?\})|mod(?![a-zA-Z])"
_MODULUS = r"\{?([A-Za-z0-9^]{1,12})\}?"
_CONGRUENCE = re.compile(
    r"(?:[A-Za-z](?:_\{?\w\}?)? ?\\equiv ?)?(?P<residues>[^=]{1,200}?) ?"
    rf"(?:\\pmod ?{_MODULUS}|(?:{_MOD}) ?{_MODULUS}|\( ?(?:{_MOD}) ?{_MODULUS} ?\)"
    rf"|\\text ?\{{ ?\(mod ?\}} ?{_MODULUS} ?(?:\)|\\text ?\{{ ?\) ?\}}))"
)
_WHOLE = re.compile(r"[+-]? ?\d{1,50}")
_LETTER = re.compile(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])")


def same_congruences(left: str, right: str, case: Case) -> Finding | None:
    r"""Judge two answers of which one is a residue; where the other is none, the modulus says nothing.

    A formula such as `4k + 1` against `1 \pmod 4` is undecided.
    """
    a, b = _read(left), _read(right)
    if a is None and b is None:
        return NotImplemented
    if a is None or b is None:
        residue, other = (a[0], right) if a else (b[0], left)
        if _LETTER.search(other) and not _LETTER.search(residue):
            return Finding(None, "a residue against a formula")
        return case.again(residue, other)
    if a[1] != b[1]:
        return Finding(False, "different moduli")
    sides = [split_top(residue, (",", "and")) for residue, _ in (a, b)]
    if a[1].isdigit() and int(a[1]) and all(_WHOLE.fullmatch(part) for side in sides for part in side):
        classes = [{int(part.replace(" ", "")) % int(a[1]) for part in side} for side in sides]
        return Finding(classes[0] == classes[1], "residues")
    return case.again(a[0], b[0])


def _read(text: str) -> tuple[str, str] | None:
    """The residues and the modulus."""
    match = _CONGRUENCE.fullmatch(text) if "mod" in text else None
    if not match:
        return None
    return match["residues"].strip(), compact(next(group for group in match.groups()[1:] if group))
