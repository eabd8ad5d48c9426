"""Edit similarity: how few tokens have to be inserted, deleted or replaced to make the expert's action of the model's.

Tokens are those of `treadle.scoring.weighted.tokens`: runs of letters, digits and underscores, joined by dots where a
file name, a decimal or an attribute is, and every other mark by itself; white space does not count. With d edits
between n and m tokens the similarity is `1 - d / max(n, m)`. Unlike the paper's `2M/T` it is symmetric, knows no
characters that two words share by chance, and takes off for what stands in another order.

The distance is exact, by Hyyrö's bit-parallel form of Myers' algorithm (2003, "A bit-vector algorithm for computing
Levenshtein and Damerau edit distances"): one row of the table is a Python integer of one bit a token, so two texts of
20,000 tokens with nothing in common take about half a second. Beyond `BLOCK` tokens that differ, blocks in the
same place are compared, and the sum of their distances, which is at least the distance, is taken for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from treadle.scoring.completion import ThinkTags
from treadle.scoring.rewards import ModelOutput, reward_actions
from treadle.scoring.thoughts import PLAIN, TagsOfRows
from treadle.scoring.weighted import tokens

BLOCK = 20_000
"""Tokens that are compared with as many; the time is linear in the number of blocks."""


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Insertions, deletions and replacements that make the second list of the first; of long ones see the module."""
    begin, end = _alike(first, second)
    first, second = first[begin : len(first) - end], second[begin : len(second) - end]
    starts = range(0, max(len(first), len(second)), BLOCK)
    return sum(_distance(first[start : start + BLOCK], second[start : start + BLOCK]) for start in starts)


def _alike(first: Sequence[str], second: Sequence[str]) -> tuple[int, int]:
    """Tokens that both have at their beginning, and of the rest those that both have at their end."""
    shorter = min(len(first), len(second))
    begin = next((k for k in range(shorter) if first[k] != second[k]), shorter)
    end = next((k for k in range(shorter - begin) if first[-1 - k] != second[-1 - k]), shorter - begin)
    return begin, end


def _distance(first: Sequence[str], second: Sequence[str]) -> int:
    if not first or not second:
        return len(first) + len(second)
    places: dict[str, int] = defaultdict(int)  # bit k: the token stands at place k of the first
    for place, token in enumerate(first):
        places[token] |= 1 << place
    everything, last = (1 << len(first)) - 1, 1 << (len(first) - 1)
    above, below, distance = everything, 0, len(first)  # vertical differences of +1 and of -1 in the table's column
    for token in second:
        matches = places.get(token, 0)
        diagonal = (((matches & above) + above) ^ above) | matches | below
        rises = below | (everything & ~(diagonal | above))
        falls = diagonal & above
        if rises & last:
            distance += 1
        elif falls & last:
            distance -= 1
        rises = (rises << 1) | 1
        above = (falls << 1) | (everything & ~(diagonal | rises))
        below = diagonal & rises
        above &= everything
        below &= everything
    return distance


def edit_similarity(action: str, expert: str) -> float:
    """`1 - d / max(n, m)` over tokens, in [0, 1]; 1 for equal token lists, also for two without tokens."""
    first, second = tokens(action), tokens(expert)
    longest = max(len(first), len(second))
    return 1.0 - edit_distance(first, second) / longest if longest else 1.0


def edit_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float]:
    """`srl_reward` with the edit similarity in place of the paper's.

    Args:
        completions, expert_action, truncated, think_tags, thought_tags: See `srl_reward`.
        **kwargs: TRL's other arguments; `log_metric` receives the mean of `edit` over the well-formed outputs, and the
            share of each format fault.

    Returns:
        B floats: -1 for a broken format, else the similarity in [0, 1].
    """
    known: dict[tuple[str, str], float] = {}

    def score(row: int, action: str) -> dict[str, float]:
        pair = (action, expert_action[row])
        if pair not in known:
            known[pair] = edit_similarity(*pair)
        return {"edit": known[pair]}

    log_metric = kwargs.get("log_metric")
    return reward_actions(completions, expert_action, truncated, think_tags, score, log_metric, thought_tags)
