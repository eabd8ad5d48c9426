"""What becomes of a round's rewards: checked, counted, and held for the record.

TRL calls the reward functions, each behind a guard (`treadle.training.guards.rewards`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from treadle.errors import RewardError
from treadle.scoring.of_domain import domain_reward
from treadle.scoring.rewards import srl_reward
from treadle.scoring.thoughts import PLAIN, ThoughtTags
from treadle.training.groups import total_rewards
from treadle.training.guards.collapse import Collapse
from treadle.training.guards.format import FormatFaults
from treadle.training.guards.unscorable import Unscorable
from treadle.training.processes import Processes
from treadle.training.rollout_log import RolloutLog, thought_lengths
from treadle.training.srl_config import SRLConfig
from treadle.training.validation import HeldOutRewards

_NO_EXTRAS: Mapping[str, Sequence[Any]] = MappingProxyType({})


def default_reward(args: SRLConfig) -> Callable[..., list[float]]:
    """The step-wise similarity, with the settings of a trainer."""
    names = ("think_tags", "autojunk", "argument_order")
    reward = partial(srl_reward, **{name: getattr(args, name) for name in names})
    reward.__name__ = srl_reward.__name__
    return reward


def earns_at_most_one(function: Any) -> bool:
    """Whether a reward function is one of treadle's, which give -1 to 1; of others the range is not known, and a domain
    may name one of these."""
    while isinstance(function, partial):
        function = function.func
    if function is domain_reward:
        return False
    return str(getattr(function, "__module__", "")).partition(".")[0] == "treadle"


@dataclass(frozen=True)
class Rewards:
    """Takes in the rewards of every round of completions, in training and validation.

    Args:
        weights_F: Weight of each reward function.
        ends: Token ids that end a completion.
        tokenizer: For the lengths of thoughts.
        unscorable, format_faults, collapse: The guards that are told.
        held_out: Takes the rewards of validation.
        log: Takes the rollouts of training; `None` for none.
        processes: All processes.
        thought_tags: Where thoughts begin and end.
    """

    weights_F: torch.Tensor
    ends: set[int]
    tokenizer: PreTrainedTokenizerBase
    unscorable: Unscorable
    format_faults: FormatFaults
    collapse: Collapse
    held_out: HeldOutRewards
    log: RolloutLog | None
    processes: Processes
    thought_tags: ThoughtTags = PLAIN

    def told(self, inputs: Sequence[dict[str, Any]], completion_ids: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
        """The rows as reward functions see them: with `truncated`, whether the token limit cut the completion off (an
        empty one was not), and `thought_tags`."""
        return [
            {
                **row,
                "truncated": bool(ids) and ids[-1] not in self.ends,
                "thought_tags": self.thought_tags.of_prompt(row.get("prompt")),
            }
            for row, ids in zip(inputs, completion_ids, strict=True)
        ]

    def rewarded(
        self,
        rewards_BF: torch.Tensor,
        inputs: Sequence[dict[str, Any]],
        completions: Sequence[Any],
        mode: str,
        step: int,
        metrics: dict[str, list[float]],
        names: Sequence[str] = (),
        extras: Mapping[str, Sequence[Any]] = _NO_EXTRAS,
    ) -> None:
        """Take in a round.

        Args:
            rewards_BF: Of all processes; completions for which a function failed lose theirs.
            inputs: This process's rows, from `told`.
            completions: Of these, as TRL gives them to reward functions.
            mode: `train` or `eval`.
            step: Optimizer steps done before.
            metrics: TRL's lists of values since the last log.
            names: Of the reward functions.
            extras: What they have logged of each of these completions, by column.

        Raises:
            TrainingFault: Too many completions have no reward, or no form.
            RewardError: A column has another number of values than there are completions.
        """
        for column, values in extras.items():
            if len(values) != len(inputs):
                raise RewardError(
                    f"log_extra({column!r}): {len(values)} values for {len(inputs)} completions; expected one for "
                    "each, by one reward: where two have the same column, rename one of them"
                )
        self.unscorable.rewarded(rewards_BF, len(inputs), mode, step, metrics)
        rewards_B = total_rewards(rewards_BF, self.weights_F.to(rewards_BF.device))
        own = self.processes.own_rows(rewards_B).tolist()
        tags_B = [row.get("thought_tags", PLAIN) for row in inputs]
        if mode == "train":
            judging_BF = rewards_BF[:, self.weights_F.to(rewards_BF.device) != 0]
            truncated = [row["truncated"] for row in inputs]
            self.format_faults.rewarded(judging_BF, completions, truncated, step, tags_B)
            self.collapse.rewarded(inputs, completions, own)
        else:
            self.held_out.add(rewards_B)
        lengths = thought_lengths(completions, self.tokenizer, tags_B)
        metrics["thought_tokens"].append(sum(lengths) / len(lengths))
        if self.log and mode == "train":
            own_BF = self.processes.own_rows(rewards_BF).T.tolist() if len(names) > 1 else []
            self.log.hold(inputs, completions, own, dict(zip(names, own_BF, strict=False)), extras)
