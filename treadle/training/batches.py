"""From prompts to groups, and from groups to TRL's batch: what was sampled answers TRL's own method.

`GroupMaker` samples and rewards groups, which are plain Python. `Deal` deals the groups of a generation out to the
processes; while TRL's `_generate_and_score_completions` runs over this process's rows, its rollout and rewards are
answered from them. So old, reference and importance log-probs are computed for the rows that are trained on and for no
others.

Several processes hold all groups alike, and train on an equal share of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from treadle.training.groups import Group, padded
from treadle.training.micro_batches import Batch, rows_of, select_rows
from treadle.training.processes import Processes
from treadle.training.prompts import Row

Tensor = torch.Tensor


@dataclass(frozen=True)
class GroupMaker:
    """Groups from prompts, and their log-probs, by the methods of a `GRPOTrainer`; each process makes its share.

    Args:
        size: G.
        generate: TRL's `_generate`.
        rewards: TRL's `_calculate_rewards`.
        policy_logps: Log-probs of completions by the policy as it is, as TRL's `_get_per_token_logps_and_entropies`.
        extras: What reward functions add to TRL's table of completions, as TRL collects it.
        pad_token_id: Fills rows up.
        processes: All processes.
    """

    size: int
    generate: Callable[[list], tuple]
    rewards: Callable[[list, list, list, list], Tensor]
    policy_logps: Callable[..., tuple]
    extras: dict[str, list[Any]]
    pad_token_id: int
    processes: Processes

    def sample(self, rows: Sequence[Row], generation: int) -> list[Group]:
        """One rewarded group for each prompt. Repetitions that make processes agree are not counted.

        Args:
            rows: The prompts, alike in all processes.
            generation: Number of the generation.
        """
        inputs = [dict(row) for row in self.processes.share(rows) for _ in range(self.size)]
        prompts = [row["prompt"] for row in inputs]
        prompt_ids, completion_ids, tool_mask, completions, logps, told, *_ = self.generate(prompts)
        for number, row in enumerate(inputs):  # as TRL hands on what a `rollout_func` adds
            for key, values in told.items():
                if not isinstance(values, list):
                    row[key] = values
                elif number < len(values):
                    row[key] = values[number]
        rewards_NF = self.rewards(inputs, prompts, completions, completion_ids)
        rewards = self.processes.own_rows(rewards_NF).tolist()
        extras = {column: list(values) for column, values in self.extras.items()}
        self.extras.clear()
        groups = []
        for start in range(0, len(inputs), self.size):
            of = slice(start, start + self.size)
            groups.append(
                Group(
                    inputs[start],
                    prompt_ids[of],
                    completion_ids[of],
                    completions[of],
                    rewards[of],
                    generation,
                    logps[of] if logps is not None else None,
                    tool_mask[of] if tool_mask is not None else None,
                    {column: values[of] for column, values in extras.items()},
                )
            )
        return self.processes.all(groups)[: len(rows)]

    def logps_BC(self, batch: Batch) -> Tensor:
        """Log-probs of a batch's completions by the policy as it is, without gradient."""
        ids_BL = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask_BL = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        return self.policy_logps(ids_BL, mask_BL, batch["completion_ids"].shape[1])[0]

    def logps(self, groups: Sequence[Group]) -> list[list[list[float]]]:
        """Of each group's completions the log-probs by the policy as it is."""
        own = self.processes.share(groups)
        rows = iter(self.logps_BC(self._tensors_of(own)).tolist())
        logps = [[next(rows)[: len(ids)] for ids in group.completion_ids] for group in own]
        return self.processes.all(logps)[: len(groups)]

    def _tensors_of(self, groups: Sequence[Group]) -> Batch:
        prompts = [ids for group in groups for ids in group.prompt_ids]
        completions = [ids for group in groups for ids in group.completion_ids]
        tensors = {
            "prompt_ids": padded(prompts, self.pad_token_id, True, torch.long),
            "prompt_mask": padded([[1] * len(ids) for ids in prompts], 0, True, torch.long),
            "completion_ids": padded(completions, self.pad_token_id, False, torch.long),
            "completion_mask": padded([[1] * len(ids) for ids in completions], 0, False, torch.long),
        }
        return {name: tensor.to(self.processes.device) for name, tensor in tensors.items()}


class Deal:
    """The groups of one generation, dealt out to the processes.

    Args:
        groups: Those to train on, of all processes, at most `wanted`.
        wanted: How many groups the batch shall have.
        fillers: Others. A process whose share is shorter than the longest, or than the number of micro-batches, gets
            some of them without advantage; such rows are taken out again as far as there are enough for the
            micro-batches.
        least: Rows that each process needs, one for each micro-batch, where there are so many.
        processes: All processes.

    Attributes:
        own: The groups of this process, filled up.
        everyone: Those of all processes, in their order.
    """

    def __init__(
        self, groups: Sequence[Group], wanted: int, fillers: Sequence[Group], least: int, processes: Processes
    ) -> None:
        size = len((groups or fillers)[0].completion_ids)
        per_process = -(-len(groups) // processes.count)
        needed = min(least, wanted // processes.count * size)
        length = max(per_process, -(-needed // size))
        mute = [group.muted() for group in (fillers or groups)]
        parts = [groups[per_process * p :][:per_process] for p in range(processes.count)]
        filled = [[*part, *(mute[i % len(mute)] for i in range(length - len(part)))] for part in parts]
        self.own: list[Group] = filled[processes.index]
        self.everyone: list[Group] = [group for part in filled for group in part]
        self._rows = max(len(parts[processes.index]) * size, needed)
        self._trained = len(parts[processes.index])
        self._processes = processes

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The rows for TRL's method, one for each completion of this process."""
        return [row for group in self.own for row in group.inputs]

    def rollout(self) -> tuple:
        """What TRL's `_generate` would return for `inputs`."""

        def rows(name: str) -> list[Any] | None:
            told = [getattr(group, name) for group in self.own]
            return None if any(values is None for values in told) else [row for values in told for row in values]

        names = ("prompt_ids", "completion_ids", "tool_mask", "completions", "rollout_logps")
        return (*(rows(name) for name in names), {}, None, [])

    def rewards_BF(self) -> Tensor:
        """What TRL's `_calculate_rewards` would return: the rewards of all processes."""
        rewards = [rewards for group in self.everyone for rewards in group.rewards]
        return torch.tensor(rewards, dtype=torch.float32, device=self._processes.device)

    def extras(self) -> dict[str, list[Any]]:
        """Columns of TRL's table of completions, for `inputs`."""
        columns = {column for group in self.own for column in group.extras}
        return {
            column: [
                value for group in self.own for value in group.extras.get(column, [None] * len(group.completion_ids))
            ]
            for column in columns
        }

    def finish(
        self,
        batch: Batch,
        logps: Callable[[Batch], Tensor] | None,
        prefix_tokens: Callable[[Sequence[Group]], list[int] | None] = lambda groups: None,
    ) -> Batch:
        """TRL's batch with the log-probs of groups that have waited, without superfluous fillers.

        Groups of an earlier generation are off-policy by as much as the updates since have moved the policy.

        Args:
            logps: `[B, C]` log-probs of a batch by the policy as it is; `None` where TRL corrects for any policy that
                sampled, by the rollout's own.
            prefix_tokens: Of each completion of the groups the tokens at the end of its prompt whose likelihood counts;
                `None` where none do. Those of fillers, and of completions that are masked, do not count.
        """
        counted = prefix_tokens(self.own)
        if counted is not None:
            tokens_B = torch.tensor(counted, device=self._processes.device)
            tokens_B[self._trained * (len(counted) // len(self.own)) :] = 0
            batch["prefix_tokens"] = tokens_B * batch["completion_mask"].any(1)
            batch["prefix_tokens_in_batch"] = self._processes.gather(batch["prefix_tokens"].sum()).sum()
        if logps is not None and any(group.old_logps for group in self.everyone):
            if "old_per_token_logps" not in batch:
                batch["old_per_token_logps"] = logps(batch)
            waited = (logps_T for group in self.own for logps_T in group.old_logps or [()] * len(group.completion_ids))
            for row_T, logps_T in zip(batch["old_per_token_logps"], waited, strict=True):
                row_T[: len(logps_T)] = torch.tensor(logps_T, device=row_T.device, dtype=row_T.dtype)
        if self._rows < rows_of(batch):
            batch = select_rows(batch, torch.arange(rows_of(batch)) < self._rows)
        mask = batch["completion_mask"] * batch.get("tool_mask", 1)
        batch["num_items_in_batch"] = self._processes.gather(mask.sum()).sum()
        return batch
