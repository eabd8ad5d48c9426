"""What a run does with completions that have no reward: count them, and stop where there are too many.

A completion for which any reward function failed has no reward at all: a sum of the others would not compare with its
siblings' (`treadle.training.guards.rewards` says what counts as failing). All processes count together and stop
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from treadle.errors import TrainingFault
from treadle.training.guards.reward_values import named
from treadle.training.guards.rewards import Failure, GuardedReward, RewardFault
from treadle.training.processes import Processes


class Unscorable:
    """Counts completions without reward.

    Args:
        functions: The reward functions that are guarded.
        most: Share of a step's completions that may have none.
        processes: All processes.
    """

    def __init__(self, functions: Sequence[GuardedReward], most: float, processes: Processes) -> None:
        self._functions = functions
        self._most = most
        self._processes = processes
        self._counted_at: tuple[str, int] | None = None
        self._rows = self._failed = self._unjudged = 0
        self._by_fault: Counter[RewardFault] = Counter()

    def rewarded(
        self, rewards_BF: torch.Tensor, completions: int, mode: str, step: int, metrics: dict[str, list[float]]
    ) -> None:
        """Take all rewards from completions for which a function failed, and count them.

        Args:
            rewards_BF: Of all processes; changed in place.
            completions: Number of this process's.
            mode: `train` or `eval`.
            step: Optimizer steps done before.
            metrics: TRL's lists of values since the last log.

        Raises:
            TrainingFault: Too many of this step's have none.
        """
        failures = [failure for function in self._functions for failure in function.failures]
        first = self._processes.index * completions
        failed = self._processes.all([(first + failure.row, failure) for failure in failures])
        rewards_BF[sorted({row for row, _ in failed})] = torch.nan
        count, rows = len(rewards_BF), len({row for row, _ in failed})
        by_fault = Counter(failure.fault for _, failure in failed)
        metrics["faults/unscorable"].append(rows / count)
        for fault in RewardFault:
            metrics[f"faults/unscorable/{fault}"].append(by_fault[fault] / count)
        # Judged over all rounds of a step: one that refills may hold a single prompt, and that a bad one.
        if (mode, step) != self._counted_at:
            self._counted_at, self._rows, self._failed, self._by_fault = (mode, step), 0, 0, Counter()
            self._unjudged = 0
        self._rows += count
        self._failed += rows
        self._by_fault += by_fault
        self._unjudged += int(rewards_BF.isnan().all(dim=1).sum()) - rows
        share = self._failed / self._rows
        if mode == "train" and self._unjudged and self._unjudged + self._failed == self._rows:
            self._nothing(step)
        if failed and (share > self._most or share == 1):
            self._stop(share, step, failed[0][1])

    def _nothing(self, step: int) -> None:
        names = ", ".join(named(function.function) for function in self._functions) or "the reward model"
        raise TrainingFault(
            f"not one of the {self._rows} completions of step {step + 1} has a reward: {self._unjudged} times None "
            f"from {names}. Expected a number for each completion that a function judges, and a function that judges "
            "each; a likely cause is a column that it does not find"
        )

    def _stop(self, share: float, step: int, sample: Failure) -> None:
        reasons = ", ".join(f"{fault} {n}" for fault, n in self._by_fault.most_common())
        remedy = "Mend the function for such completions, or raise max_unscorable."
        if share == 1:
            remedy = "None has a reward, so this is likely a mistake in the function, or in a column that it reads."
        if self._by_fault[RewardFault.OUT_OF_TIME]:
            seconds = next(function.seconds for function in self._functions if function.seconds is not None)
            remedy += f" If it is only slow, raise reward_seconds (now {seconds:g})."
        error = next((function.error for function in self._functions if function.error is not None), None)
        raise TrainingFault(
            f"{share:.0%} of the {self._rows} completions of step {step + 1} have no reward ({reasons}); "
            f"max_unscorable={self._most:g}. Reward {self._named(sample)}: {sample.detail}; the completion begins "
            f"{sample.beginning!r}. {remedy}"
        ) from error

    def _named(self, sample: Failure) -> str:
        functions = (f.function for f in self._functions if f.__name__ == sample.function)
        return next(map(named, functions), repr(sample.function))
