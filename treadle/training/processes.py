"""The processes of a run, as far as the parts of a trainer need them: which one this is, and how they exchange."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object


class Processes:
    """All processes call each exchange alike, in the same order.

    Attributes:
        count: Number of processes.
        index: This one's number, from 0.
        is_main: Whether it is the one that prints and writes.
        device: Where its tensors are.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.count: int = accelerator.num_processes
        self.index: int = accelerator.process_index
        self.is_main: bool = accelerator.is_main_process
        self.device: torch.device = accelerator.device
        self._gather = accelerator.gather
        self._warned: set[str] = set()

    def all(self, items: list[Any]) -> list[Any]:
        """The items of all processes, in the order of processes."""
        return gather_object(items) if self.count > 1 else items

    def gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensors of all processes, one after the other along the first dimension; scalars become `[R]`."""
        return self._gather(tensor)

    def sums(self, *counts: int) -> list[int]:
        """Each count, added up over processes."""
        if self.count == 1:
            return list(counts)
        return self.gather(torch.tensor([counts], device=self.device)).sum(0).tolist()

    def means(self, values: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Of each name the mean over the values of all processes, any number in each."""
        found = {}
        for name in sorted(set(self.all(list(values)))):
            own = values.get(name, [])
            sums = torch.tensor([[float(sum(own)), float(len(own))]], device=self.device)
            total, count = self.gather(sums).sum(0).tolist()
            found[name] = total / count
        return found

    def share(self, items: list[Any]) -> list[Any]:
        """This process's part of what all hold alike, as much in each: the last item is repeated where they differ."""
        size = -(-len(items) // self.count)
        repeated = [*items, *items[-1:] * (size * self.count - len(items))]
        return repeated[size * self.index :][:size]

    def own_rows(self, tensor_N: torch.Tensor) -> torch.Tensor:
        """The rows of this process, of a tensor that holds those of all."""
        size = len(tensor_N) // self.count
        return tensor_N[size * self.index :][:size]

    def warn_once(self, text: str) -> None:
        """Say something in the main process, the first time."""
        if text not in self._warned and self.is_main:
            warnings.warn(text, stacklevel=3)
        self._warned.add(text)
