"""RLVR from prefixes: the policy of a stage, what its rows get, and what is refused before a model is loaded."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pyarrow.compute as pc
import pyarrow.parquet as pq

from treadle.data.prepared import Prepared
from treadle.data.prepared_files import reading
from treadle.data.solutions import Given
from treadle.domains.registry import find
from treadle.errors import DataError, RecipeError
from treadle.recipe.schema import AnyStage, RLVRStage
from treadle.scoring.thoughts import ThoughtTags
from treadle.scoring.verdicts import can_be_judged
from treadle.training.prefixes.policy import PrefixPolicy
from treadle.training.prefixes.registry import policy_of


def prefix_policy(stage: AnyStage) -> PrefixPolicy | None:
    """The policy that a stage names; `None` for a stage without prefixes.

    Raises:
        RecipeError: There is no such policy, its settings are wrong, or those of the stage do not go with it.
    """
    if not isinstance(stage, RLVRStage) or stage.prefix is None:
        return None
    try:
        policy = policy_of(stage.prefix.policy, stage.prefix.settings)
    except RecipeError as error:
        raise RecipeError(f"stages.{stage.name}: {error}") from None
    reason = _why_not(stage, policy)
    if reason:
        raise RecipeError(f"stages.{stage.name}.prefix: {reason}")
    return policy


def _why_not(stage: RLVRStage, policy: PrefixPolicy) -> str:
    """Why a stage's settings do not go with its policy, and what mends it; empty where they do."""
    if not stage.dynamic_sampling:
        return "prefixes are given while groups are sampled one by one; set dynamic_sampling: true, or leave out prefix"
    if stage.prefix.loss and policy.place == "prompt":
        return (
            f"loss={stage.prefix.loss:g}, but the policy {stage.prefix.policy!r} gives steps as a hint in the prompt, "
            "which the model is not to write; set loss: 0, or take a policy that begins the completion"
        )
    if stage.prefix.loss and stage.trl.get("use_liger_kernel"):
        return "loss needs log-probs that trl.use_liger_kernel does not compute; set loss: 0, or leave it out"
    if policy.uses_progress and stage.minutes:
        return (
            f"the policy {stage.prefix.policy!r} goes by the share of optimizer steps done, which a stage that "
            "ends after `minutes` does not know; set max_steps instead, or take another policy"
        )
    return ""


def given_of(stage: AnyStage, tags: ThoughtTags) -> Given | None:
    """What the rows of a stage get for its policy; `None` for a stage without prefixes. Raises like `prefix_policy`.

    Args:
        tags: Of the model's thoughts.
    """
    policy = prefix_policy(stage)
    return policy and Given(stage.prefix.target, tags, policy.place == "prompt")


def check_prefix(stage: AnyStage, prepared: Prepared) -> None:
    """Raise `RecipeError` or `DataError` for a stage whose policy or data allow no prefixes."""
    if prefix_policy(stage) is None:
        return
    where, otherwise = f"{prepared.folder}: stages.{stage.name}.prefix", "or leave out prefix"
    if prepared.answers_only:
        raise DataError(
            f"{where} gives steps of the expert's solution, and data that was prepared with --answers-only has none; "
            f"prepare it again without, {otherwise}"
        )
    counts, agents = _steps(prepared)
    if agents:
        raise DataError(
            f"{where}: {agents:,} trajectories with an answer are an agent's, which are acted out step by step and not "
            f"written at once; use kind: srl for them, {otherwise}"
        )
    if counts and max(counts) < 2:
        raise DataError(
            f"{where}: all {len(counts):,} trajectories with an answer have one step, and the last step is always the "
            f"model's, so there is nothing to give; prepare solutions that have several steps, {otherwise}"
        )


def describe_prefix(stage: AnyStage, prepared: Prepared) -> str:
    """The policy of a stage and which problems have something to give, for people; empty without one."""
    policy = prefix_policy(stage)
    if policy is None:
        return ""
    counts, _ = _steps(prepared)
    short = sum(count < 2 for count in counts)
    place = "as a hint in the prompt" if policy.place == "prompt" else "as the beginning of the completion"
    text = f"up to {max(counts, default=1) - 1:,} of the expert's steps ({stage.prefix.target}) {place}"
    settings = [f"{f.name}={getattr(policy, f.name)}" for f in fields(policy)] if is_dataclass(policy) else []
    text += f", by {stage.prefix.policy}" + (f" ({', '.join(settings)})" if settings else "")
    if stage.prefix.loss:
        text += f", with {stage.prefix.loss:g} times their negative log-likelihood in the loss"
    return text + (f"; {short:,} of {len(counts):,} solutions have one step and are given nothing" if short else "")


def _steps(prepared: Prepared) -> tuple[list[int], int]:
    """Steps of every trajectory with an answer, or that is judged without one, and how many of these are agents'."""
    counts: list[int] = []
    agents = 0
    with reading(file := prepared.trajectory_file()):
        for batch in pq.ParquetFile(file).iter_batches(columns=["answer", "domain", "steps"]):
            lengths = pc.fill_null(pc.list_value_length(batch["steps"]), 0).to_pylist()
            told = (batch["answer"].to_pylist(), batch["domain"].to_pylist(), lengths)
            for answer, domain, length in zip(*told, strict=True):
                if answer or can_be_judged(domain, answered=False):
                    counts.append(length)
                    agents += find(domain).of_calls
    return counts, agents
