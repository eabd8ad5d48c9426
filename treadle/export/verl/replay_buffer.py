"""verl's replay buffer with treadle's dynamic sampling (`treadle.training.groups.Collected`). verl imports it:

    trainer.v1.sampler.custom_sampler.path=pkg://treadle.export.verl.replay_buffer
    trainer.v1.sampler.custom_sampler.name=TreadleReplayBuffer

verl's own (`algorithm.filter_groups`) drops a group only where all rewards are the same number, draws two prompts for
each dropped one and has no cap. Unlike in treadle's trainer surplus groups do not wait for the next step: verl computes
the old log-probs with the weights of the step that trains.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from treadle.export.sampling import check_enough, counts
from treadle.training.groups import Collected, Group, further_groups


class TreadleReplayBuffer(ReplayBuffer):
    """Keeps groups whose rewards spread, in rounds, and says why it dropped the others.

    Settings are `trainer.v1.sampler.sampler_kwargs`: `threshold`, `floor`, `max_rounds`, `when_short`, `refill`,
    `group_size`, and `weights`, the weight of each reward function by its name.
    """

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[Any, dict[str, float]]:
        """The groups of one step, and counts; for validation as verl has it.

        Raises:
            TrainingFault: Too few groups carry a signal, and `when_short` is `stop`.
        """
        if partition_id == "val":
            return super().sample(global_steps, partition_id, batch_size)
        settings = self.sampler_kwargs
        found, seen = Collected(batch_size, []), set()
        weights_F = torch.tensor(list(settings.weights.values()), dtype=torch.float32)
        while True:
            self._wait_for_rollouts(partition_id)
            uids = [uid for uid in self.prompt_global_steps[partition_id] if uid not in seen]
            seen.update(uids)
            if uids:
                found.add(self._groups(partition_id, uids), weights_F, settings.threshold, settings.floor)
            if not found.missing or found.rounds >= settings.max_rounds:
                break
            wanted = further_groups(settings.refill, batch_size, found.missing, found.fresh, found.sampled)
            self.refill_fn(wanted)
        chosen, muted = self._chosen(found, settings.when_short)
        surplus = len(found.kept) - sum(uid in chosen for uid in map(_uid, found.kept))
        self._clear_groups(partition_id, seen - set(chosen))
        self._mute(partition_id, muted)
        return self._materialize_batch(partition_id, chosen, dict(self.partitions[partition_id])), {
            f"training/{name}": count for name, count in counts(found, len(chosen) - len(muted), surplus).items()
        }

    def _wait_for_rollouts(self, partition_id: str) -> None:
        """Return when no prompt is waiting or being sampled."""
        last = time.time()
        while True:
            self._sync_metadata_from_transfer_queue()
            if not self.pending_keys[partition_id] and not self.running_keys[partition_id]:
                return
            last = self._wait_for_next_poll(partition_id, last)

    def _groups(self, partition_id: str, uids: Sequence[str]) -> list[Group]:
        """Groups with the rewards that their completions earned; those of a rollout that failed have none."""
        size, names = self.sampler_kwargs.group_size, list(self.sampler_kwargs.weights)
        rewards: dict[str, list[list[float]]] = {uid: [] for uid in uids}
        keys = [key for key in self.partitions[partition_id] if key.split("_")[0] in rewards]
        if keys:
            data = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["extra_fields"])
            for key, value in zip(keys, list(data["extra_fields"]), strict=True):
                info = getattr(value, "data", value)["reward_extra_info"]
                rewards[key.split("_")[0]].append([_reward(info, name) for name in names])
        nothing = [[float("nan")] * len(names)]
        return [
            Group({"uid": uid}, [], [[]] * size, [], (given + nothing * size)[:size], 0)
            for uid, given in rewards.items()
        ]

    def _chosen(self, found: Collected, when_short: str) -> tuple[list[str], list[str]]:
        """The groups to train on, and which of them without their rewards: poor ones that fill up, and one where there
        would be none, as verl makes no step of nothing."""
        chosen = list(map(_uid, found.kept[: found.wanted]))
        check_enough(found, when_short)
        filling = found.best_of_the_rest(found.missing) if when_short == "fill" else []
        muted = [_uid(group) for group in filling if group.rewards[0][0] != group.rewards[0][0]]
        if not chosen and not filling:
            filling = found.best_of_the_rest(1)
            muted = list(map(_uid, filling))
        return [*chosen, *map(_uid, filling)], muted

    def _mute(self, partition_id: str, uids: Sequence[str]) -> None:
        """Set the rewards of groups to 0, so that their advantages are 0."""
        keys = [key for key in self.partitions[partition_id] if key.split("_")[0] in uids]
        if keys:
            data = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["rm_scores"])
            data["rm_scores"] = data["rm_scores"] * 0.0
            tq.kv_batch_put(keys=keys, partition_id=partition_id, fields=data)


def _uid(group: Group) -> str:
    return group.row["uid"]


def _reward(info: Mapping[str, Any], name: str) -> float:
    return float(info.get(f"reward/{name}", float("nan")))
