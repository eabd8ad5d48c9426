"""SkyRL 0.3 as an engine: SRL and RLVR on Ray."""

from __future__ import annotations

from treadle.export.engine import Engine, Reasons
from treadle.export.rows import Columns
from treadle.export.skyrl import ENV_CLASS
from treadle.export.skyrl.overrides import SCHEDULERS, as_text, overrides
from treadle.recipe.schema import Recipe, RLStage


def refusals(recipe: Recipe) -> Reasons:
    """See `Engine`."""
    if recipe.tokenizer:
        yield (
            "tokenizer",
            f"SkyRL takes the one in the model's folder; save {recipe.tokenizer} into a copy of {recipe.model}, set "
            "`model` to that, and leave `tokenizer` out",
        )


def not_carried(stage: RLStage, recipe: Recipe) -> dict[str, str]:
    """See `Engine`."""
    out = {
        "vllm_importance_sampling_correction": (
            "TRL's by default; SkyRL has trainer.algorithm.off_policy_correction, which is off"
        ),
        "log_rollouts": "SkyRL prints one completion a step, and writes those of validation below exports/",
    }
    if stage.dynamic_sampling and stage.refill != "full":
        out["refill"] = "a further round samples a whole batch again, as with full"
    if stage.dynamic_sampling and stage.when_short == "train":
        out["when_short"] = (
            "SkyRL's steps have one size: dropped groups stand in for missing ones with a loss mask of 0, which leaves "
            "the mean over the other tokens as it is"
        )
    if recipe.dtype == "float32":
        out["dtype"] = "SkyRL keeps weights in float32 but computes with them in bfloat16; rollouts are in float32"
    if stage.weight_decay:
        out["weight_decay"] = "SkyRL decays all weights, transformers all but biases and those of norms"
    if stage.kl:
        out["kl"] = "SkyRL averages the divergence over completions, TRL over tokens"
    if stage.validate_every:
        out["the best checkpoint"] = (
            "SkyRL keeps the last one; trainer.hf_save_interval=N exports more, STEP=N takes one"
        )
    if recipe.report_to:
        out["report_to"] = "the console; add trainer.logger=wandb to train.sh's arguments"
    if not recipe.trust_remote_code:
        out["trust_remote_code"] = "SkyRL always executes Python code that comes with a model or its tokenizer"
    return out


SKYRL = Engine(
    name="SkyRL",
    package="skyrl",
    version="0.3",
    columns=Columns("reward_spec", "method", ENV_CLASS),
    schedulers=SCHEDULERS,
    metric_prefix="",
    overrides=overrides,
    as_text=as_text,
    refusals=refusals,
    not_carried=not_carried,
)
