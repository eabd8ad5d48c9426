"""Similarity in which a token counts by how rare it is: numbers, names and paths above what every action has.

Texts are taken as tokens: runs of letters, digits and underscores, joined by dots where a file name, a decimal or an
attribute is (`setup.py`, `3.14`, `np.array`), and every other mark by itself. White space between them does not count.
Of N texts that a token is in `n` of, it weighs `log((N + 1) / n)`; one that is in none weighs as one that is in one.

The similarity is `2M/T`, with M the weight of the heaviest common subsequence and T that of both texts. The subsequence
is exact, not difflib's choice of blocks, so that the similarity is symmetric, 1 for equal token lists only, and 0 where
no token is shared. Without weights it is the paper's similarity by characters, to the bit; with characters as tokens
and equal weights it would be at least that, since difflib's blocks need not be a longest common subsequence.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from treadle.scoring.completion import ThinkTags
from treadle.scoring.rewards import ArgumentOrder, ModelOutput, ordered_similarity, reward_actions
from treadle.scoring.thoughts import PLAIN, TagsOfRows

_TOKEN = re.compile(r"\w+(?:\.\w+)*|[^\w\s]")


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order: words, numbers, identifiers, file names, and each other mark."""
    return _TOKEN.findall(text)


class TokenWeights:
    """How much a token counts, by how few of the texts it is in.

    Args:
        texts: Actions of experts; each counts once for a token, however often it has it.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = 0
        self._having: Counter[str] = Counter()
        for text in texts:
            self._texts += 1
            self._having.update(set(tokens(text)))

    def __getitem__(self, token: str) -> float:
        """A float above 0."""
        return math.log((self._texts + 1) / max(1, self._having[token])) if self._texts else 1.0


def weighted_similarity(
    action: str,
    expert: str,
    weights: TokenWeights | None,
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
) -> float:
    """`2M/T` over weighted tokens.

    Args:
        action, expert: The order does not matter where there are weights.
        weights: Of the tokens; `None` compares characters as the paper does.
        autojunk, argument_order: Of the comparison of characters, see `srl_reward`.

    Returns:
        A float in [0, 1].
    """
    if weights is None or action == expert:
        return ordered_similarity(action, expert, autojunk, argument_order)
    first, second = tokens(action), tokens(expert)
    if first == second:
        return 1.0
    weight_of = {token: weights[token] for token in {*first, *second}}
    total = math.fsum(weight_of[token] for token in (*first, *second))
    return min(1.0, 2 * _common_weight(first, second, weight_of) / total)


def _common_weight(first: list[str], second: list[str], weight_of: dict[str, float]) -> float:
    """Weight of the heaviest common subsequence.

    Row by row of the table of heaviest subsequences of beginnings, as for the longest: a row is the running maximum of
    the one before and, where tokens are equal, of its left neighbour plus the weight.
    """
    numbers: dict[str, int] = {}
    second_M = np.array([numbers.setdefault(token, len(numbers)) for token in second], dtype=np.int64)
    best_M = np.zeros(len(second) + 1)
    for token in first:
        if token in numbers:
            taken_M = np.where(second_M == numbers[token], best_M[:-1] + weight_of[token], 0.0)
            best_M[1:] = np.maximum.accumulate(np.maximum(best_M[1:], taken_M))
    return float(best_M[-1])


def weighted_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
    weights: TokenWeights | None = None,
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float]:
    """`srl_reward` with the weighted similarity in place of the similarity.

    Args:
        completions, expert_action, truncated, think_tags: See `srl_reward`.
        autojunk, argument_order: Of the paper's similarity, logged beside; it holds where there are no weights.
        weights: Of the tokens, over texts of the caller's choice. Without them those of the call's distinct expert
            actions; of one alone nothing is rare, and the reward is the paper's similarity.
        thought_tags: See `srl_reward`.
        **kwargs: TRL's other arguments; `log_metric` receives the means of `similarity` (the paper's) and `weighted`,
            and the share of each format fault.

    Returns:
        B floats: -1 for a broken format, else the weighted similarity in [0, 1].
    """
    distinct = sorted(set(expert_action))
    if weights is None and len(distinct) > 1:
        weights = TokenWeights(distinct)

    def score(row: int, action: str) -> dict[str, float]:
        pair = (action, expert_action[row])
        return {
            "similarity": ordered_similarity(*pair, autojunk, argument_order),
            "weighted": weighted_similarity(*pair, weights, autojunk, argument_order),
        }

    log_metric = kwargs.get("log_metric")
    return reward_actions(completions, expert_action, truncated, think_tags, score, log_metric, thought_tags)
