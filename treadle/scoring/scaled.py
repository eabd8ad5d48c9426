"""Similarity above its floor: 0 for what can be had without the problem, 1 for the expert's action.

The floor of a row is given, or measured in the call: the highest similarity to the row's expert action that one of the
other experts' actions has. A mean would not do: a constant text is above a mean half of the time, and what is below is
cut off, not taken off.

A floor that a whole group shares is an affine change, which advantages divided by the group's standard deviation do not
see. What is left of it there: everything below the floor is alike, and a group of which all is below it has no spread
and is dropped by dynamic sampling.

With floor 0 it is the paper's similarity, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle.scoring.completion import ThinkTags
from treadle.scoring.contrasts import of_rows
from treadle.scoring.margin import fixed_texts
from treadle.scoring.rewards import ArgumentOrder, ModelOutput, reward_actions
from treadle.scoring.thoughts import PLAIN, TagsOfRows

MEASURED_BY = 16
"""Other actions that a floor is the highest of. They cost one comparison each a group, not a rollout."""


def scaled(similarity: float, floor: float) -> float:
    """`(similarity - floor) / (1 - floor)`, cut at 0.

    Args:
        similarity: In [0, 1].
        floor: In [0, 1): what is earned without the problem.

    Returns:
        A float in [0, 1], 1 where the similarity is 1.

    Raises:
        ValueError: The floor is outside.
    """
    if not 0 <= floor < 1:
        raise ValueError(f"floor={floor!r}: expected at least 0 and below 1, the similarity earned without the problem")
    return max(0.0, (similarity - floor) / (1 - floor))


def scaled_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
    floor: float | Sequence[float | None] | None = None,
    contrast: Sequence[Sequence[str] | None] | None = None,
    most: int = MEASURED_BY,
    seed: int = 0,
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float]:
    """`srl_reward` with the similarity above its floor in place of the similarity.

    Args:
        completions, expert_action, truncated, think_tags, autojunk, argument_order: See `srl_reward`.
        floor: One for all rows, or B of them, the data set's column of this name. For rows without one it is measured:
            the highest similarity that one of at most `most` other actions has to the row's expert action.
        contrast, most, seed: Which others, see `margin_reward`; without any the floor is 0.
        thought_tags: See `srl_reward`.
        **kwargs: TRL's other arguments; `log_metric` receives the means of `similarity` (the paper's), `floor` and
            `scaled`, and the share of each format fault.

    Returns:
        B floats: -1 for a broken format, else the scaled similarity in [0, 1].

    Raises:
        ValueError: A floor is below 0, or 1 and above.
    """
    if floor is not None and not isinstance(floor, Sequence):
        scaled(0.0, floor)  # which looks at it, also where there is no row yet
    floors = list(floor) if isinstance(floor, Sequence) else [floor] * len(expert_action)
    contrasts = of_rows(expert_action, contrast, most, seed)
    text_of = fixed_texts(autojunk, argument_order)

    def score(row: int, action: str) -> dict[str, float]:
        expert = text_of(expert_action[row])
        lowest = floors[row]
        if lowest is None:
            lowest = max((expert.similarity(other) for other in contrasts[row]), default=0.0)
        own = expert.similarity(action)
        return {"similarity": own, "floor": lowest, "scaled": scaled(own, lowest)}

    log_metric = kwargs.get("log_metric")
    return reward_actions(completions, expert_action, truncated, think_tags, score, log_metric, thought_tags)
