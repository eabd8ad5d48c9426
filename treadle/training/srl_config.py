"""`SRLConfig`: TRL's `GRPOConfig` with the paper's settings as defaults, and the settings that treadle adds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, get_args

from trl import GRPOConfig

from treadle.errors import RecipeError
from treadle.scoring.completion import ThinkTags
from treadle.scoring.rewards import ArgumentOrder
from treadle.scoring.thoughts import tags_of_pair
from treadle.training.micro_batches import GLOBAL_LOSSES
from treadle.training.sampling import Refill, WhenShort


@dataclass
class SRLConfig(GRPOConfig):
    """`GRPOConfig` with the paper's settings as defaults (section 4.1) and those of dynamic sampling.

    Args:
        prompts_per_step (`int` or `None`, defaults to 512):
            Prompts of one optimizer step; sets `gradient_accumulation_steps` from
            `per_device_train_batch_size` and the number of processes. `None` leaves TRL's own settings alone.
            The paper says "batch size 512"; whether prompts or rollouts is not stated.
        dynamic_sampling (`bool`, defaults to `True`): Filter groups without signal and refill.
        sampling_threshold (`float`, defaults to 0.01):
            Population standard deviation of a group's rewards above which it is kept. Not in the paper.
        sampling_floor (`float` or `None`):
            Reward, as the reward functions' weighted sum, that the best completion of a group must reach for the group
            to be kept; such groups have a spread, which is noise where all of it is poor. `None` for no such bar, as in
            the paper. Where a batch is filled up, poor groups come last and without advantages.
        max_sampling_rounds (`int`, defaults to 4): Generation rounds of one step, the first one included.
        when_short (`"train"`, `"fill"` or `"stop"`, defaults to `"train"`):
            After the last round, train on the groups there are; or fill up with the best of the rest, those with the
            widest spread of rewards; or stop the run. Losses that are not normalised globally need a full batch.
        refill (`"missing"`, `"expected"` or `"full"`, defaults to `"missing"`):
            Prompts of a further round: as many as groups are missing; as many as should bring them, by the share kept
            so far; or a whole generation again. The latter two need fewer rounds and sample more than is needed.
        max_staleness (`int`, defaults to 1):
            For how many generations informative groups that were more than needed wait to be used. Their ratios are
            taken to the policy that sampled them. 0 throws them away.
        rest_after (`int` or `None`):
            After so many visits in a row without a signal a prompt rests: it is taken every fourth time that it comes
            up, until it is informative again. `None` samples all prompts alike, as the paper does.
        prefix_loss (`float`, defaults to 0.0):
            With a prefix policy, weight of the mean negative log-likelihood of the tokens that prompts are given of the
            expert's solution. Not in the paper.
        think_tags, autojunk, argument_order: Settings of the default reward, see `srl_reward`.
        thought_tags (`list[str]` or `None`):
            The tags around a thought, an opening and a closing one. `None` for `<think>` and `</think>`.
        log_rollouts (`bool`, defaults to `True`): Write `rollouts.jsonl` into the output folder.
        prefix_tree (`bool`, defaults to `True`):
            Compute log-probs with each shared prefix token once, where the model allows it, and keep siblings and
            steps of a trajectory in one micro-batch.
        shared_rollout (`bool`, defaults to `True`): Prefill shared prompt prefixes once when generating without vLLM.
        group_by_trajectory (`bool`, defaults to `True`):
            Shuffle trajectories instead of rows, where the data set names them (column `trajectory_id`).
        max_tree_tokens (`int` or `None`):
            Tokens that one micro-batch may forward. `None` is what TRL would forward: the batch's width times
            `per_device_train_batch_size`.
        max_kv_tokens (`int` or `None`):
            Tokens whose keys and values a rollout without vLLM may hold at a time. `None` for no bound.

    Faults (`docs/faults.md`):
        max_skipped_steps (`int`, defaults to 3):
            Optimizer steps in a row that may be skipped because a loss or gradient is not finite, before the run stops.
        reward_seconds (`float` or `None`, defaults to 600):
            Seconds that a reward function may take for one batch. `None` for no limit.
        max_unscorable (`float`, defaults to 0.25):
            Share of one generation's completions that may have no reward because of a fault.
        max_format_fault_steps (`int` or `None`, defaults to 5):
            Steps in a row in which every completion breaks the format, before the run stops. `None` for no limit.
        max_collapsed_steps (`int` or `None`, defaults to 10):
            Steps in a row in which completions hardly depend on the prompt, before the run stops. `None` for no limit;
            the warning comes after three all the same.
        quiet_steps (`int`, defaults to 5):
            Steps in a row without gradient, or without any change of weights, before a warning. 0 for none.
        max_logp_difference (`float`, defaults to 0.2):
            Mean difference between the log-probs of the rollout engine and of the trainer above which to warn, in nats.
        stop_on_logp_difference (`bool`, defaults to `False`): Stop at `max_logp_difference` instead of warning.
    """

    learning_rate: float = 5e-7
    lr_scheduler_type: str = "constant"
    max_grad_norm: float = 1.0
    num_generations: int | None = 8
    temperature: float = 1.0
    beta: float = 0.0
    prompts_per_step: int | None = field(default=512, metadata={"help": "Prompts of one optimizer step."})
    dynamic_sampling: bool = field(default=True, metadata={"help": "Filter groups without signal and refill."})
    sampling_threshold: float = field(default=0.01, metadata={"help": "Standard deviation above which to keep."})
    sampling_floor: float | None = field(default=None, metadata={"help": "Least best reward of a group to keep."})
    max_sampling_rounds: int = field(default=4, metadata={"help": "Generation rounds of one step."})
    when_short: str = field(default="train", metadata={"help": "'train', 'fill' or 'stop' after the last round."})
    refill: str = field(default="missing", metadata={"help": "'missing', 'expected' or 'full': prompts of a round."})
    max_staleness: int = field(default=1, metadata={"help": "Generations that surplus groups wait; 0 drops them."})
    rest_after: int | None = field(default=None, metadata={"help": "Silent visits after which a prompt rests."})
    prefix_loss: float = field(default=0.0, metadata={"help": "Weight of the likelihood of the expert's prefix."})
    think_tags: str = field(default="strict", metadata={"help": "'strict', 'lenient' or 'optional'."})
    thought_tags: list[str] | None = field(default=None, metadata={"help": "Opening and closing tag of thoughts."})
    autojunk: bool = field(default=False, metadata={"help": "difflib's autojunk heuristic in the reward."})
    argument_order: str = field(default="model_first", metadata={"help": "'model_first' or 'expert_first'."})
    log_rollouts: bool = field(default=True, metadata={"help": "Write rollouts.jsonl."})
    prefix_tree: bool = field(default=True, metadata={"help": "Compute shared prefixes once in the update."})
    shared_rollout: bool = field(default=True, metadata={"help": "Compute shared prefixes once in the rollout."})
    group_by_trajectory: bool = field(default=True, metadata={"help": "Shuffle trajectories instead of rows."})
    max_tree_tokens: int | None = field(default=None, metadata={"help": "Tokens that a micro-batch may forward."})
    max_kv_tokens: int | None = field(default=None, metadata={"help": "Tokens cached at a time in a rollout."})

    max_skipped_steps: int = field(default=3, metadata={"help": "Skipped steps in a row before stopping."})
    reward_seconds: float | None = field(default=600.0, metadata={"help": "Seconds of a reward function's call."})
    max_unscorable: float = field(default=0.25, metadata={"help": "Share of completions without reward by a fault."})
    max_format_fault_steps: int | None = field(default=5, metadata={"help": "Steps of format faults alone."})
    max_collapsed_steps: int | None = field(default=10, metadata={"help": "Steps of the same text for all prompts."})
    quiet_steps: int = field(default=5, metadata={"help": "Steps without gradient or change before a warning."})
    max_logp_difference: float = field(default=0.2, metadata={"help": "Rollout log-probs against the trainer's."})
    stop_on_logp_difference: bool = field(default=False, metadata={"help": "Stop at that difference."})

    def __post_init__(self) -> None:
        if self.prompts_per_step is not None:
            processes = int(os.environ.get("WORLD_SIZE", 1))
            derived = accumulation_steps(
                self.prompts_per_step, self.num_generations, self.per_device_train_batch_size, processes
            )
            if self.gradient_accumulation_steps not in (1, derived):
                raise RecipeError(
                    f"gradient_accumulation_steps={self.gradient_accumulation_steps}, but prompts_per_step="
                    f"{self.prompts_per_step} makes it {derived}; set one of them, the other to its default "
                    "(prompts_per_step=None leaves the batch to TRL's own settings)"
                )
            self.gradient_accumulation_steps = derived
        super().__post_init__()
        for name, allowed in (
            ("think_tags", get_args(ThinkTags)),
            ("argument_order", get_args(ArgumentOrder)),
            ("when_short", get_args(WhenShort)),
            ("refill", get_args(Refill)),
        ):
            if getattr(self, name) not in allowed:
                raise RecipeError(f"{name}={getattr(self, name)!r}: expected {' or '.join(map(repr, allowed))}")
        tags_of_pair(self.thought_tags)
        check_fault_settings(self)
        if isinstance(self.sampling_floor, str):
            raise RecipeError(
                f"sampling_floor={self.sampling_floor!r}: expected a number or None; what a recipe's `data` stands for "
                "is treadle.data.prepared.Prepared(FOLDER).floor"
            )
        if self.sampling_floor is not None and not self.dynamic_sampling:
            raise RecipeError(
                f"sampling_floor={self.sampling_floor}: groups are dropped by dynamic sampling; set "
                "dynamic_sampling=True, or leave it out"
            )
        if self.remove_unused_columns:
            raise RecipeError("remove_unused_columns=True takes the columns away that rewards read; leave it out")
        if self.use_transformers_continuous_batching and self.prefix_tree:
            raise RecipeError(
                "use_transformers_continuous_batching=True does not take the attention of the prefix tree; set "
                "prefix_tree=False, or leave it out"
            )
        for name, least in (
            ("max_sampling_rounds", 1),
            ("max_tree_tokens", 1),
            ("max_kv_tokens", 1),
            ("rest_after", 1),
            ("max_staleness", 0),
            ("prefix_loss", 0),
        ):
            if getattr(self, name) is not None and getattr(self, name) < least:
                raise RecipeError(f"{name}={getattr(self, name)}: expected at least {least}")
        if self.dynamic_sampling and self.when_short == "train" and self.loss_type not in GLOBAL_LOSSES:
            raise RecipeError(
                f"loss_type={self.loss_type!r} weights micro-batches of different size wrongly: set "
                f"when_short='fill' (or 'stop'), or a globally normalised loss ({', '.join(GLOBAL_LOSSES)})"
            )


def check_fault_settings(config: Any) -> None:
    """Raise `RecipeError` for a limit of faults that cannot be meant; `config` may lack some."""
    for name, least in (
        ("max_skipped_steps", 1),
        ("max_format_fault_steps", 1),
        ("max_collapsed_steps", 1),
        ("quiet_steps", 0),
    ):
        value = getattr(config, name, None)
        if value is not None and value < least:
            raise RecipeError(f"{name}={value}: expected at least {least}")
    for name in ("reward_seconds", "max_logp_difference"):
        value = getattr(config, name, None)
        if value is not None and not value > 0:
            raise RecipeError(f"{name}={value}: expected more than 0")
    share = getattr(config, "max_unscorable", 0.0)
    if not 0 <= share <= 1:
        raise RecipeError(f"max_unscorable={share}: expected a share from 0 to 1")


def accumulation_steps(prompts: int, rollouts: int, micro_batch: int, processes: int = 1) -> int:
    """Micro-batches that one process accumulates for a step of `prompts` x `rollouts` completions.

    Raises:
        RecipeError: They do not divide; the message gives the nearest number of prompts that does.
    """
    rows, per_micro_batch = prompts * rollouts, micro_batch * processes
    if rows % per_micro_batch == 0:
        return rows // per_micro_batch
    fitting = [p for p in range(1, 2 * prompts + per_micro_batch) if p * rollouts % per_micro_batch == 0]
    nearest = min(fitting, key=lambda p: abs(p - prompts))
    raise RecipeError(
        f"{prompts} prompts x {rollouts} rollouts = {rows} completions a step do not divide into micro-batches of "
        f"{micro_batch} on {processes} process(es); set prompts_per_step={nearest} or a micro-batch that divides {rows}"
    )


def check_dynamic_sampling(args: SRLConfig, rows: Any, only_text: bool, processes: int) -> None:
    """Raise `RecipeError` for data or a batch of which dynamic sampling cannot keep and drop groups.

    Args:
        args: The trainer's configuration.
        rows: The data set.
        only_text: Whether there are neither tools nor environments.
        processes: Their number.
    """
    if not hasattr(rows, "__len__"):
        raise RecipeError(
            "dynamic sampling draws further prompts by their number, but the data set is a stream; load it as a "
            "datasets.Dataset, or set dynamic_sampling=False"
        )
    if not only_text or {"image", "images"} & set(getattr(rows, "column_names", None) or ()):
        raise RecipeError(
            "dynamic sampling keeps and drops completions of text; with tools, environments or images set "
            "dynamic_sampling=False"
        )
    local_rows = args.per_device_train_batch_size * args.steps_per_generation
    if local_rows % args.num_generations:
        raise RecipeError(
            f"dynamic sampling decides on whole groups, but each of {processes} processes gets {local_rows} rows, "
            f"no multiple of num_generations={args.num_generations}; set prompts_per_step to a multiple of "
            f"{processes}, or dynamic_sampling=False"
        )
    if processes > 1 and args.loss_type not in GLOBAL_LOSSES:
        raise RecipeError(
            f"loss_type={args.loss_type!r} wants the same number of rows in every process, which dynamic sampling "
            f"does not leave; set one of {', '.join(GLOBAL_LOSSES)}, or dynamic_sampling=False"
        )
