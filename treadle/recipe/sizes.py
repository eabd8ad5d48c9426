"""What follows from a stage and its data: batches, optimizer steps, tokens, and what is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from treadle.errors import RecipeError
from treadle.recipe.schema import AnyStage, SFTStage
from treadle.training.srl_config import accumulation_steps


@dataclass(frozen=True)
class Sizes:
    """What follows from a stage and its data, shown by `--dry-run`.

    Args:
        rows: Prompts or conversations that are trained on.
        rows_per_step: Those of one optimizer step.
        rollouts_per_step: Completions of one optimizer step, 0 for SFT.
        new_tokens_per_step: Upper bound of generated tokens in one round, 0 for SFT.
        without_answer: Trajectories that RLVR leaves out because they have no final answer.
        warmup: What a cold start does, for people; empty for other stages.
        examples: Trajectories that are worked examples and not trained on.
        validation: What is validated and how often, for people; empty without validation.
        prefix: What of the expert's solution prompts begin with, for people; empty for nothing.
        cut: What `max_length` takes from the rows, for people; empty where it takes nothing.
        similarity_floor: What similarity a policy that has learned nothing earns at most; `None` where the stage is not
            rewarded by that of steps, or the data does not say.
        sampling_floor: Reward that the best completion of a group must reach; `None` for no such bar.
        thoughts: How thoughts are unlike the paper's format, for people; empty where they are not.
        untaught: What to try first where the model must write thoughts that no stage has taught it; empty elsewhere.
    """

    rows: int
    rows_per_step: int
    rollouts_per_step: int
    accumulation: int
    optimizer_steps: int
    new_tokens_per_step: int
    without_answer: int = 0
    examples: int = 0
    warmup: str = ""
    validation: str = ""
    cut: str = ""
    prefix: str = ""
    similarity_floor: float | None = None
    sampling_floor: float | None = None
    thoughts: str = ""
    untaught: str = ""

    def describe(self) -> str:
        """One line for people."""
        text = f"{self.rows:,} rows, {self.rows_per_step:,} a step"
        if self.rollouts_per_step:
            text += f" x rollouts = {self.rollouts_per_step:,} completions"
        text += f", {self.accumulation:,} micro-batches accumulated, {self.optimizer_steps:,} optimizer steps"
        if self.new_tokens_per_step:
            text += f", at most {self.new_tokens_per_step:,} new tokens a step and sampling round"
        if self.cut:
            text += f"; {self.cut}"
        if self.without_answer:
            text += f"; {self.without_answer:,} trajectories without a final answer left out"
        if self.prefix:
            text += f"; {self.prefix}"
        if self.warmup:
            text += f"; {self.warmup}"
        if self.examples:
            text += f"; {self.examples:,} trajectories are worked examples and not trained on"
        if self.similarity_floor is not None:
            text += f"; without learning anything similarity is up to {self.similarity_floor:.2f}"
        if self.sampling_floor is not None:
            text += f"; groups whose best reward is below {self.sampling_floor:.2f} are dropped"
        if self.validation:
            text += f"; {self.validation}"
        for more in filter(None, (self.thoughts, self.untaught)):
            text += f"; {more}"
        return text


def derive_sizes(stage: AnyStage, rows: int, processes: int = 1) -> Sizes:
    """Derived sizes of a stage.

    Raises:
        RecipeError: The batch does not divide into micro-batches or is larger than the data; the message
            gives the value that fits.
    """
    if isinstance(stage, SFTStage):
        if stage.batch_size % (stage.micro_batch * processes):
            fitting = max(1, round(stage.batch_size / (stage.micro_batch * processes))) * stage.micro_batch * processes
            raise RecipeError(
                f"stages.{stage.name}: batch_size={stage.batch_size} does not divide into micro-batches of "
                f"{stage.micro_batch} on {processes} process(es); set batch_size={fitting}"
            )
        per_epoch = math.ceil(rows / stage.batch_size)
        steps = stage.max_steps or math.ceil(per_epoch * stage.epochs)
        return Sizes(rows, stage.batch_size, 0, stage.batch_size // (stage.micro_batch * processes), steps, 0)
    try:
        accumulation = accumulation_steps(stage.prompts_per_step, stage.rollouts, stage.micro_batch, processes)
    except RecipeError as error:
        raise RecipeError(f"stages.{stage.name}: {error}") from None
    per_generation = stage.prompts_per_step * stage.updates_per_rollout
    if per_generation > rows:
        raise RecipeError(
            f"stages.{stage.name}: one generation takes {per_generation} prompts, but the data has {rows}; "
            f"set prompts_per_step={max(1, rows // stage.updates_per_rollout)} or less"
        )
    per_epoch = rows // per_generation * stage.updates_per_rollout
    rollouts = stage.prompts_per_step * stage.rollouts
    return Sizes(
        rows=rows,
        rows_per_step=stage.prompts_per_step,
        rollouts_per_step=rollouts,
        accumulation=accumulation,
        optimizer_steps=stage.max_steps or math.ceil(per_epoch * stage.epochs),
        new_tokens_per_step=rollouts * stage.max_completion_length,
    )
