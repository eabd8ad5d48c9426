"""`SRLTrainer`: TRL's `GRPOTrainer` with dynamic sampling and a record of every rollout.

Losses, generation, distribution, checkpoints and trackers are TRL's. Added are, through TRL's own seams:

- `_generate_and_score_completions`: filter groups without signal, refill, cap (`treadle.sampling`).
- `_prepare_inputs`: split what was kept, siblings together, without shuffling.
- `_calculate_rewards`: tell reward functions which completions were truncated, and record the rollouts.

With `dynamic_sampling=False` and `log_rollouts=False` it is a plain `GRPOTrainer`. Dynamic sampling is for a
single process for now; several are refused with a message.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import GRPOConfig, GRPOTrainer

from treadle.completion import ThinkTags
from treadle.errors import RecipeError
from treadle.rewards import ArgumentOrder, srl_reward
from treadle.rollouts import RolloutLog, thought_lengths
from treadle.sampling import (
    Batch,
    PromptStream,
    concatenate,
    informative_groups,
    micro_batches,
    select_rows,
    split_updates,
)

# Only these losses are normalised over the whole batch, so that micro-batches may differ in size.
GLOBAL_LOSSES = ("dapo", "cispo", "vespo")


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
        max_sampling_rounds (`int`, defaults to 4): Generation rounds of one step, the first one included.
        when_short (`"train"` or `"fill"`, defaults to `"train"`):
            After the last round, train on the groups there are, or fill up with groups without signal, with their
            advantages set to zero. Losses that are not normalised globally need `"fill"`.
        think_tags, autojunk, argument_order: Settings of the default reward, see `srl_reward`.
        log_rollouts (`bool`, defaults to `True`): Write `rollouts.jsonl` into the output folder.
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
    max_sampling_rounds: int = field(default=4, metadata={"help": "Generation rounds of one step."})
    when_short: str = field(default="train", metadata={"help": "'train' or 'fill' after the last round."})
    think_tags: str = field(default="strict", metadata={"help": "'strict', 'lenient' or 'optional'."})
    autojunk: bool = field(default=False, metadata={"help": "difflib's autojunk heuristic in the reward."})
    argument_order: str = field(default="model_first", metadata={"help": "'model_first' or 'expert_first'."})
    log_rollouts: bool = field(default=True, metadata={"help": "Write rollouts.jsonl."})

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
            ("when_short", ("train", "fill")),
        ):
            if getattr(self, name) not in allowed:
                raise RecipeError(f"{name}={getattr(self, name)!r}: expected {' or '.join(map(repr, allowed))}")
        if self.max_sampling_rounds < 1:
            raise RecipeError(f"max_sampling_rounds={self.max_sampling_rounds}: expected at least 1")
        if self.dynamic_sampling and self.when_short == "train" and self.loss_type not in GLOBAL_LOSSES:
            raise RecipeError(
                f"loss_type={self.loss_type!r} weights micro-batches of different size wrongly: set "
                f"when_short='fill', or a globally normalised loss ({', '.join(GLOBAL_LOSSES)})"
            )


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


class SRLTrainer(GRPOTrainer):
    """`GRPOTrainer` with dynamic sampling.

    Args are those of `GRPOTrainer`. Without `reward_funcs` the step-wise similarity reward is used, which reads
    the data set's column `expert_action`.
    """

    _tag_names = ["trl", "grpo", "srl"]  # noqa: RUF012, as in TRL

    def __init__(
        self,
        model: Any,
        reward_funcs: Callable | Sequence[Callable] | None = None,
        args: SRLConfig | None = None,
        *more: Any,
        **kwargs: Any,
    ) -> None:
        args = args if args is not None else SRLConfig("srl")
        if reward_funcs is None:
            reward_funcs = partial(
                srl_reward, think_tags=args.think_tags, autojunk=args.autojunk, argument_order=args.argument_order
            )
            reward_funcs.__name__ = "srl_reward"
        super().__init__(model, reward_funcs, args, *more, **kwargs)
        if args.dynamic_sampling and not hasattr(self.train_dataset, "__len__"):
            raise RecipeError(
                "dynamic sampling draws further prompts by their number, but the data set is a stream; load it as a "
                "datasets.Dataset, or set dynamic_sampling=False"
            )
        if args.dynamic_sampling and self.accelerator.num_processes > 1:
            raise RecipeError(
                f"dynamic sampling runs in a single process for now, found {self.accelerator.num_processes}; "
                "set dynamic_sampling=False"
            )
        self._refill = PromptStream(len(self.train_dataset), seed=args.seed + 1) if args.dynamic_sampling else None
        self._rollout_log = RolloutLog(Path(args.output_dir) / "rollouts.jsonl") if args.log_rollouts else None
        self._rewards_B = torch.empty(0)

    # Rewards

    def _calculate_rewards(
        self, inputs: list[dict], prompts: list, completions: list, completion_ids_list: list[list[int]]
    ) -> torch.Tensor:
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        truncated = [ids[-1] not in ends for ids in completion_ids_list]
        inputs = [{**row, "truncated": cut} for row, cut in zip(inputs, truncated, strict=True)]
        rewards_BF = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        first = self.accelerator.process_index * len(prompts)
        local_BF = rewards_BF[first : first + len(prompts)]
        rewards_B = (local_BF * self.reward_weights.to(local_BF.device)).nansum(1)
        self._rewards_B = rewards_B.masked_fill(local_BF.isnan().all(1), torch.nan)
        mode = "train" if self.model.training else "eval"
        lengths = thought_lengths(completions, self._tokenizer)
        self._metrics[mode]["thought_tokens"].append(sum(lengths) / len(lengths))
        if self._rollout_log and mode == "train" and self.accelerator.is_main_process:
            self._rollout_log.hold(inputs, completions, self._rewards_B.tolist(), self.num_generations)
        return rewards_BF

    # Dynamic sampling

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Batch:
        if not self.model.training:
            return super()._generate_and_score_completions(inputs)
        if not self.args.dynamic_sampling:
            batch = super()._generate_and_score_completions(inputs)
            self._write_rollouts(None)
            return batch
        group = self.num_generations
        wanted = len(inputs) // group
        kept: list[Batch] = []
        spare: Batch | None = None
        kept_groups = sampled_groups = rounds = 0
        while True:
            rounds += 1
            batch = super()._generate_and_score_completions(inputs)
            keep_P = informative_groups(self._rewards_B, group, self.args.sampling_threshold)
            self._write_rollouts(keep_P.tolist())
            rows_B = keep_P.repeat_interleave(group)
            kept.append(select_rows(batch, rows_B))
            if not keep_P.all():
                spare = select_rows(batch, ~rows_B)
                spare["advantages"] = torch.zeros_like(spare["advantages"])
            kept_groups += int(keep_P.sum())
            sampled_groups += len(keep_P)
            if kept_groups == wanted or rounds == self.args.max_sampling_rounds:
                break
            inputs = self._further_prompts(wanted - kept_groups)
        self._metrics["train"]["sampling/kept_groups"].append(float(kept_groups))
        self._metrics["train"]["sampling/kept_share"].append(kept_groups / sampled_groups)
        self._metrics["train"]["sampling/rounds"].append(float(rounds))
        return self._assembled(kept, spare, wanted)

    def _assembled(self, kept: list[Batch], spare: Batch | None, wanted: int) -> Batch:
        """The kept groups as one batch, filled up as far as the settings or the split demand it."""
        batch = concatenate(kept, self._tokenizer.pad_token_id)
        rows = len(batch["completion_ids"])
        target = wanted * self.num_generations
        needed = target if self.args.when_short == "fill" else min(self.args.steps_per_generation, target)
        if rows < needed and spare is not None:
            times = -(-(needed - rows) // len(spare["completion_ids"]))
            batch = concatenate([batch, *[spare] * times], self._tokenizer.pad_token_id)
            batch = select_rows(batch, torch.arange(len(batch["completion_ids"])) < needed)
        mask = batch["completion_mask"] * batch.get("tool_mask", 1)
        batch["num_items_in_batch"] = mask.sum()
        return batch

    def _further_prompts(self, count: int) -> list[dict[str, Any]]:
        rows = [self.train_dataset[i] for i in self._refill.draw(count)]
        return [dict(row) for row in rows for _ in range(self.num_generations)]

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if not (self.model.training and self.args.dynamic_sampling):
            return super()._prepare_inputs(generation_batch)
        steps = self.args.steps_per_generation
        if self._step % (steps * self.num_iterations) == 0 or self._buffered_inputs is None:
            batch = self._generate_and_score_completions(generation_batch)
            updates = steps // self.args.gradient_accumulation_steps
            self._buffered_inputs = [
                part
                for update in split_updates(batch, self.num_generations, updates)
                for part in micro_batches(update, self.args.gradient_accumulation_steps)
            ]
        return self._buffered_inputs[self._step % steps]

    # The place in the stream of further prompts is part of a checkpoint.

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self._refill and self.args.should_save:
            folder = Path(self.args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
            (folder / "sampling.json").write_text(json.dumps({"drawn": self._refill.drawn}))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        state = Path(checkpoint or "") / "sampling.json"
        if self._refill and checkpoint and state.is_file():
            self._refill.drawn = json.loads(state.read_text())["drawn"]

    def _write_rollouts(self, keep_P: list[bool] | None) -> None:
        if self._rollout_log and self.accelerator.is_main_process:
            self._rollout_log.write(self.state.global_step, keep_P)
