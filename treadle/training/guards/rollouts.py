"""What a run does with completions that have no reward, or no form: count them, and stop where there are too many.

A completion for which any reward function failed has no reward at all: a sum of the others would not compare with its
siblings' (`treadle.training.guards.rewards` says what counts as failing). All processes count together and stop
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate.utils import gather_object

from treadle.errors import TrainingFault
from treadle.scoring.rewards import FORMAT_REWARD, completion_text
from treadle.training.guards.rewards import Failure, GuardedReward, RewardFault, guarded
from treadle.training.guards.watch import FormatFaults, format_report


class GuardedRollouts:
    """Mixin before `GRPOTrainer` in the order of bases; `args` is an `SRLConfig`."""

    def __init__(
        self, model: Any, reward_funcs: Callable | Sequence[Callable], args: Any, *more: Any, **kwargs: Any
    ) -> None:
        several = isinstance(reward_funcs, (list, tuple))
        guards = [guarded(function, args.reward_seconds) for function in (reward_funcs if several else [reward_funcs])]
        self._guards = [function for function in guards if isinstance(function, GuardedReward)]
        self._format_faults = FormatFaults(args.max_format_fault_steps)
        self._counted_at: tuple[str, int] | None = None
        self._rows = self._failed = 0
        self._by_fault: Counter[RewardFault] = Counter()
        super().__init__(model, guards, args, *more, **kwargs)

    # State of a checkpoint, see `treadle.training.resume.resumable`

    def shared_state(self) -> dict[str, Any]:
        """The count of steps without form, besides what other classes keep."""
        return super().shared_state() | {"format_faults": self._format_faults.state()}

    def set_shared_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        super().set_shared_state(state)
        if "format_faults" in state:
            self._format_faults.set_state(state["format_faults"])

    # Rewards

    def _calculate_rewards(
        self, inputs: list[dict], prompts: list, completions: list, completion_ids_list: list[list[int]]
    ) -> torch.Tensor:
        rewards_BF = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        failures = [failure for guard in self._guards for failure in guard.failures]
        first = self.accelerator.process_index * len(prompts)
        failed = [(first + failure.row, failure) for failure in failures]
        failed = gather_object(failed) if self.accelerator.num_processes > 1 else failed
        rewards_BF[sorted({row for row, _ in failed})] = torch.nan
        self._count_unscorable(failed, len(rewards_BF))
        if self.model.training:
            self._watch_format(rewards_BF, inputs, completions)
        return rewards_BF

    def _count_unscorable(self, failed: list[tuple[int, Failure]], count: int) -> None:
        mode = "train" if self.model.training else "eval"
        rows, by_fault = {row for row, _ in failed}, Counter(failure.fault for _, failure in failed)
        metrics = self._metrics[mode]
        metrics["faults/unscorable"].append(len(rows) / count)
        for fault in RewardFault:
            metrics[f"faults/unscorable/{fault}"].append(by_fault[fault] / count)
        # Judged over all rounds of a step: one that refills may hold a single prompt, and that a bad one.
        if (mode, self.state.global_step) != self._counted_at:
            self._counted_at, self._rows, self._failed, self._by_fault = (mode, self.state.global_step), 0, 0, Counter()
        self._rows += count
        self._failed += len(rows)
        self._by_fault += by_fault
        share = self._failed / self._rows
        if failed and (share > self.args.max_unscorable or share == 1):
            self._stop_for_rewards(share, failed[0][1])

    def _stop_for_rewards(self, share: float, sample: Failure) -> None:
        reasons = ", ".join(f"{fault} {n}" for fault, n in self._by_fault.most_common())
        remedy = "Mend the function for such completions, or raise max_unscorable."
        if share == 1:
            remedy = "None has a reward, so this is likely a mistake in the function, or in a column that it reads."
        if self._by_fault[RewardFault.OUT_OF_TIME]:
            remedy += f" If it is only slow, raise reward_seconds (now {self.args.reward_seconds:g})."
        error = next((guard.error for guard in self._guards if guard.error is not None), None)
        raise TrainingFault(
            f"{share:.0%} of the {self._rows} completions of step {self.state.global_step + 1} have no reward "
            f"({reasons}); max_unscorable={self.args.max_unscorable:g}. Reward {sample.function!r}: {sample.detail}; "
            f"the completion begins {sample.beginning!r}. {remedy}"
        ) from error

    def _watch_format(self, rewards_BF: torch.Tensor, inputs: list[dict], completions: list) -> None:
        total_B = (rewards_BF * self.reward_weights.to(rewards_BF.device)).nansum(1)
        scored_B = total_B[~rewards_BF.isnan().all(1)]
        all_faults = bool(len(scored_B)) and bool((scored_B == FORMAT_REWARD).all())
        if not self._format_faults.see(self.state.global_step, all_faults):
            return
        texts = [completion_text(completion) for completion in completions]
        truncated = [bool(row.get("truncated")) for row in inputs]
        raise TrainingFault(
            f"every completion broke the format in {self._format_faults.steps} steps in a row, so there is nothing to "
            f"learn from (max_format_fault_steps={self._format_faults.limit}). Likely cause: "
            f"{format_report(texts, truncated, self.args.think_tags)}"
        )
