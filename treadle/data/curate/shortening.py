"""Long observations lose their middle: what a command prints matters most at its beginning and its end.

In place of what is left out stands a line that says how many tokens it was. A shortened text has at most the budget's
number of tokens, the line included. It is cut between characters, and at the end of a line if one is near.

A text is not tokenised if its bytes are no more than the budget, because no tokenizer of today's models makes more
tokens than bytes. Of a text of more than `16 * budget` characters only a beginning and an end are tokenised, enough for
what is kept; the number of tokens left out is then an estimate from these two, which the line marks with "about". All
of it needs the offsets of a fast tokenizer.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from treadle.errors import DataError, ModelError
from treadle.trajectory import Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NEAR = 200
_LONGEST_MARKER = "\n[... about 9,990,000,000 tokens left out ...]\n"
_LEAST_KEPT = 2
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Ends(NamedTuple):
    """The tokens of a text's two ends.

    Args:
        head, tail: Offsets of the tokens as characters of the text, from its beginning and up to its end. Both hold all
            tokens if the text was tokenised as a whole.
        size: Number of tokens; for a text that was not tokenised as a whole an estimate.
    """

    head: list[tuple[int, int]]
    tail: list[tuple[int, int]]
    size: float


def check_budget(budget: int, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise unless texts can be shortened to `budget` tokens.

    Raises:
        DataError: The budget has no room for the line that marks the gap.
        ModelError: The tokenizer has no fast implementation.
    """
    if not tokenizer.is_fast:
        raise ModelError(
            f"{tokenizer.name_or_path}: --observation-tokens needs a fast tokenizer, which knows where each token "
            "stands in the text; save one as tokenizer.json"
        )
    least = len(_offsets(_LONGEST_MARKER, tokenizer)) + _LEAST_KEPT
    if budget < least:
        raise DataError(
            f"--observation-tokens {budget}: expected at least {least}, because the line that says what was left out "
            "takes its part of the budget; 1000 or more is usual"
        )


def shorten_observations(
    trajectory: Trajectory, budget: int, tokenizer: PreTrainedTokenizerBase
) -> tuple[Trajectory, int]:
    """`trajectory` with every observation shortened to `budget` tokens, and how many were longer.

    Raises:
        DataError, ModelError: See `check_budget`.
    """
    steps, shortened = [], 0
    for step in trajectory.steps:
        text, removed = shorten(step.observation or "", budget, tokenizer)
        shortened += removed > 0
        steps.append(replace(step, observation=text) if removed else step)
    return (replace(trajectory, steps=tuple(steps)) if shortened else trajectory), shortened


def shorten(text: str, budget: int, tokenizer: PreTrainedTokenizerBase) -> tuple[str, int]:
    """`text` with at most `budget` tokens: unchanged, or with its middle left out.

    Returns:
        The text, and the number of tokens of the piece that was left out as the line states it, 0 if none was.

    Raises:
        DataError, ModelError: See `check_budget`; for texts above the budget only.
    """
    if len(text.encode("utf-8", "surrogatepass")) <= budget:
        return text, 0
    check_budget(budget, tokenizer)
    ends = _tokenised_ends(text, budget, tokenizer)
    if ends.size <= budget:
        return text, 0
    kept = budget - len(_offsets(_marker(int(ends.size), exact=False), tokenizer))
    while True:
        start, stop = _cut(text, ends, max(kept, 0))
        left_out, exact = _count(text, start, stop, ends)
        short = text[:start] + _marker(left_out, exact) + text[stop:]
        excess = len(_offsets(short, tokenizer)) - budget
        if excess <= 0 or kept <= 0:
            return short, left_out
        kept -= excess  # tokens next to the cut join or part otherwise than in the whole text


def _tokenised_ends(text: str, budget: int, tokenizer: PreTrainedTokenizerBase) -> _Ends:
    window = 8 * budget
    while 2 * window < len(text):
        head = _offsets(text[:window], tokenizer)
        tail = _offsets(text[-window:], tokenizer)
        if min(len(head), len(tail)) >= budget:
            first = len(text) - window
            size = len(text) * (len(head) + len(tail)) / (2 * window)
            return _Ends(head, [(first + a, first + b) for a, b in tail], size)
        window *= 4  # long tokens, such as runs of spaces
    offsets = _offsets(text, tokenizer)
    return _Ends(offsets, offsets, len(offsets))


def _cut(text: str, ends: _Ends, kept: int) -> tuple[int, int]:
    """Where the gap begins and ends, if `kept` tokens are shared out between head and tail.

    Several tokens can make up one character; the one at the cut belongs to the gap.
    """
    head = (kept + 1) // 2
    tail = kept - head
    start = ends.head[head][0]
    stop = ends.tail[-tail - 1][1]
    if (line := text.rfind("\n", start - min(_NEAR, start // 2), start)) >= 0:
        start = line
    rest = len(text) - stop
    if (line := text.find("\n", stop, stop + min(_NEAR, rest // 2))) >= 0:
        stop = line + 1
    return start, stop


def _count(text: str, start: int, stop: int, ends: _Ends) -> tuple[int, bool]:
    """Number of the text's tokens that begin from `start` to `stop`, and whether it is exact; estimates have three
    digits."""
    if ends.head is ends.tail:
        begins = [begin for begin, _ in ends.head]
        return bisect_left(begins, stop) - bisect_left(begins, start), True
    return int(float(f"{ends.size * (stop - start) / len(text):.2e}")), False


def _marker(tokens: int, exact: bool) -> str:
    return f"\n[... {'' if exact else 'about '}{tokens:,} tokens left out ...]\n"


def _offsets(text: str, tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, int]]:
    """Where each token of `text` begins and ends. A lone surrogate, which cannot be encoded, counts as U+FFFD."""
    text = _SURROGATE.sub("\ufffd", text)
    return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
