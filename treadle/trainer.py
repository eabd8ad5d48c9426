"""`SRLTrainer`: TRL's `GRPOTrainer` with dynamic sampling, prefix trees and a record of every rollout.

Losses, distribution, checkpoints and trackers are TRL's. What completions share is computed once by the class beneath
(`treadle.prefix_trainer`). Added here, through TRL's own seams:

- `_generate_and_score_completions`: filter groups without signal, refill, cap (`treadle.sampling`).
- `_calculate_rewards`: tell reward functions which completions were truncated, and record the rollouts.

With `dynamic_sampling`, `prefix_tree`, `shared_rollout`, `group_by_trajectory` and `log_rollouts` all false it is a
plain `GRPOTrainer`. Several processes decide on dynamic sampling together: they count the kept groups of all, draw
further prompts from one stream, as many in each, and train on what each has kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from treadle.errors import RecipeError
from treadle.guarded_steps import GuardedSteps
from treadle.micro_batches import GLOBAL_LOSSES, Batch, concatenate, rows_of, select_rows
from treadle.prefix_trainer import PrefixTreeTrainer
from treadle.prompt_order import PromptStream
from treadle.rewards import srl_reward
from treadle.rollouts import RolloutLog, thought_lengths
from treadle.sampling import Drop, drop_reasons, informative_groups
from treadle.srl_config import SRLConfig
from treadle.watched_rollouts import WatchedRollouts


class SRLTrainer(GuardedSteps, WatchedRollouts, PrefixTreeTrainer):
    """`GRPOTrainer` with dynamic sampling, on prefix trees.

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
            self._check_several_processes(args)
        self._refill = None
        if args.dynamic_sampling:
            self._refill = PromptStream(len(self.train_dataset), args.seed + 1, trajectory_N=self._trajectory_N)
        self._rollout_log = RolloutLog(Path(args.output_dir) / "rollouts.jsonl") if args.log_rollouts else None
        self._rewards_B = torch.empty(0)

    def _check_several_processes(self, args: SRLConfig) -> None:
        local_rows = args.per_device_train_batch_size * args.steps_per_generation
        if local_rows % self.num_generations:
            processes = self.accelerator.num_processes
            raise RecipeError(
                f"dynamic sampling decides on whole groups, but each of {processes} processes gets {local_rows} rows, "
                f"no multiple of num_generations={self.num_generations}; set prompts_per_step to a multiple of "
                f"{processes}, or dynamic_sampling=False"
            )
        if args.loss_type not in GLOBAL_LOSSES:
            raise RecipeError(
                f"loss_type={args.loss_type!r} wants the same number of rows in every process, which dynamic sampling "
                f"does not leave; set one of {', '.join(GLOBAL_LOSSES)}, or dynamic_sampling=False"
            )

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
        if self._rollout_log and mode == "train":
            held = self._of_all(list(zip(inputs, completions, self._rewards_B.tolist(), strict=True)))
            self._rollout_log.hold(*zip(*held, strict=True), self.num_generations)
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
        wanted = self._sum(len(inputs) // group)
        dropped: Counter[Drop] = Counter()
        kept: list[Batch] = []
        spare: Batch | None = None
        kept_groups = sampled_groups = rounds = 0
        while True:
            rounds += 1
            batch = super()._generate_and_score_completions(inputs)
            keep_P = informative_groups(self._rewards_B, group, self.args.sampling_threshold)
            dropped.update(self._of_all(drop_reasons(self._rewards_B, group, keep_P)))
            self._write_rollouts(keep_P.tolist())
            rows_B = keep_P.repeat_interleave(group)
            kept.append(select_rows(batch, rows_B))
            if not keep_P.all():
                spare = select_rows(batch, ~rows_B)
                spare["advantages"] = torch.zeros_like(spare["advantages"])
            kept_groups += self._sum(int(keep_P.sum()))
            sampled_groups += self._sum(len(keep_P))
            if kept_groups >= wanted or rounds == self.args.max_sampling_rounds:
                break
            inputs = self._further_prompts(wanted - kept_groups)
        self._metrics["train"]["sampling/kept_groups"].append(float(kept_groups))
        self._metrics["train"]["sampling/kept_share"].append(kept_groups / sampled_groups)
        self._metrics["train"]["sampling/rounds"].append(float(rounds))
        for reason in Drop:
            self._metrics["train"][f"sampling/dropped/{reason}"].append(dropped[reason] / sampled_groups)
        return self._assembled(kept, spare, wanted // self.accelerator.num_processes)

    def _assembled(self, kept: list[Batch], spare: Batch | None, wanted: int) -> Batch:
        """The kept groups of this process as one batch, filled up as far as the settings or the split demand it."""
        batch = concatenate(kept, self._tokenizer.pad_token_id)
        rows = rows_of(batch)
        target = wanted * self.num_generations
        needed = target if self.args.when_short == "fill" else min(self.args.steps_per_generation, target)
        if rows < needed and spare is not None:
            times = -(-(needed - rows) // rows_of(spare))
            batch = concatenate([batch, *[spare] * times], self._tokenizer.pad_token_id)
            batch = select_rows(batch, torch.arange(rows_of(batch)) < needed)
        mask = batch["completion_mask"] * batch.get("tool_mask", 1)
        batch["num_items_in_batch"] = self.accelerator.gather(mask.sum()).sum()
        return batch

    def _further_prompts(self, count: int) -> list[dict[str, Any]]:
        """Prompts for the groups that are missing in all processes together, as many in each: up to one too many."""
        share = -(-count // self.accelerator.num_processes)
        drawn = list(self._refill.draw(share * self.accelerator.num_processes))
        first = share * self.accelerator.process_index
        rows = [self.train_dataset[i] for i in drawn[first : first + share]]
        return [dict(row) for row in rows for _ in range(self.num_generations)]

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
        if self._rollout_log:
            kept = None if keep_P is None else self._of_all(keep_P)
            self._rollout_log.write(self.state.global_step, kept, self.accelerator.is_main_process)

    def _sum(self, count: int) -> int:
        return sum(self._of_all([count]))
