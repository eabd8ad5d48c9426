r"""Solutions in prose cut into steps of bounded size (`--segment prose`), where no strong model rewrites them.

Of the text's joints (see `joints`) those are chosen that cost least: steps of usual size, cut where the source sets off
a thought. Steps have no titles, and put together they are the text byte for byte.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise

from treadle.data.sources.form import Segment, Untitled
from treadle.data.sources.math.joints import HEADING, Joint, joints
from treadle.data.sources.math.numbered import NumberedSolution, parse_numbered
from treadle.data.sources.math.step_text import step_of
from treadle.data.sources.report import DropReason

SHORTEST, LONGEST = 40, 600
"""Characters of a step. A shorter one is a fragment without content of its own ("Let $x > 0$."); a longer one is more
than one action: of the titled steps of AMC and AIME solutions 90% have between 100 and 560 characters. A text
that is shorter by itself is one step; a formula, table or code block that is longer by itself stays whole."""
USUAL = (120, 350)
"""Steps of this size cost nothing."""
_FINAL = re.compile(r"\\boxed|\\fbox|(?:final )?answer(?: is|:)", re.IGNORECASE)
_LAST_WORDS = 200  # characters; a longer ending with the box has content of its own
_FORBIDDEN = 1000.0


def solution_steps(
    text: str, untitled: Untitled = "drop", segment: Segment = "off"
) -> tuple[NumberedSolution | DropReason, bool]:
    """The steps of a solution, by its numbers or, where these do not tell and `segment` allows it, by its joints.

    Returns:
        The steps, or why there are none; and whether they were cut at joints.
    """
    parsed = parse_numbered(text, untitled)
    if isinstance(parsed, NumberedSolution) or segment == "off" or len(text.strip()) < SHORTEST:
        return parsed, False
    return segmented(text), True


def segmented(text: str) -> NumberedSolution:
    """The steps of a solution in prose.

    Args:
        text: The solution, not blank.

    Returns:
        Steps without titles; preamble and epilogue are empty. A step has at least `SHORTEST` characters unless the
        text has fewer, and has more than `LONGEST` only where no joint leaves two pieces of sizes between both.
    """
    starts = [0, *(joint.start for joint in _chosen(text, _before_the_end(text, joints(text, LONGEST)))), len(text)]
    return NumberedSolution("", tuple(step_of(text[a:b]) for a, b in pairwise(starts)), "")


def _before_the_end(text: str, found: list[Joint]) -> list[Joint]:
    """The joints without those before and after the sentence that gives the answer, which joins the last step."""
    marks = list(_FINAL.finditer(text))
    end = len(text.rstrip())
    if not marks or end - marks[-1].start() > _LAST_WORDS:
        return found
    k = bisect_right([joint.start for joint in found], marks[-1].start())
    if k and end - found[k - 1].start <= _LAST_WORDS and found[k - 1].cost > HEADING:
        k -= 1
    return found[:k]


def _chosen(text: str, found: list[Joint]) -> list[Joint]:
    """The cheapest cuts, by dynamic programming from the left: `best[k]` is the cost up to joint `k`."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    begins = [first, *(joint.start for joint in found)]
    ends = [*((joint.end, joint.cost) for joint in found), (last, 0.0)]
    best, before = [0.0], [0]
    for k, (end, cut) in enumerate(ends, 1):
        best.append(float("inf"))
        before.append(k - 1)
        for i in range(k - 1, -1, -1):
            size = end - begins[i]
            cost = best[i] + cut + _size_cost(size)
            if cost < best[k]:
                best[k], before[k] = cost, i
            if size > LONGEST + SHORTEST and best[k] < _FORBIDDEN:
                break
    cuts, k = [], before[-1]
    while k:
        cuts.append(found[k - 1])
        k = before[k]
    return cuts[::-1]


def _size_cost(size: int) -> float:
    if size < SHORTEST:
        return _FORBIDDEN
    if size > LONGEST:
        return 100 + (size - LONGEST) / 100
    return max((USUAL[0] - size) / (USUAL[0] - SHORTEST), (size - USUAL[1]) / (LONGEST - USUAL[1]), 0.0)
