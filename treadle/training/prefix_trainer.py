"""GRPO in which the update computes what completions share once: `PrefixTreeTrainer`, a layer of `SRLTrainer`.

TRL's seams, and what each does here:

- `_get_train_sampler`: the steps of one trajectory stay adjacent (`treadle.training.prompt_order`).
- `_get_per_token_logps_and_entropies`: policy, old and reference log-probs through the tree (`treadle.tree`).
- `_prepare_inputs`, `compute_loss`: siblings stay in one micro-batch; micro-batches are filled up to a budget of
  tokens, and what is left over of their fixed number is skipped.

What a model or a setting does not allow is done as TRL does it, with one warning that names the reason.
Several processes take part in every forward: they agree on the number of micro-batches and on the rows of each.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from accelerate.utils import send_to_device
from torch.utils.data import Sampler

from treadle import tree
from treadle.training.micro_batches import (
    GLOBAL_LOSSES,
    Batch,
    add_empty_rows,
    even_parts,
    rows_of,
    select_rows,
    split_updates,
    trim,
)
from treadle.training.prompt_order import TrajectorySampler, trajectories_of
from treadle.training.shared_rollout import SharedRolloutTrainer

Tensor = torch.Tensor


class PrefixTreeTrainer(SharedRolloutTrainer):
    """`GRPOTrainer` on prefix trees, resumable to the byte; its args are an `SRLConfig`.

    Attributes:
        tree_is_used: Whether log-probs go through shared prefixes.
    """

    def __init__(self, model: Any, reward_funcs: Any, args: Any, *more: Any, **kwargs: Any) -> None:
        super().__init__(model, reward_funcs, args, *more, **kwargs)
        self._trajectory_N = trajectories_of(self.train_dataset) if args.group_by_trajectory else None
        reason = self._why_no_tree() if args.prefix_tree else None
        self.tree_is_used = args.prefix_tree and reason is None
        if reason is not None:
            self._warn_once(f"log-probs are computed row by row: {reason}. prefix_tree=False silences this.")
        if self.tree_is_used:
            for network in filter(None, (self.model, self.ref_model)):
                tree.use_tree_attention(network)

    def _why_no_tree(self) -> str | None:
        if self.args.cast_lm_head_to_fp32:
            return "cast_lm_head_to_fp32 changes the head, which the tree calls in pieces"
        if self.aux_loss_enabled:
            return "the router's auxiliary loss needs the outputs of whole rows (router_aux_loss_coef=0 leaves it out)"
        if self.args.use_liger_kernel:
            return "use_liger_kernel replaces the model's forward"
        return tree.why_not(self.model)

    # Order of the prompts

    def _get_train_sampler(self, dataset: Any = None) -> Sampler:
        rows = self.train_dataset if dataset is None else dataset
        if not self.shuffle_dataset:
            return super()._get_train_sampler(dataset)
        return TrajectorySampler(
            rows,
            self._trajectory_N if rows is self.train_dataset else None,
            mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self.num_iterations * self.args.steps_per_generation,
            seed=self.args.seed,
        )

    # Log-probs

    def _get_per_token_logps_and_entropies(
        self,
        model: torch.nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **more: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if batch_size is not None and not self.model.training:
            # A batch of validation is as large as one of generation, and log-probs take more memory.
            batch_size = min(batch_size, self.args.per_device_train_batch_size)
        if not self.tree_is_used:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, compute_aux_loss, **more
            )
        parts = [range(len(input_ids))]
        if batch_size is not None and len(input_ids):
            budget = self._tree_budget(input_ids.shape[1], batch_size)
            parts = tree.cut_by_tokens(input_ids, attention_mask, logits_to_keep, budget, len(input_ids)).parts
            parts += [range(0)] * (max(self._of_all([len(parts)])) - len(parts))
        logps, entropies, forwarded = [], [], 0
        for part in parts:
            ids_BL, mask_BL = input_ids[part.start : part.stop], attention_mask[part.start : part.stop]
            packed = tree.build_tree(ids_BL, mask_BL, logits_to_keep)
            forwarded += packed.size
            with self.accelerator.autocast():
                logps_BC, entropies_BC = tree.tree_scores(
                    model, ids_BL, mask_BL, logits_to_keep, self.temperature, compute_entropy, packed
                )
            logps.append(logps_BC)
            entropies.append(entropies_BC)
        if torch.is_grad_enabled():
            self._metrics["train"]["prefix_tree/tokens"].append(forwarded)
            self._metrics["train"]["prefix_tree/saved"].append(int(attention_mask.sum()) / forwarded)
        return torch.cat(logps), torch.cat(entropies) if compute_entropy else None, None

    # Micro-batches

    def _cut(self, batch: Batch) -> list[Batch | None]:
        """The micro-batches of one generation, in order; `None` for a backward that has nothing to do.

        Each run of micro-batches between the borders of optimizer steps and of generations gets as many rows as in
        TRL; within it, losses that are normalised globally allow micro-batches by tokens.
        """
        together = math.gcd(self.args.steps_per_generation, self.args.gradient_accumulation_steps)
        count = self.args.steps_per_generation // together
        shuffle = not self.tree_is_used
        parts: list[Batch | None] = []
        for update in split_updates(batch, self.num_generations, count, shuffle):
            if self.tree_is_used and self.loss_type in GLOBAL_LOSSES:
                parts += self._by_tokens(update, together)
            else:
                parts += self._as_many_rows(even_parts(update, together, by_length=shuffle))
        return parts

    def _by_tokens(self, update: Batch, count: int) -> list[Batch | None]:
        # Wholly masked rows add nothing; a micro-batch of them alone would count as one with entropy 0.
        update = select_rows(update, update["completion_mask"].any(1))
        ids_BL = torch.cat([update["prompt_ids"], update["completion_ids"]], dim=1)
        mask_BL = torch.cat([update["prompt_mask"], update["completion_mask"]], dim=1)
        budget = self._tree_budget(ids_BL.shape[1], self.args.per_device_train_batch_size)
        cut = tree.cut_by_tokens(ids_BL, mask_BL, update["completion_ids"].shape[1], budget, count)
        if cut.tokens > budget:
            self._warn_once(
                f"a micro-batch forwards {cut.tokens:,} tokens, more than the budget of {budget:,}: there are {count} "
                "micro-batches and single rows cannot be cut. Set a smaller per_device_train_batch_size for more "
                "micro-batches, or a larger max_tree_tokens."
            )
        # All processes skip the same backwards, the first ones: gradients are exchanged after the last. DeepSpeed
        # counts backwards itself, so there nothing is skipped.
        needed = count if self.is_deepspeed_enabled else max(self._of_all([len(cut.parts)]))
        parts = [select_rows(update, torch.arange(part.start, part.stop)) for part in cut.parts]
        parts = [trim(part) for part in [*parts, *[select_rows(update, torch.arange(0))] * (needed - len(parts))]]
        return [*[None] * (count - needed), *self._as_many_rows(parts)]

    def _as_many_rows(self, parts: list[Batch]) -> list[Batch]:
        """The micro-batches with as many rows as those of the other processes, which TRL's metrics count on."""
        rows_N = map(max, zip(*self._of_all([[rows_of(part) for part in parts]]), strict=True))
        return [add_empty_rows(part, rows - rows_of(part)) for part, rows in zip(parts, rows_N, strict=True)]

    def _tree_budget(self, columns: int, rows: int) -> int:
        """By default what TRL would forward in one micro-batch, so that the tree never holds more."""
        return self.args.max_tree_tokens or columns * rows

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if not self.model.training or not (self.tree_is_used or self.args.dynamic_sampling):
            return super()._prepare_inputs(generation_batch)
        if self._step % self._generate_every == 0 or self._buffered_inputs is None:
            self._buffered_inputs = self._cut(self._generate_and_score_completions(generation_batch))
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    # A checkpoint may lie between the optimizer steps of one generation.

    def shared_state(self) -> dict[str, Any]:
        unused = -self._step % self._generate_every
        return {**super().shared_state(), "unused": unused, "generate_every": self._generate_every}

    def set_shared_state(self, state: dict[str, Any]) -> None:
        super().set_shared_state(state)
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        self._unused = state["unused"], state["generate_every"]

    def process_state(self) -> dict[str, Any]:
        held = None
        if self._step % self._generate_every:
            done = self._step % self.args.steps_per_generation if self.num_iterations == 1 else 0
            held = [None if number < done else batch for number, batch in enumerate(self._buffered_inputs)]
        return {**super().process_state(), "step": self._step, "buffered": held}

    def set_process_state(self, state: dict[str, Any] | None) -> None:
        super().set_process_state(state)
        if state is not None:
            self._step = state["step"]
            self._buffered_inputs = send_to_device(state["buffered"], self.accelerator.device)
        elif self._unused[0] and self.accelerator.is_main_process:
            print(
                "treadle: the checkpoint was saved by another number of processes or with another micro_batch: the "
                "rest of its last generation "
                f"({self._unused[0]} of {self._unused[1]} micro-batches) is dropped and sampled anew",
                file=sys.stderr,
            )

    @property
    def _generate_every(self) -> int:
        """Micro-batches that one generation serves."""
        return self.args.steps_per_generation * self.num_iterations

    def compute_loss(self, model: torch.nn.Module, inputs: Batch | None, *args: Any, **kwargs: Any) -> Tensor:
        if inputs is None:
            return torch.zeros((), device=self.accelerator.device, requires_grad=True)
        return super().compute_loss(model, inputs, *args, **kwargs)
