"""verl 0.9 as an engine: SRL and RLVR on Ray."""

from __future__ import annotations

from treadle.export.engine import Engine
from treadle.export.rows import Columns
from treadle.export.verl.overrides import SCHEDULERS, as_text, overrides
from treadle.recipe.schema import Recipe, RLStage


def not_carried(stage: RLStage, recipe: Recipe) -> dict[str, str]:
    """See `Engine`."""
    out = {
        "vllm_importance_sampling_correction": "TRL's by default; verl has algorithm.rollout_correction, which is off",
        "log_rollouts": "verl writes rollouts to trainer.rollout_data_dir",
    }
    if stage.validate_every:
        out["the best checkpoint"] = (
            "verl keeps the last one; STEP=N of run.sh takes another, by the curve of validation"
        )
    if stage.weight_decay:
        out["weight_decay"] = "verl decays all weights, transformers all but biases and those of norms"
    if stage.updates_per_rollout > 1 and stage.scheduler != "constant":
        out["scheduler"] = "verl changes the learning rate once a generation, not with each of its updates"
    if stage.warmup_ratio:
        out["warmup_ratio"] = "verl rounds its steps down, transformers up"
    if recipe.report_to:
        out["report_to"] = "the console; add trainer.logger='[console,wandb]' to train.sh's arguments"
    return out


VERL = Engine(
    name="verl",
    package="verl",
    version="0.9",
    columns=Columns("reward_model", "style"),
    schedulers=tuple(SCHEDULERS),
    metric_prefix="training/",
    overrides=overrides,
    as_text=as_text,
    refusals=lambda recipe: iter(()),
    not_carried=not_carried,
)
