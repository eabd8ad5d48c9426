"""Whether a stage learned anything: one that ends well and changed nothing is the dearest fault, as nobody looks.

A stage has learned nothing where no trained weight is another one at its end than at its beginning; where no group of
an RL stage had a signal in any step; or where all its completions broke the format. The last two are judged by what
`metrics.jsonl` says of each step, as weight decay alone changes weights as well.

    output/1-srl/nothing_learned.json   {"what": ..., "cause": ...}, written before the model

The model is saved all the same, so that a run that may go on (`allow_no_change`) does so without another training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import reduce
from torch.distributed.tensor import DTensor
from typing_extensions import TypedDict

from treadle.errors import TrainingFault
from treadle.files.typed import STRICT, Count, checked, read_object
from treadle.files.whole import write_whole
from treadle.recipe.schema import AnyStage, Recipe
from treadle.scoring.completion import FormatFault
from treadle.training.guards.quiet import fingerprint
from treadle.training.metric_lines import Log, read_metrics
from treadle.training.sampling import Drop

NOTHING_LEARNED = "nothing_learned.json"
_ALL = 1 - 1e-6
_POOR = f"sampling/dropped/{Drop.ALL_POOR}"


class _Found(TypedDict):
    """nothing_learned.json."""

    __pydantic_config__ = STRICT
    what: str
    cause: str
    steps: Count


def weights(trainer: Any) -> list[int] | None:
    """The fingerprint of each trained weight, the same in all processes, whether weights are in one piece or sharded.

    Of a LoRA adapter only the half that begins with zeros counts: as long as it is zero, the model is the base.

    Returns:
        `None` where weights cannot be read (DeepSpeed, FSDP1).
    """
    if trainer.is_deepspeed_enabled or (trainer.is_fsdp_enabled and not trainer.accelerator.is_fsdp2):
        return None
    network = trainer.accelerator.unwrap_model(trainer.model)
    trained = [p for name, p in network.named_parameters() if p.requires_grad and "lora_A" not in name]
    found = fingerprint(trained)
    sharded = [isinstance(parameter, DTensor) for parameter in trained]
    if any(sharded):  # sums of bits are those of the parts, added up
        device = trainer.accelerator.device
        whole = reduce(torch.tensor(found, device=device), reduction="sum").tolist()
        found = [total if is_part else own for own, total, is_part in zip(found, whole, sharded, strict=True)]
    return found


def check_learned(folder: Path, unchanged: bool) -> None:
    """Write down in a stage's folder that it learned nothing, where that is so.

    Args:
        folder: Holds metrics.jsonl.
        unchanged: Whether all trained weights are those that it began with.
    """
    logs = steps_of(folder / "metrics.jsonl")
    found = [what for what, holds in _FUTILE if logs and all(map(holds, logs))]
    what = "no trained weight changed" if unchanged else next(iter(found), None)
    path = folder / NOTHING_LEARNED
    path.unlink(missing_ok=True)
    if what is not None:
        content = {"what": what, "cause": likely_cause(logs), "steps": len(logs)}
        write_whole(path, json.dumps(content, indent=1) + "\n")


def refuse_untrained(stage: AnyStage, folder: Path) -> None:
    """Raise `TrainingFault` for a stage that learned nothing, unless that is allowed."""
    said = nothing_learned(stage, folder)
    if said is not None and not stage.allow_no_change:
        raise TrainingFault(
            f"{said}. No further stage is run. To go on all the same, set stages.{stage.name}.allow_no_change=true"
        )


def untrained(recipe: Recipe) -> str | None:
    """What to say in place of where the trained model is, where stages of a finished run learned nothing."""
    folders = [recipe.output / f"{number}-{stage.name}" for number, stage in enumerate(recipe.stages, 1)]
    said = [nothing_learned(stage, folder) for stage, folder in zip(recipe.stages, folders, strict=True)]
    found = [each for each in said if each is not None]
    return (
        f"NOT TRAINED (allow_no_change): {'; '.join(found)}. The last model is in {folders[-1] / 'model'}"
        if found
        else None
    )


def nothing_learned(stage: AnyStage, folder: Path) -> str | None:
    """What is to be said of a stage that learned nothing; `None` for another.

    Raises:
        OutputError: It says that it learned nothing, and not why.
    """
    path = folder / NOTHING_LEARNED
    if not path.is_file():
        return None
    remedy = f"put the file back, or remove the folder to run the stage again: rm -r {folder}"
    found = checked(_Found, read_object(path, remedy), str(path), remedy)
    same = "is the one that it began with" if found["what"].startswith("no trained weight") else "is no better for it"
    return (
        f"stage {stage.name!r} learned nothing: {found['what']} in {found['steps']} steps. Likely cause: "
        f"{found['cause']}. {folder / 'model'} {same}"
    )


def steps_of(path: Path) -> list[Log]:
    """What metrics.jsonl says of each optimizer step; raises `OutputError` for a line that is damaged."""
    return [log for log in read_metrics(path) if "loss" in log]


def likely_cause(logs: Sequence[Log]) -> str:
    """Why nothing was learned, from what was logged of each step."""
    if not logs:
        return "no optimizer step was made (epochs, max_steps, minutes)"
    for holds, cause in _CAUSES:
        if all(map(holds, logs)):
            return cause.format(**_figures(logs))
    return "the steps were smaller than the weights can hold, or gradients came and went (grad_norm in metrics.jsonl)"


def _figures(logs: Sequence[Log]) -> dict[str, str]:
    def most(names: dict[str, str]) -> str:
        totals = {shown: sum(log.get(key) or 0.0 for log in logs) / len(logs) for key, shown in names.items()}
        top = sorted(((share, shown) for shown, share in totals.items() if share), reverse=True)
        return ", ".join(f"{shown} {share:.0%}" for share, shown in top) or "none"

    return {
        "faults": most({f"format/{fault}": str(fault) for fault in FormatFault}),
        "drops": most({f"sampling/dropped/{reason}": str(reason) for reason in Drop}),
    }


def _is_zero(name: str) -> Callable[[Log], bool]:
    return lambda log: log.get(name) == 0


def _all_cut_off(log: Log) -> bool:
    """In SRL that is a fault; another reward may judge them all the same."""
    if (log.get("format/truncated") or 0.0) >= _ALL:
        return True
    return (log.get("completions/clipped_ratio") or 0.0) >= _ALL and (_all_equal(log) or _none_kept(log))


def _all_faults(log: Log) -> bool:
    return sum(log.get(f"format/{fault}") or 0.0 for fault in FormatFault) >= _ALL


def _none_kept(log: Log) -> bool:
    if log.get("sampling/kept_groups") != 0:
        return False
    # What fills a batch up has no advantages where it is poor, or all alike.
    poor, alike = (log.get(name) or 0.0 for name in (_POOR, "frac_reward_zero_std"))
    return log.get("sampling/filled_groups", 0) == 0 or (poor > 0 and poor + alike >= _ALL)


def _poor_alone(log: Log) -> bool:
    """Without the floor there would have been groups to train on."""
    return _none_kept(log) and (log.get(_POOR) or 0.0) > 0


def _all_equal(log: Log) -> bool:
    return (log.get("frac_reward_zero_std") or 0.0) >= _ALL


_FUTILE = (
    ("every completion broke the format", lambda log: _all_faults(log) and _all_equal(log)),
    ("no group was ever kept", _none_kept),
    ("all rewards of each group were equal", _all_equal),
)
_CAUSES = (
    (_is_zero("learning_rate"), "the learning rate was 0 in every step (scheduler, and warmup_ratio of so few steps)"),
    (
        _all_cut_off,
        "all completions were cut off by the limit of tokens (max_completion_length), or the model does not know where "
        "to stop (train it with kind: sft first)",
    ),
    (
        _all_faults,
        "every completion broke the format ({faults}): begin with kind: warmup, or where the data has thoughts with "
        "kind: sft, target: traces; or see think_tags",
    ),
    (
        _poor_alone,
        "no group's best reward reached sampling_floor (dropped: {drops}): set it lower or to null, or first train a "
        "model that gets above it now and then (kind: sft or warmup, worked examples in prompts)",
    ),
    (
        _none_kept,
        "no group had a signal (dropped: {drops}): problems that are all solved or all failed, a reward that does not "
        "tell completions apart (rollouts.jsonl), or too large a sampling_threshold "
        "or sampling_floor",
    ),
    (_all_equal, "all rewards of each group were equal, so that all advantages were 0 (rollouts.jsonl)"),
    (lambda log: log.get("grad_norm") is None, "no step was applied, as losses or gradients were not finite"),
    (
        _is_zero("grad_norm"),
        "the gradient was 0 in every step: nothing is trained (lora.target_modules), no token counts for the loss, or "
        "all advantages are 0",
    ),
)
