"""SkyRL's trainer with treadle's dynamic sampling (`treadle.training.groups.Collected`).

SkyRL's own (`trainer.algorithm.dynamic_sampling.type=filter`) drops a group only where all rewards are the same number,
and ends the run where the cap is hit. A round is a whole batch, as SkyRL's loop has it. Surplus groups do not wait for
the next step, as SkyRL computes the old log-probs with the weights of the step that trains.
"""

from __future__ import annotations

from typing import Any

import torch
from skyrl.train.generators.utils import concatenate_generator_outputs
from skyrl.train.trainer import RayPPOTrainer
from skyrl.train.utils.trainer_utils import filter_generator_output

from treadle.export.sampling import check_enough, counts
from treadle.training.groups import Collected, Group


class TreadleTrainer(RayPPOTrainer):
    """Keeps groups whose rewards spread, in rounds, and says why it dropped the others; at the end it exports weights.

    Settings are `treadle` of the configuration (`TreadleSettings`); rounds are `dynamic_sampling.max_sample_batches`.
    """

    _found: Collected | None = None

    async def train(self) -> None:
        """SkyRL's training, and the last weights as a Hugging Face folder."""
        await super().train()
        self.save_models()

    def handle_dynamic_sampling(self, generator_output: Any, uids: list[str]) -> tuple[Any, list[str], bool]:
        """The step's completions, the names of their groups, and whether another round is wanted.

        Raises:
            TrainingFault: Too few groups carry a signal, and `when_short` is `stop`.
        """
        settings = self.cfg.treadle
        self._found = found = self._found or Collected(self.cfg.trainer.train_batch_size, [])
        groups = groups_of(generator_output, uids, self.cfg.generator.n_samples_per_prompt, list(settings.weights))
        weights_F = torch.tensor(list(settings.weights.values()), dtype=torch.float32)
        found.add(groups, weights_F, settings.threshold, settings.floor)
        if found.missing and found.rounds < self.cfg.trainer.algorithm.dynamic_sampling.max_sample_batches:
            return generator_output, uids, True
        self._found = None
        check_enough(found, settings.when_short)
        kept, filling = found.kept[: found.wanted], found.best_of_the_rest(found.missing)
        if settings.when_short == "fill":
            kept += [group for group in filling if not unrewarded(group)]
            filling = [group for group in filling if unrewarded(group)]
        self.all_metrics.update(counts(found, len(kept), max(0, len(found.kept) - found.wanted)))
        outputs = [group.row["output"] for group in kept] + [masked(group.row["output"]) for group in filling]
        # Dealt out, so that no update of several is made of stand-ins alone.
        updates = self.cfg.trainer.train_batch_size // self.cfg.trainer.policy_mini_batch_size
        dealt = [output for first in range(updates) for output in outputs[first::updates]]
        names = [str(number) for number, output in enumerate(dealt) for _ in output["rewards"]]
        output = concatenate_generator_outputs(dealt)
        output.pop("rollout_metrics", None)
        return output, names, False


def groups_of(output: Any, uids: list[str], size: int, names: list[str]) -> list[Group]:
    """The groups of one round, each with its own part of the generator's output.

    Args:
        output: Of SkyRL's generator: siblings adjacent.
        size: G.
        names: Of the reward functions.
    """
    groups = []
    for start in range(0, len(uids), size):
        numbers = list(range(start, start + size))
        told = [output["env_metrics"][number] for number in numbers]
        rewards = [[float(each.get(f"reward/{name}", "nan")) for name in names] for each in told]
        part = filter_generator_output(output, numbers)
        groups.append(Group({"output": part}, [], part["response_ids"], [], rewards, 0))
    return groups


def unrewarded(group: Group) -> bool:
    """Whether nothing is to be learned from a group: it is all poor, or a completion has no reward."""
    return any(reward != reward for rewards in group.rewards for reward in rewards)


def masked(output: Any) -> Any:
    """A group that counts for nothing: no token of it is in the loss, nor in the mean over tokens."""
    return {**output, "loss_masks": [[0] * len(mask) for mask in output["loss_masks"]]}
