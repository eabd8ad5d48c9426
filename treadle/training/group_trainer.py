"""From prompts to groups, and from groups to TRL's batch: what is decided in between sees no tensor yet.

`_sample` generates and rewards groups. `_batch_of` sends groups through TRL's own `_generate_and_score_completions`,
whose rollout and rewards are answered from them: old, reference and importance log-probs are computed for the rows that
are trained on and for no others.

Several processes hold all groups alike: each samples its share of the prompts, and trains on an equal share of the
groups.
"""

from __future__ import annotations

from typing import Any

import torch
from trl.models.utils import disable_gradient_checkpointing

from treadle.training.groups import Group, padded
from treadle.training.micro_batches import Batch, rows_of, select_rows
from treadle.training.prefix_trainer import PrefixTreeTrainer

Row = dict[str, Any]


class GroupTrainer(PrefixTreeTrainer):
    """`PrefixTreeTrainer` whose batches may be made of groups that were sampled and rewarded before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ready: tuple[list[Group], list[Group]] | None = None
        self._generation = 0

    def _share(self, items: list[Any]) -> list[Any]:
        """This process's part of what all hold alike, as much in each: the last item is repeated where they differ."""
        processes = self.accelerator.num_processes
        size = -(-len(items) // processes)
        repeated = [*items, *items[-1:] * (size * processes - len(items))]
        return repeated[size * self.accelerator.process_index :][:size]

    def _sample(self, rows: list[Row]) -> list[Group]:
        """One group for each prompt, each process making its share. Repeated prompts are not counted."""
        size = self.num_generations
        inputs = [dict(row) for row in self._share(rows) for _ in range(size)]
        prompts = [row["prompt"] for row in inputs]
        prompt_ids, completion_ids, tool_mask, completions, logps, extra, *_ = self._generate(prompts)
        for number, row in enumerate(inputs):  # as TRL hands on what a `rollout_func` adds
            for key, values in extra.items():
                if not isinstance(values, list):
                    row[key] = values
                elif number < len(values):
                    row[key] = values[number]
        rewards_NF = self._calculate_rewards(inputs, prompts, completions, completion_ids)
        first = self.accelerator.process_index * len(inputs)
        rewards = rewards_NF[first : first + len(inputs)].tolist()
        extras = {column: list(values) for column, values in self._pending_extra_logs.items()}
        self._pending_extra_logs.clear()
        groups = []
        for start in range(0, len(inputs), size):
            of = slice(start, start + size)
            groups.append(
                Group(
                    inputs[start],
                    prompt_ids[of],
                    completion_ids[of],
                    completions[of],
                    rewards[of],
                    self._generation,
                    logps[of] if logps is not None else None,
                    tool_mask[of] if tool_mask is not None else None,
                    {column: values[of] for column, values in extras.items()},
                )
            )
        return self._of_all(groups)[: len(rows)]

    def _batch_of(self, groups: list[Group], wanted: int, fillers: list[Group]) -> Batch:
        """TRL's batch of this process's share of the groups.

        Args:
            groups: Those to train on, of all processes, at most `wanted`.
            fillers: Others. A process whose share is shorter than the longest, or than the number of micro-batches,
                gets some of them without advantage; such rows are taken out again as far as there are enough for the
                micro-batches.
        """
        processes, index, size = self.accelerator.num_processes, self.accelerator.process_index, self.num_generations
        per_process = -(-len(groups) // processes)
        own = groups[per_process * index :][:per_process]
        needed = min(self.args.steps_per_generation, wanted // processes * size)
        length = max(per_process, -(-needed // size))
        mute = [group.muted() for group in (fillers or groups)]
        parts = [groups[per_process * p :][:per_process] for p in range(processes)]
        parts = [[*part, *(mute[i % len(mute)] for i in range(length - len(part)))] for part in parts]
        everyone = [group for part in parts for group in part]
        self._ready = (parts[index], everyone)
        for column in {column for group in parts[index] for column in group.extras}:
            told = (group.extras.get(column, [None] * size) for group in parts[index])
            self._pending_extra_logs[column] = [value for values in told for value in values]
        try:
            batch = super()._generate_and_score_completions([row for group in parts[index] for row in group.inputs])
        finally:
            self._ready = None
        self._set_old_logps(batch, parts[index], everyone)
        rows = max(len(own) * size, needed)
        if rows < rows_of(batch):
            batch = select_rows(batch, torch.arange(rows_of(batch)) < rows)
        mask = batch["completion_mask"] * batch.get("tool_mask", 1)
        batch["num_items_in_batch"] = self.accelerator.gather(mask.sum()).sum()
        return batch

    def _generate(self, prompts: list[Any]) -> tuple:
        if self._ready is None:
            return super()._generate(prompts)
        own, _ = self._ready

        def rows(name: str) -> list[Any] | None:
            told = [getattr(group, name) for group in own]
            return None if any(values is None for values in told) else [row for values in told for row in values]

        return (
            *(rows(name) for name in ("prompt_ids", "completion_ids", "tool_mask", "completions", "rollout_logps")),
            {},
            None,
            [],
        )

    def _reward(self, inputs: list, prompts: list, completions: list, completion_ids: list) -> torch.Tensor:
        """`[N, F]`: what the reward functions give, for the rows of all processes."""
        return super()._calculate_rewards(inputs, prompts, completions, completion_ids)

    def _calculate_rewards(self, inputs: list, prompts: list, completions: list, completion_ids: list) -> torch.Tensor:
        if self._ready is None:
            return self._reward(inputs, prompts, completions, completion_ids)
        rewards = [rewards for group in self._ready[1] for rewards in group.rewards]
        return torch.tensor(rewards, dtype=torch.float32, device=self.accelerator.device)

    @property
    def _ratios_by_vllm(self) -> bool:
        """TRL then corrects for any policy that sampled, by the rollout's own log-probs."""
        return self.use_vllm and self.vllm_importance_sampling_correction

    def _set_old_logps(self, batch: Batch, own: list[Group], everyone: list[Group]) -> None:
        """Groups of an earlier generation are off-policy by as much as the updates since have moved the policy."""
        if self._ratios_by_vllm or not any(group.old_logps for group in everyone):
            return
        if "old_per_token_logps" not in batch:
            batch["old_per_token_logps"] = self._logps_of(batch)
        for number, group in enumerate(own):
            for sibling, logps in enumerate(group.old_logps or ()):
                row = batch["old_per_token_logps"][number * self.num_generations + sibling]
                row[: len(logps)] = torch.tensor(logps, device=row.device, dtype=row.dtype)

    def _logps_of_groups(self, groups: list[Group]) -> list[list[list[float]]]:
        """Of each group's completions the log-probs by the policy as it is; each process computes its share."""
        own = self._share(groups)
        lengths = [[len(ids) for ids in group.completion_ids] for group in own]
        rows = iter(self._logps_of(self._tensors_of(own)).tolist())
        return self._of_all([[next(rows)[:length] for length in group] for group in lengths])[: len(groups)]

    def _tensors_of(self, groups: list[Group]) -> Batch:
        pad = self._tokenizer.pad_token_id
        prompts = [ids for group in groups for ids in group.prompt_ids]
        completions = [ids for group in groups for ids in group.completion_ids]
        tensors = {
            "prompt_ids": padded(prompts, pad, True, torch.long),
            "prompt_mask": padded([[1] * len(ids) for ids in prompts], 0, True, torch.long),
            "completion_ids": padded(completions, pad, False, torch.long),
            "completion_mask": padded([[1] * len(ids) for ids in completions], 0, False, torch.long),
        }
        return {name: tensor.to(self.accelerator.device) for name, tensor in tensors.items()}

    def _logps_of(self, batch: Batch) -> torch.Tensor:
        """`[B, C]` log-probs of the completions by the policy as it is, without gradient."""
        ids_BL = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask_BL = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        with torch.no_grad(), disable_gradient_checkpointing(self.model, self.args.gradient_checkpointing_kwargs):
            logps_BC, *_ = self._get_per_token_logps_and_entropies(
                self.model,
                ids_BL,
                mask_BL,
                batch["completion_ids"].shape[1],
                batch_size=self.args.per_device_train_batch_size,
            )
        return logps_BC
