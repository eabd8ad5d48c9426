r"""Does a rewriting follow its original? Each step's formulas and numbers are looked for in it.

What a step says in formulas is taken apart at relations (`=`, `<`, `\implies` ...) and commas; a piece counts as found
if it stands, but for white space and ways to set it (`\dfrac`, `\left`), in the problem or the original. Numbers
outside of formulas count as pieces, too; the number of the step does not. The share of pieces that are found must
reach a bar, for every step: a step that brings its own mathematics is no rewriting of somebody else's.

This looks at symbols alone. A step in words that says something new passes, and one that computes in between what the
original leaves out may not; the bar leaves room for that.
"""

from __future__ import annotations

import re
from functools import lru_cache

from treadle.files.rows import Rejected
from treadle.teacher.checks import Check, Fault, Reason
from treadle.teacher.checks.reading import trajectory_of
from treadle.teacher.drafts import Draft

FEWEST = 3
"""Pieces of a step below which a share says nothing; such a step passes with one piece that is found, or with none."""
_SHOWN = 3

_FORMULA = re.compile(
    r"\$\$(?P<a>.{1,4000}?)\$\$ | \\\[(?P<b>.{1,4000}?)\\\] | \\\((?P<c>.{1,4000}?)\\\)"
    r"| (?<!\\)\$(?P<d>[^$]{1,1000})\$"
    r"| \\begin\{(?P<env>align|aligned|equation|gather|cases)\*?\}(?P<e>.{1,4000}?)\\end\{(?P=env)\*?\}",
    re.VERBOSE | re.DOTALL,
)
_HEAD = re.compile(r"^[\s#*(]*(?:step\s*)?\d+\s*[.):]*", re.IGNORECASE)
_SET = re.compile(
    r"\\(?:left|right|displaystyle|[bB]igg?[lrm]?|mathrm|text|textbf|mathbf|boxed|fbox|quad|qquad|tag|nonumber)(?![A-Za-z])"
    r"|\\(?:begin|end)\{[a-z]+\*?\}|\^\{?\\circ\}?|\\[,;:!\[\]]|[\s{}()&$~°\\]"
)
_SAME = (
    (re.compile(r"\\[dtc]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\\[dtc]?frac\s*(\d)\s*(\d)"), r"\1/\2"),
    (re.compile(r"\\(?:cdot|times)(?![A-Za-z])|[×·]|\*\*"), "*"),
    (re.compile(r"\\div(?![A-Za-z])|÷"), "/"),
    (re.compile("[−–]"), "-"),
    (re.compile("√"), "sqrt"),
)
_JOINT = re.compile(
    r"\\\\|[=<>,;≤≥≠≈→⇒]|\\(?:leq?|geq?|neq?|approx|equiv|implies|iff|Rightarrow|rightarrow|to|ldots|dots|quad|qquad|"
    r"in|mid|sim|cong|therefore|because)(?![A-Za-z])|\\text\{[^{}]*\}"
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")
_THOUSANDS = re.compile(r"(?<=\d)(?:,|\{,\})(?=\d{3}(?!\d))")


class Follows(Check):
    """Of every step a share of its formulas and numbers stands in the original or the problem.

    Args:
        least: The share, from 0 to 1.
    """

    name = "follows"

    def __init__(self, least: float) -> None:
        self.least = least

    def applies(self, draft: Draft) -> bool:
        return draft.original is not None

    def __call__(self, draft: Draft) -> Fault | None:
        found = trajectory_of(draft)
        if isinstance(found, Rejected):
            return None  # of what has no steps the form speaks
        for number, step in enumerate(found.steps, 1):
            pieces = pieces_of(step.action)
            missing = missing_in(pieces, f"{draft.problem}\n{draft.original}")
            if not strays(len(pieces), len(missing), self.least):
                continue
            shown = ", ".join(missing[:_SHOWN])
            return Fault(
                Reason.STRAYS,
                f"step {number} ({step.title or 'untitled'}): {len(pieces) - len(missing)} of {len(pieces)} formulas "
                f"and numbers occur in the original, expected {self.least:.0%}; not there: {shown}",
            )
        return None


def strays(pieces: int, missing: int, least: float) -> bool:
    """Whether a step with so many pieces, of which some are missing in the original, falls below the bar."""
    if pieces < FEWEST:
        return least > 0 and 0 < pieces == missing
    return pieces - missing < least * pieces


def pieces_of(action: str) -> list[str]:
    """The formulas and numbers of a step, in order, each once, as they are compared."""
    text = _HEAD.sub("", action, count=1)
    found: list[str] = []
    rest, at = [], 0
    for match in _FORMULA.finditer(text):
        rest.append(text[at : match.start()])
        at = match.end()
        inside = next(group for group in match.group("a", "b", "c", "d", "e") if group is not None)
        found += [plain for part in _JOINT.split(inside) if len(plain := normal(part).strip(".")) > 0]
    found += [normal(number) for number in _NUMBER.findall(" ".join([*rest, text[at:]]))]
    return [piece for piece in dict.fromkeys(found) if len(piece) > 1 or piece.isdigit()]


def missing_in(pieces: list[str], original: str) -> list[str]:
    """Those of the pieces that do not occur in the original; a number must stand there as a number."""
    text = _looked_in(original)
    return [piece for piece in pieces if not _occurs(piece, text)]


def _occurs(piece: str, text: str) -> bool:
    if not piece[0].isdigit() and not piece[-1].isdigit():
        return piece in text
    start = r"(?<![\d.])" if piece[0].isdigit() else ""
    end = r"(?!\d|\.\d)" if piece[-1].isdigit() else ""
    return re.search(start + re.escape(piece) + end, text) is not None


@lru_cache(maxsize=8)  # all steps of a draft are compared with one text
def _looked_in(original: str) -> str:
    return normal(original)


def normal(text: str) -> str:
    """Mathematics without white space, brackets and ways to set it, fractions on one line: `\\frac{1}{2}` is `1/2`."""
    text = _THOUSANDS.sub("", text)
    for pattern, same in _SAME:
        text = pattern.sub(same, text)
    return _SET.sub("", text)
