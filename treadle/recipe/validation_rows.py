"""Which held-out rows a stage is validated on: steps, final answers, or for SFT conversations.

They come from the trajectories that `treadle prepare` set aside. A stage takes `validation_rows` of them, chosen by the
recipe's seed alone, so that every validation, also after a resume, has the same.
"""

from __future__ import annotations

import random
from typing import Literal

from datasets import Dataset

from treadle.data.prepared import Prepared
from treadle.data.rows import rendered
from treadle.errors import DataError
from treadle.recipe.reward_choices import are_similarity, reads
from treadle.recipe.schema import AnyStage, RLVRStage, SFTStage
from treadle.recipe.shown import NOTHING, Shown, contrasts_of, prompt_floor
from treadle.recipe.training_data import (
    answer_references,
    conversations,
    judged_as_tasks,
    similarity_floor,
    step_references,
)

_WHAT = {"steps": "held-out steps", "answers": "held-out final answers", "loss": "held-out conversations"}


def validated_by(stage: AnyStage) -> Literal["steps", "answers", "loss"]:
    """What a stage is validated by: its setting, or by default what it is trained on."""
    if isinstance(stage, SFTStage):
        return "loss"
    return stage.validation or ("answers" if isinstance(stage, RLVRStage) else "steps")


def validation_rows(stage: AnyStage, prepared: Prepared, seed: int, shown: Shown = NOTHING) -> Dataset | None:
    """The rows that `stage` is validated on, in the form of its training rows; `None` without validation.

    A row without `expert_action` is rewarded by its answer, see `treadle.recipe.mixed_rewards`.

    Args:
        shown: What the recipe adds to prompts.

    Raises:
        DataError: Nothing was held out, or nothing with an answer.
    """
    if stage.validate_every is None:
        return None
    rows = _candidates(stage, prepared, shown)
    count = min(stage.validation_rows, len(rows))
    rows = rows.select(sorted(random.Random(f"validation/{seed}").sample(range(len(rows)), count)))
    if isinstance(stage, SFTStage):
        return rows
    contrasts = contrasts_of(stage, prepared, shown.seed)
    whole, domains = validated_by(stage) == "steps", reads(stage.rewards, "domain")
    tasks = judged_as_tasks(stage, prepared)
    return rendered(rows, prepared, "heldout", whole, shown.asking, contrasts, domains=domains, tasks=tasks)


def validation_floor(stage: AnyStage, prepared: Prepared, shown: Shown = NOTHING) -> float | None:
    """What reward a policy that has learned nothing earns at most in validation, where that is the similarity of steps.

    `None` without validation, for another reward, and as `similarity_floor`.
    """
    if stage.validate_every is None or validated_by(stage) != "steps":
        return None
    if isinstance(stage, RLVRStage):
        return prompt_floor(prepared, shown)
    return similarity_floor(stage, prepared, shown) if are_similarity(stage.rewards) else None


def describe_validation(stage: AnyStage, prepared: Prepared, shown: Shown = NOTHING) -> str:
    """What is validated and how often, for people; empty without validation. Raises like `validation_rows`."""
    if stage.validate_every is None:
        return ""
    found = len(_candidates(stage, prepared, NOTHING))
    count = min(stage.validation_rows, found)
    text = f"validated every {stage.validate_every:,} steps on {count:,} of {found:,} {_WHAT[validated_by(stage)]}"
    floor = validation_floor(stage, prepared, shown)
    return text if floor is None else f"{text} (floor of their reward {floor:.2f})"


def _candidates(stage: AnyStage, prepared: Prepared, shown: Shown) -> Dataset:
    """All held-out rows that would do, for RL as references."""
    files = (prepared.trajectory_file("heldout"), prepared.instance_file("heldout"))
    if not all(file.is_file() for file in files) or not prepared.count("trajectories", "heldout"):
        raise DataError(
            f"{prepared.folder}: no trajectory was held out, but stages.{stage.name}.validate_every="
            f"{stage.validate_every}; prepare the data again with --held-out 60 --overwrite, or set "
            f"stages.{stage.name}.validate_every=null"
        )
    kind = validated_by(stage)
    if isinstance(stage, SFTStage):
        rows = conversations(stage, prepared, "heldout", shown)
    else:
        rows = (
            answer_references(prepared, "heldout") if kind == "answers" else step_references(stage, prepared, "heldout")
        )
    if len(rows):
        return rows
    remedy = f"hold out more with --held-out, or set stages.{stage.name}.validate_every=null"
    if kind == "answers":
        remedy = (
            f"set stages.{stage.name}.validation=steps, or prepare the data with an answer column "
            "(--columns problem=...,solution=...,answer=...)"
        )
    raise DataError(
        f"{prepared.folder}: the {prepared.count('trajectories', 'heldout')} held-out trajectories give no "
        f"{_WHAT[kind].removeprefix('held-out ')} to validate stage {stage.name!r} on; {remedy}"
    )
