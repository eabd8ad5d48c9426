"""Dynamic sampling: groups are sampled and rewarded first, and those without signal dropped before they cost more.

One generation:

1. Informative groups that were left over before and are still fresh come first.
2. The prompts at hand are sampled and rewarded, groups without signal dropped (`treadle.training.sampling`), further
   prompts drawn for those that are missing, until the batch is full or `max_rounds` is reached; then `when_short`
   decides. Prompts that rest (`treadle.training.prompts`) are passed over.
3. What is kept becomes TRL's batch (`treadle.training.batches`); what is more than that waits for the next generation.

Neither the prompts nor the batch depend on the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from trl.trainer.utils import nanstd

from treadle.errors import TrainingFault
from treadle.training.groups import Collected, Group, further_groups, total_rewards
from treadle.training.prompts import Prompts, Row
from treadle.training.sampling import Drop, Refill, WhenShort
from treadle.training.srl_config import SRLConfig

Metrics = dict[str, list[float]]
Logps = list[list[list[float]]]


@dataclass(frozen=True)
class SamplingSettings:
    """Settings of dynamic sampling; `SRLConfig` describes them.

    Args:
        weights: Weight of each reward function.
    """

    threshold: float
    max_rounds: int
    when_short: WhenShort
    refill: Refill
    max_staleness: int
    weights: tuple[float, ...]
    floor: float | None = None

    @classmethod
    def of(cls, args: SRLConfig, weights_F: torch.Tensor) -> SamplingSettings:
        """Those of a trainer's configuration."""
        return cls(
            args.sampling_threshold,
            args.max_sampling_rounds,
            args.when_short,
            args.refill,
            args.max_staleness,
            tuple(weights_F.tolist()),
            args.sampling_floor,
        )


class DynamicSampling:
    """Collects the groups of each generation; its state are the number of the generation and the groups that wait.

    Args:
        settings: See there.
        prompts: Where further prompts come from.
        sample: Makes one rewarded group for each prompt, of the generation of a number.
        logps: Of each group's completions the log-probs by the policy as it is, for groups that wait while the policy
            changes; `None` where something else corrects for the policy that sampled.
        written: Told the outcome of each round's groups.
        metrics: TRL's lists of values since the last log.

    Attributes:
        generation: Number of the generation under way, from 0.
        surplus: Informative groups that wait for the next one.
    """

    def __init__(
        self,
        settings: SamplingSettings,
        prompts: Prompts,
        sample: Callable[[list[Row], int], list[Group]],
        logps: Callable[[list[Group]], Logps] | None,
        written: Callable[[list[Drop | None]], None],
        metrics: Metrics,
    ) -> None:
        self.settings = settings
        self.generation = 0
        self.surplus: list[Group] = []
        self._prompts = prompts
        self._sample = sample
        self._logps = logps
        self._written = written
        self._metrics = metrics
        self._weights_F = torch.tensor(settings.weights)

    def collect(self, proposed: list[Row], step: int) -> tuple[list[Group], Collected]:
        """The groups of one generation: those to train on, and all that was found.

        Args:
            proposed: The data loader's prompts, of all processes: one for each group that the batch shall have.
            step: Optimizer steps done before, for the message.

        Raises:
            TrainingFault: Too few groups carry a signal, with `when_short="stop"`.
        """
        found = self._search(proposed)
        chosen, left_over = found.kept[: found.wanted], found.kept[found.wanted :]
        filled = found.best_of_the_rest(found.missing) if self.settings.when_short == "fill" else []
        self._log(found, len(chosen), len(filled))
        if found.missing and self.settings.when_short == "stop":
            raise TrainingFault(f"step {step + 1}: {_why_short(found, self.settings.floor)}")
        self._keep_for_later(left_over)
        self.generation += 1
        return [*chosen, *filled], found

    def _search(self, proposed: list[Row]) -> Collected:
        oldest = self.generation - self.settings.max_staleness
        fresh = [group for group in self.surplus if group.generation >= oldest]
        expired, self.surplus = len(self.surplus) - len(fresh), []
        self._count("expired_groups", expired)
        found = Collected(len(proposed), fresh)
        # Those that waited stand in for the last of the proposed prompts, which come first when others are needed.
        rows = self._prompts.take(proposed, found.missing)
        while rows:
            groups = self._sample(rows, self.generation)
            reasons = found.add(groups, self._weights_F, self.settings.threshold, self.settings.floor)
            self._written(reasons)
            self._prompts.visited(groups, reasons)
            if not found.missing or found.rounds == self.settings.max_rounds:
                break
            count = further_groups(self.settings.refill, found.wanted, found.missing, found.fresh, found.sampled)
            rows = self._prompts.further(count)
        return found

    def _keep_for_later(self, groups: Sequence[Group]) -> None:
        """Put surplus groups by, with the log-probs of the policy that sampled them, which the update changes."""
        kept = list(groups) if self.settings.max_staleness else []
        self._count("surplus_groups", len(kept))
        self._count("thrown_away_groups", len(groups) - len(kept))
        new = [group for group in kept if group.old_logps is None]
        if new and self._logps is not None:
            logps = iter(self._logps(new))
            kept = [replace(group, old_logps=next(logps)) if group.old_logps is None else group for group in kept]
        self.surplus = kept

    # What is said about it

    def _count(self, name: str, value: float) -> None:
        self._metrics[f"sampling/{name}"].append(float(value))

    def _log(self, found: Collected, chosen: int, filled: int) -> None:
        """Metrics over every prompt that was sampled in this generation."""
        self._count("kept_groups", chosen)
        self._count("empty_generations", not chosen + filled)
        self._count("rounds", found.rounds)
        self._count("missing_groups", found.missing)
        self._count("filled_groups", filled)
        self._count("waited_groups", found.waited)
        if found.sampled:
            self._count("kept_share", found.fresh / found.sampled)
            for reason in Drop:
                if reason is not Drop.ALL_POOR or self.settings.floor is not None:
                    self._count(f"dropped/{reason}", found.reasons[reason] / found.sampled)
        if found.fresh:
            size = len(found.kept[-1].completion_ids)
            self._count("extra_rollouts_per_kept_group", (found.sampled - found.fresh) * size / found.fresh)
        for name, count in self._prompts.resting().items():
            self._count(name, count)
        for name, value in self._prompts.measures().items():
            self._metrics[name].append(value)

    def log_rewards(self, found: Collected, names: Sequence[str], in_place: bool = True) -> None:
        """Log the rewards of all that was sampled.

        Args:
            found: What `collect` returned.
            names: Of the reward functions.
            in_place: TRL has logged the rewards of a batch, and these come in their place.
        """
        if not found.rewards:
            return
        rewards_BF = torch.cat(found.rewards)
        rewards_B = total_rewards(rewards_BF, self._weights_F)
        spread_P = nanstd(rewards_B.view(found.sampled, -1), dim=1)
        told = {
            "reward": rewards_B.nanmean(),
            "reward_std": nanstd(rewards_B),
            "frac_reward_zero_std": torch.isclose(spread_P, torch.zeros_like(spread_P)).float().mean(),
        }
        for number, name in enumerate(names):
            told[f"rewards/{name}/mean"] = rewards_BF[:, number].nanmean()
            told[f"rewards/{name}/std"] = nanstd(rewards_BF[:, number])
        for name, value in told.items():
            if in_place:
                self._metrics[name].pop()
            self._metrics[name].append(value.item())

    # What a checkpoint holds of it

    def state(self) -> dict[str, Any]:
        """Plain Python and lists of it."""
        return {"generation": self.generation, "surplus": [asdict(group) for group in self.surplus]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.generation = state["generation"]
        self.surplus = [Group(**group) for group in state["surplus"]]


def _why_short(found: Collected, floor: float | None) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in found.reasons.most_common())
    return (
        f"{len(found.kept)} of {found.wanted} groups carry a signal after {found.rounds} sampling rounds of "
        f"{found.sampled} groups (dropped: {reasons}), and when_short='stop'; set when_short='train' or 'fill', or "
        "more max_sampling_rounds" + (f", or sampling_floor below {floor:g}" if found.reasons[Drop.ALL_POOR] else "")
    )
