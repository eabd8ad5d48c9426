r"""Answers with a condition behind them: `f(x) = x \text{ for all } x`, `3k + 1 \text{ for } k \ge 0`."""

from __future__ import annotations

import re

from treadle.scoring.grading.verdicts import Case, Finding

_FOR_ALL = re.compile(
    r"^(.+?),? ?(?:\\text ?\{ ?,? ?for( all| every| any)?(?: [^{}]*)?\}|(?<= )for( all| every| any)? ).{0,200}$"
)
_MORE = re.compile(r"\b(?:or|and)\b|=")


def same_but_for_conditions(left: str, right: str, case: Case) -> Finding | None:
    r"""`f(x) = x \text{ for all } x` is `f(x) = x`; another condition than the other side's is undecided."""
    matches = [_FOR_ALL.match(side) if "for" in side else None for side in (left, right)]
    if not any(matches) or any(match and _MORE.search(match[0], match.end(1)) for match in matches):
        return NotImplemented
    all_of_them = all(match is None or match[2] or match[3] for match in matches)
    finding = case.again(*(match[1] if match else side for match, side in zip(matches, (left, right), strict=True)))
    if finding is None or all_of_them or not finding.same:
        return finding
    return Finding(None, "a condition")
