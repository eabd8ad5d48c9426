"""`SRLTrainer`: TRL's `GRPOTrainer` with dynamic sampling, prefix trees and a record of every rollout.

Losses, distribution and trackers are TRL's. What it adds lies in the classes beneath, one idea each, from the bottom:

- `treadle.training.prefix_trainer`: what completions share is computed once.
- `treadle.training.group_trainer`: groups are sampled and rewarded first, and made into a batch afterwards.
- `treadle.training.dynamic_sampling`: groups without signal are left out and others drawn.

Here: the default reward, what reward functions are told, `rollouts.jsonl`, and the time of each phase. With
`dynamic_sampling`, `prefix_tree`, `shared_rollout`, `group_by_trajectory` and `log_rollouts` all false it is a plain
`GRPOTrainer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from treadle.scoring.rewards import srl_reward
from treadle.training.dynamic_sampling import DynamicSamplingTrainer
from treadle.training.groups import total_rewards
from treadle.training.guards.steps import GuardedSteps
from treadle.training.guards.watched_rollouts import WatchedRollouts
from treadle.training.micro_batches import Batch
from treadle.training.phases import PhaseTimes
from treadle.training.rollout_log import RolloutLog, thought_lengths
from treadle.training.sampling import Drop
from treadle.training.srl_config import SRLConfig


class SRLTrainer(PhaseTimes, GuardedSteps, WatchedRollouts, DynamicSamplingTrainer):
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
        self._rollout_log = RolloutLog(Path(args.output_dir) / "rollouts.jsonl") if args.log_rollouts else None

    def _reward(
        self, inputs: list[dict], prompts: list, completions: list, completion_ids_list: list[list[int]]
    ) -> torch.Tensor:
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        truncated = [ids[-1] not in ends for ids in completion_ids_list]
        inputs = [{**row, "truncated": cut} for row, cut in zip(inputs, truncated, strict=True)]
        rewards_BF = super()._reward(inputs, prompts, completions, completion_ids_list)
        mode = "train" if self.model.training else "eval"
        lengths = thought_lengths(completions, self._tokenizer)
        self._metrics[mode]["thought_tokens"].append(sum(lengths) / len(lengths))
        if self._rollout_log and mode == "train":
            first = self.accelerator.process_index * len(prompts)
            local_BF = rewards_BF[first : first + len(prompts)]
            rewards = total_rewards(local_BF, self.reward_weights.to(local_BF.device)).tolist()
            held = self._of_all(list(zip(inputs, completions, rewards, strict=True)))
            self._rollout_log.hold(*zip(*held, strict=True), self.num_generations)
        return rewards_BF

    def _note_rollouts(self, reasons: Sequence[Drop | None]) -> None:
        if self._rollout_log:
            self._rollout_log.write(self.state.global_step, reasons, self.accelerator.is_main_process)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Batch:
        batch = super()._generate_and_score_completions(inputs)
        if self._rollout_log and self.model.training and not self.args.dynamic_sampling:
            self._note_rollouts([None] * self._rollout_log.held)
        return batch
