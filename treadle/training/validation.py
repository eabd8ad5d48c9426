"""Validation while training: the same held-out rows and the same random numbers each time, beside the training.

Evaluation is TRL's own, so that vLLM and several processes work as in training; the best result so far is what
transformers keeps as `best_metric`. Added here:

- A random stream of its own, which begins anew at each validation: two validations differ by their weights and not by
  luck, and a run with validation draws the rollouts of a run without.
- For RL the exact mean reward of the rows. TRL averages over batches, which counts the rows of a small last batch more,
  and some twice where processes are filled up to equal numbers.

Rewards are sampled at the training temperature, one completion a row unless `num_generations_eval` says otherwise: with
60 final answers one standard error is up to 6.5 points, so near the top the choice among checkpoints is a rough one.
SFT is validated by its loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_OFFSET = 104_729  # keeps the stream apart from those that training seeds with the same number


@contextmanager
def random_stream(seed: int) -> Iterator[None]:
    """Torch draws from a stream that begins at `seed`, on the CPU and the current GPU, and from its own again after."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


class Validating:
    """For a `Trainer`: `evaluate` leaves the random stream of training alone and draws the same numbers each time."""

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        with random_stream(self.args.seed + _OFFSET + self.accelerator.process_index):
            return super().evaluate(*args, **kwargs)


class ValidatingByReward(Validating):
    """For a `GRPOTrainer`: `eval_reward` is the mean over the rows, and no loss is computed where it must be zero."""

    _validated: tuple[torch.Tensor, ...] = ()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics = super().evaluate(*args, **kwargs)
        if "eval_reward" in metrics and metrics["eval_reward"] is None:
            metrics["eval_reward"] = math.nan  # not a completion could be scored; never better than another
        return metrics

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        rewards_BF = super()._calculate_rewards(*args, **kwargs)
        if not self.model.training:
            rewards_B = (rewards_BF * self.reward_weights.to(rewards_BF.device)).nansum(1)
            self._validated += (rewards_B.masked_fill(rewards_BF.isnan().all(1), torch.nan),)
        return rewards_BF

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        self._validated = ()
        output = super().evaluation_loop(*args, **kwargs)
        if self._validated:
            # In the order of the sampler; what comes after all rows fills up the processes' last batches.
            rewards_B = torch.cat(self._validated)[: output.num_samples * self.num_generations_eval]
            self._metrics["eval"]["reward"] = [rewards_B.nanmean().item()]
        self._validated = ()
        return output

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, None, None]:
        if self.num_generations_eval > 1:
            return super().prediction_step(model, inputs, *args, **kwargs)
        # Single completions have no group to be better than: their advantages are zero. Without the forward a batch of
        # validation may be as large as one of generation.
        self._prepare_inputs(inputs)
        return torch.zeros((), device=self.accelerator.device), None, None
