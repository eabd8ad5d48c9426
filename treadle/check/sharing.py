"""Whether prefixes are computed once: in the rollout and in the log-probabilities of training."""

from __future__ import annotations

from collections.abc import Iterator

from treadle import rollout
from treadle.check.results import Check, ok, warning
from treadle.check.sampling import settings_of
from treadle.check.subject import Subject
from treadle.recipe.arguments import trainer_config
from treadle.recipe.schema import AnyStage, RLStage
from treadle.recipe.sizes import derive_sizes
from treadle.training import sft_tree
from treadle.training.logps import why_no_tree

ENDLESS = 10**12
"""Rows of data, where only a stage's settings are asked for."""


def prefix_tree(subject: Subject) -> Iterator[Check]:
    """Log-probabilities through the prefix tree, for each stage."""
    for stage in subject.stages:
        id = f"prefix_tree.{stage.name}"
        if stage.trl.get("prefix_tree") is False:
            yield ok(id, "switched off (prefix_tree: false)")
            continue
        if isinstance(stage, RLStage):
            stage = stage.model_copy(update={"sampling_floor": None})  # which may need data, and no tree asks for it
        args = trainer_config(stage, subject.recipe, subject.recipe.output, derive_sizes(stage, ENDLESS))
        why_not = why_no_tree if isinstance(stage, RLStage) else sft_tree.why_not
        reason = why_not(subject.network, args, _router_has_a_loss(subject, args))
        yield _of_stage(
            stage,
            "prefix_tree",
            reason,
            "log-probabilities are computed row by row",
            "shared prefixes are computed once",
        )


def shared_rollout(subject: Subject) -> Iterator[Check]:
    """Rollouts that compute shared prompts once: of each stage of RL, or for a model alone of evaluation."""
    stages = _rl_stages(subject)
    if subject.recipe is None:
        reason = rollout.why_not(subject.network)
        if reason:
            yield warning("shared_rollout", f"prompts are not shared between samples, which takes longer: {reason}")
        else:
            yield ok("shared_rollout", "prompts that samples share are computed once")
    for stage in stages:
        id = f"shared_rollout.{stage.name}"
        if off := _generates_otherwise(stage):
            yield ok(id, off)
            continue
        try:
            reason = rollout.why_not(subject.network, settings_of(stage))
        except (ValueError, TypeError):
            continue  # which the check of sampling says
        shared = "shared prompts are computed once (in one process, or where each has the whole model)"
        yield _of_stage(stage, "shared_rollout", reason, "every row's prompt is computed for itself", shared)


def _of_stage(stage: AnyStage, key: str, reason: str | None, unshared: str, shared: str) -> Check:
    """What holds for a stage: `shared`, or for a reason `unshared`; `key` is TRL's setting that silences that."""
    id = f"{key}.{stage.name}"
    if reason is None:
        return ok(id, shared)
    return warning(id, f"{unshared}, which takes longer: {reason}. stages.{stage.name}.trl.{key}=false silences this")


def _rl_stages(subject: Subject) -> list[RLStage]:
    return [stage for stage in subject.stages if isinstance(stage, RLStage)]


def _generates_otherwise(stage: AnyStage) -> str | None:
    if stage.trl.get("shared_rollout") is False:
        return "switched off (shared_rollout: false)"
    if stage.trl.get("use_vllm"):
        return "vLLM generates, with a cache of prefixes of its own"
    if stage.trl.get("use_transformers_continuous_batching"):
        return "transformers' continuous batching generates"
    return None


def _router_has_a_loss(subject: Subject, args: object) -> bool:
    """As TRL decides it."""
    config = subject.config.get_text_config()
    own = getattr(config, "router_aux_loss_coef", 0.0)
    weight = own if args.router_aux_loss_coef is None else args.router_aux_loss_coef
    return hasattr(config, "output_router_logits") and weight != 0
