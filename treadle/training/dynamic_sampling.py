"""Dynamic sampling in TRL's trainer: groups without signal are dropped before anything is computed on them.

One generation, in `_generate_and_score_completions`:

1. Informative groups that were left over before and are still fresh come first.
2. The prompts at hand are sampled and rewarded, groups without signal dropped (`treadle.training.sampling`), further
   prompts drawn for those that are missing, until the batch is full or `max_sampling_rounds` is reached; then
   `when_short` decides. Prompts that rest (`treadle.training.prompt_schedule`) are passed over.
3. What is kept becomes TRL's batch (`treadle.training.group_trainer`); what is more than that waits for the next
   generation.

Neither the prompts nor the batch depend on the number of processes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, replace
from typing import Any

import torch
from trl.trainer.utils import nanstd

from treadle.errors import RecipeError, TrainingFault
from treadle.training.group_trainer import GroupTrainer, Row
from treadle.training.groups import Collected, Group, further_groups, total_rewards
from treadle.training.micro_batches import GLOBAL_LOSSES, Batch
from treadle.training.prompt_order import PromptStream
from treadle.training.prompt_schedule import PromptSchedule, Rest, key_of
from treadle.training.sampling import Drop
from treadle.training.srl_config import SRLConfig


class DynamicSamplingTrainer(GroupTrainer):
    """`GroupTrainer` that trains on informative groups; its args are an `SRLConfig`."""

    def __init__(self, model: Any, reward_funcs: Any, args: SRLConfig, *more: Any, **kwargs: Any) -> None:
        super().__init__(model, reward_funcs, args, *more, **kwargs)
        self._surplus: list[Group] = []
        self._passed_down: deque[Row] = deque()
        self._schedule = PromptSchedule(args.rest_after) if args.rest_after else None
        self._refill: PromptStream | None = None
        if args.dynamic_sampling:
            self._check_dynamic_sampling(args)
            self._refill = PromptStream(len(self.train_dataset), args.seed + 1, trajectory_N=self._trajectory_N)

    def _check_dynamic_sampling(self, args: SRLConfig) -> None:
        if not hasattr(self.train_dataset, "__len__"):
            raise RecipeError(
                "dynamic sampling draws further prompts by their number, but the data set is a stream; load it as a "
                "datasets.Dataset, or set dynamic_sampling=False"
            )
        images = {"image", "images"} & set(getattr(self.train_dataset, "column_names", None) or ())
        if self.tools or self.environment_factories is not None or images:
            raise RecipeError(
                "dynamic sampling keeps and drops completions of text; with tools, environments or images set "
                "dynamic_sampling=False"
            )
        processes = self.accelerator.num_processes
        local_rows = args.per_device_train_batch_size * args.steps_per_generation
        if local_rows % self.num_generations:
            raise RecipeError(
                f"dynamic sampling decides on whole groups, but each of {processes} processes gets {local_rows} rows, "
                f"no multiple of num_generations={self.num_generations}; set prompts_per_step to a multiple of "
                f"{processes}, or dynamic_sampling=False"
            )
        if processes > 1 and args.loss_type not in GLOBAL_LOSSES:
            raise RecipeError(
                f"loss_type={args.loss_type!r} wants the same number of rows in every process, which dynamic sampling "
                f"does not leave; set one of {', '.join(GLOBAL_LOSSES)}, or dynamic_sampling=False"
            )

    def _generate_and_score_completions(self, inputs: list[Row]) -> Batch:
        if not self.model.training or not self.args.dynamic_sampling:
            return super()._generate_and_score_completions(inputs)
        found = self._collect(self._of_all(inputs[:: self.num_generations]))
        chosen, left_over = found.kept[: found.wanted], found.kept[found.wanted :]
        filled = found.best_of_the_rest(found.missing) if self.args.when_short == "fill" else []
        self._log_sampling(found, len(chosen), len(filled))
        if found.missing and self.args.when_short == "stop":
            raise TrainingFault(self._why_short(found))
        self._keep_for_later(left_over)
        self._generation += 1
        fillers = [group for _, group in found.dropped]
        batch = self._batch_of([*chosen, *filled], found.wanted, fillers)
        self._log_rewards(found.rewards)
        return batch

    # Sampling

    def _collect(self, proposed: list[Row]) -> Collected:
        """Groups for one generation.

        Args:
            proposed: The data loader's prompts, of all processes.
        """
        oldest = self._generation - self.args.max_staleness
        fresh = [group for group in self._surplus if group.generation >= oldest]
        expired, self._surplus = len(self._surplus) - len(fresh), []
        self._count("expired_groups", expired)
        found = Collected(len(proposed), fresh)
        # Those that waited stand in for the last of the proposed prompts, which come first when others are needed.
        rows = [row for row in proposed[: found.missing] if self._takes(row)]
        self._passed_down.extend(proposed[found.missing :])
        rows += self._further_prompts(found.missing - len(rows))
        while rows:
            groups = self._sample(rows)
            reasons = found.add(groups, self.reward_weights.cpu(), self.args.sampling_threshold)
            self._note_rollouts(reasons)
            if self._schedule:
                for group, reason in zip(groups, reasons, strict=True):
                    self._schedule.record(key_of(group.row), reason)
            if not found.missing or found.rounds == self.args.max_sampling_rounds:
                break
            count = further_groups(self.args.refill, found.wanted, found.missing, found.fresh, found.sampled)
            rows = self._further_prompts(count)
        return found

    def _takes(self, row: Row) -> bool:
        return self._schedule is None or self._schedule.takes(key_of(row))

    def _further_prompts(self, count: int) -> list[Row]:
        """The next prompts that do not rest: first those that were proposed and not needed, then from the stream."""
        rows: list[Row] = []
        while len(rows) < count:
            row = self._passed_down.popleft() if self._passed_down else self.train_dataset[next(self._refill.draw(1))]
            if self._takes(row):
                rows.append(row)
        return rows

    def _note_rollouts(self, reasons: list[Drop | None]) -> None:
        """Called after each round with the outcome of its groups."""

    # Groups that wait for the next generation

    def _keep_for_later(self, groups: list[Group]) -> None:
        """Put surplus groups by, with the log-probs of the policy that sampled them, which the update changes."""
        kept = groups if self.args.max_staleness else []
        self._count("surplus_groups", len(kept))
        self._count("thrown_away_groups", len(groups) - len(kept))
        new = [group for group in kept if group.old_logps is None]
        if new and not self._ratios_by_vllm:
            logps = iter(self._logps_of_groups(new))
            kept = [replace(group, old_logps=next(logps)) if group.old_logps is None else group for group in kept]
        self._surplus = kept

    # What is said about it

    def _count(self, name: str, value: float) -> None:
        self._metrics["train"][f"sampling/{name}"].append(float(value))

    def _log_sampling(self, found: Collected, chosen: int, filled: int) -> None:
        """Metrics over every prompt that was sampled in this generation."""
        self._count("kept_groups", chosen)
        self._count("rounds", found.rounds)
        self._count("missing_groups", found.missing)
        self._count("filled_groups", filled)
        self._count("waited_groups", found.waited)
        if found.sampled:
            self._count("kept_share", found.fresh / found.sampled)
            for reason in Drop:
                self._count(f"dropped/{reason}", found.reasons[reason] / found.sampled)
        if found.fresh:
            dropped = found.sampled - found.fresh
            self._count("extra_rollouts_per_kept_group", dropped * self.num_generations / found.fresh)
        if self._schedule:
            for kind, count in self._schedule.resting.items():
                self._count(f"resting/{kind}", count)
            for kind in Rest:
                self._count(f"passed_over/{kind}", self._schedule.passed_over[kind])

    def _log_rewards(self, rewards: list[torch.Tensor]) -> None:
        """TRL has logged the rewards of the batch; these are those of all that was sampled."""
        if not rewards:
            return
        rewards_BF = torch.cat(rewards)
        rewards_B = total_rewards(rewards_BF, self.reward_weights.cpu())
        spread_P = nanstd(rewards_B.view(-1, self.num_generations), dim=1)
        told = {
            "reward": rewards_B.nanmean(),
            "reward_std": nanstd(rewards_B),
            "frac_reward_zero_std": torch.isclose(spread_P, torch.zeros_like(spread_P)).float().mean(),
        }
        for number, name in enumerate(self.reward_func_names):
            told[f"rewards/{name}/mean"] = rewards_BF[:, number].nanmean()
            told[f"rewards/{name}/std"] = nanstd(rewards_BF[:, number])
        for name, value in told.items():
            self._metrics["train"][name][-1] = value.item()

    def _why_short(self, found: Collected) -> str:
        reasons = ", ".join(f"{reason} {count}" for reason, count in found.reasons.most_common())
        return (
            f"step {self.state.global_step + 1}: {len(found.kept)} of {found.wanted} groups carry a signal after "
            f"{found.rounds} sampling rounds of {found.sampled} groups (dropped: {reasons}), and when_short='stop'; "
            "set when_short='train' or 'fill', or more max_sampling_rounds"
        )

    # What a checkpoint holds of it

    def shared_state(self) -> dict[str, Any]:
        state = super().shared_state()
        if self._refill is not None:
            state["sampling"] = {
                "drawn": self._refill.drawn,
                "generation": self._generation,
                "surplus": [asdict(group) for group in self._surplus],
                "passed_down": list(self._passed_down),
                "schedule": self._schedule.state() if self._schedule else None,
            }
        return state

    def set_shared_state(self, state: dict[str, Any]) -> None:
        super().set_shared_state(state)
        saved = state.get("sampling")
        if self._refill is None or saved is None:
            return
        self._refill.drawn = saved["drawn"]
        self._generation = saved["generation"]
        self._surplus = [Group(**group) for group in saved["surplus"]]
        self._passed_down = deque(saved["passed_down"])
        if self._schedule and saved["schedule"]:
            self._schedule.set_state(saved["schedule"])
