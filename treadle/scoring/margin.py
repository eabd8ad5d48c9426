"""The margin: how much more similar an action is to its expert's than to other experts' actions.

Similarity by characters has a floor (docs/floors.md): any text of the right kind has some. What an action earns on
other problems is taken off, so that a text sent for every problem earns nothing on average: where the own expert's
action and the others are drawn alike, the two terms have the same mean.

Without contrast the margin is the paper's similarity, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from treadle.scoring.completion import ThinkTags
from treadle.scoring.contrasts import MOST, of_rows
from treadle.scoring.matching import FixedText
from treadle.scoring.rewards import ArgumentOrder, ModelOutput, ordered_similarity, reward_actions
from treadle.scoring.thoughts import PLAIN, TagsOfRows

LOWEST = -0.9
"""No margin is below, so that one well-formed rollout among faults, at -1, is still a signal (standard deviation above
0.01 in groups of up to 97)."""


def margin(
    action: str,
    expert: str,
    contrasts: Sequence[str],
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
) -> float:
    """Similarity to `expert` minus the mean similarity to `contrasts`.

    Args:
        action: The model's action.
        expert: The expert's.
        contrasts: Other experts' actions, any number; the caller leaves out `expert` itself (see `contrasts.choose`).
        autojunk, argument_order: See `srl_reward`.

    Returns:
        A float in [-0.9, 1], cut there from below; 1 only without contrasts or with ones that share nothing.
    """
    own = ordered_similarity(action, expert, autojunk, argument_order)
    return _margin(own, (ordered_similarity(action, text, autojunk, argument_order) for text in contrasts))


def _margin(own: float, others: Iterable[float]) -> float:
    others = list(others)
    return max(own - math.fsum(others) / len(others), LOWEST) if others else own


def margin_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
    contrast: Sequence[Sequence[str] | None] | None = None,
    most: int = MOST,
    seed: int = 0,
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float]:
    """`srl_reward` with the margin in place of the similarity.

    Args:
        completions, expert_action, truncated, think_tags, autojunk, argument_order: See `srl_reward`.
        contrast: B lists of texts to hold the row's action against, the data set's column of this name. Rows without
            one are held against the other experts' actions of the call: of a call with one problem there are none, and
            where the rollouts of a group are scored in several processes, theirs can differ. The column mends both.
        most: How many texts an action is held against at most; they are chosen by text and seed, alike for all rollouts
            of a group.
        seed: Of that choice.
        thought_tags: See `srl_reward`.
        **kwargs: TRL's other arguments; `log_metric` receives the means of `similarity` (the paper's), `contrasts` (how
            many there were) and `margin`, and the share of each format fault.

    Returns:
        B floats: -1 for a broken format, else the margin in [-0.9, 1].
    """
    contrasts = of_rows(expert_action, contrast, most, seed)
    text_of = fixed_texts(autojunk, argument_order)

    def score(row: int, action: str) -> dict[str, float]:
        own = text_of(expert_action[row]).similarity(action)
        others = [text_of(text).similarity(action) for text in contrasts[row]]
        return {"similarity": own, "contrasts": float(len(others)), "margin": _margin(own, others)}

    log_metric = kwargs.get("log_metric")
    return reward_actions(completions, expert_action, truncated, think_tags, score, log_metric, thought_tags)


def fixed_texts(autojunk: bool, argument_order: ArgumentOrder) -> Callable[[str], FixedText]:
    """Gives each text's `FixedText`, made once."""
    made: dict[str, FixedText] = {}

    def text_of(text: str) -> FixedText:
        if text not in made:
            made[text] = FixedText(text, autojunk, argument_order)
        return made[text]

    return text_of
