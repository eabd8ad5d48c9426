"""A policy that says the same whatever it is asked: where its generations stay so, the run warns, and then stops.

A similarity to the expert's step is above zero for nearly any text, so a text that ignores the problem can be the best
that a policy finds. Its groups then have no spread, the reward has risen, and nothing else looks wrong.

Completions of *different* prompts are equal by chance where there is little to say (`ls`, `\\boxed{3}`), so the share
of equal pairs is held against that of the experts' actions for the same prompts, or of the reference answers where
these are all there is. Shares of pairs do not depend on how many prompts and rollouts a generation has, as shares of
completions would. Prompts without any reference are measured but not judged.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.errors import TrainingFault
from treadle.scoring.completion import ThinkTags
from treadle.scoring.rewards import ModelOutput
from treadle.training.guards.sameness import Said, by_prompt, equal_pairs, excess, measures, references, said
from treadle.training.processes import Processes

BAR = 0.25
"""Collapsed: by so much more are pairs equal than the experts'. One text in half of all completions makes a quarter."""

WARN_AFTER = 3
"""Collapsed steps in a row before the warning."""


@dataclass(frozen=True)
class CollapseSettings:
    """When a run stops, and what is told about it.

    Args:
        limit: Collapsed steps in a row at which to stop; `None` for never.
        think_tags: As the reward reads completions.
        learning_rate, kl: The run's.
    """

    limit: int | None
    think_tags: ThinkTags = "strict"
    learning_rate: float = 0.0
    kl: float = 0.0

    @classmethod
    def of(cls, args: Any) -> CollapseSettings:
        """Those of a trainer's configuration."""
        return cls(args.max_collapsed_steps, args.think_tags, args.learning_rate, args.beta)


class Collapse:
    """Measures each generation of training, and counts the steps in a row that have collapsed; that is its state.

    Args:
        settings: See there.
        processes: All processes.
        metrics: TRL's lists of values since the last log.

    Attributes:
        steps: Collapsed steps in a row.
    """

    def __init__(self, settings: CollapseSettings, processes: Processes, metrics: dict[str, list[float]]) -> None:
        self.steps = 0
        self._settings = settings
        self._processes = processes
        self._metrics = metrics
        self._last: int | None = None
        self._held: list[Said] = []

    def rewarded(
        self, rows: Sequence[Mapping[str, Any]], completions: Sequence[ModelOutput], rewards: Sequence[float]
    ) -> None:
        """Hold a round of this process.

        Args:
            rows: With the columns `prompt` and `truncated`, and `expert_action` or `answer` where there are any.
            completions: Of these.
            rewards: Of these in total; NaN for none.
        """
        for row, completion, reward in zip(rows, completions, rewards, strict=True):
            self._held.append(said(row, completion, float(reward), self._settings.think_tags))

    def generated(self, step: int) -> None:
        """All rounds of a generation are there: measure and judge it. Nothing is done where none was needed.

        Args:
            step: Optimizer steps done before.

        Raises:
            TrainingFault: The limit is reached.
        """
        held, self._held = self._held, []
        everything = self._processes.all(held)
        if not everything:
            return
        for name, value in measures(everything).items():
            self._metrics[f"collapse/{name}"].append(value)
        if not self.see(step, excess(everything) > BAR):
            return
        limit = self._settings.limit
        if limit is not None and self.steps >= limit:
            raise TrainingFault(
                f"{self._report(everything)} (max_collapsed_steps={limit}). The last checkpoint may have collapsed "
                "already; the best one by validation (validate_every) is kept beside it. To train on as it is, set a "
                "larger limit, or null for none."
            )
        if self.steps == WARN_AFTER and self._processes.is_main:
            ends = "never stops for it" if limit is None else f"stops after {limit}"
            warnings.warn(f"{self._report(everything)}. The run {ends} (max_collapsed_steps).", stacklevel=3)

    def see(self, step: int, collapsed: bool) -> bool:
        """Told each generation of a step; true where a further step has collapsed."""
        if not collapsed:
            self.steps, self._last = 0, None
        elif step != self._last:
            self.steps, self._last = self.steps + 1, step
            return True
        return False

    def _report(self, everything: Sequence[Said]) -> str:
        """What was found and why it may be so, without the full stop."""
        texts = by_prompt(everything)
        counts = Counter(one.text for one in everything)
        most = max(counts, key=lambda text: (counts[text], text))
        saying, told = [one for one in everything if one.text == most], sum(most in group for group in texts.values())
        rewards = sorted(one.reward for one in saying if not math.isnan(one.reward))
        earned = f", mean reward {sum(rewards) / len(rewards):.2f}" if rewards else ""
        stands = ", where this text stands" if any(one.copied for one in saying) else ""
        causes = (
            f"a learning rate that is too high (learning_rate, now {self._settings.learning_rate:g})",
            f"little or no pull back to the model that training began with (kl, now {self._settings.kl:g})",
            "a reward that a constant text earns (see rollouts.jsonl)",
            f"a worked example in the prompt{stands}",
        )
        return (
            f"completions do not depend on the prompt, in {self.steps} steps in a row: of pairs for different prompts "
            f"{equal_pairs(texts):.0%} are equal, of the experts' {equal_pairs(references(everything)):.0%}. Most "
            f"frequent, {len(saying)} of {len(everything)} completions and for {told} of {len(texts)} prompts{earned}: "
            f"{_beginning(most)!r}. Likely causes: {'; '.join(causes)}"
        )

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in plain Python; checkpoints lie between generations."""
        return {"steps": self.steps, "last": self._last}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.steps, self._last = state["steps"], state["last"]


def _beginning(text: str, length: int = 200) -> str:
    return text if len(text) <= length else f"{text[:length]} ..."
