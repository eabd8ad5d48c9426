"""How long a step of a recipe's first stage of RL takes on a machine without a GPU, where that was measured."""

from __future__ import annotations

import shlex

from treadle.recipe.schema import Recipe, RLStage


def pace_told(recipe: Recipe, path: str, tokens_per_second: float | None) -> str:
    """One line; empty for a recipe without a stage of RL.

    Args:
        path: Of the recipe's file.
        tokens_per_second: That were sampled on this machine; `None` where that was not measured.
    """
    stage = next((one for one in recipe.stages if isinstance(one, RLStage)), None)
    if stage is None:
        return ""
    most = stage.prompts_per_step * stage.rollouts * stage.max_completion_length
    step = f"a step of {stage.name} samples up to {most:,} tokens"
    if tokens_per_second:
        minutes = most / tokens_per_second / 60
        rate = f"{minutes:,.1f} minutes at the {tokens_per_second:,.0f} a second of this sample"
        return f"without a GPU: {step}, {rate}; the update comes on top"
    measured = f"`treadle check {shlex.quote(path)} --sample 16` says how many a second are sampled here"
    return f"without a GPU: {step}, and how long that takes was not measured; {measured}"
