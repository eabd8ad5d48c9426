"""One checkpoint that several processes write together: what one of them cannot write is raised in all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed

from treadle.errors import OutputError
from treadle.files.whole import WRITE_ERRORS, cannot_write, is_write_error
from treadle.training.resume import checkpoints


class Writing:
    """A checkpoint being written.

    Args:
        target: The checkpoint's name once it is whole.
        processes: How many write.
        device: Where tensors are exchanged.
        main: Whether this process is the main one.
        keep: `save_total_limit`, for the message.
    """

    def __init__(self, target: Path, processes: int, device: torch.device, main: bool, keep: int | None) -> None:
        self._target = target
        self._processes = processes
        self._device = device
        self._main = main
        self._keep = keep
        self._failure: BaseException | None = None

    @contextmanager
    def noting_failures(self) -> Iterator[None]:
        """Go on after a failed write until all processes have agreed on it."""
        try:
            yield
        except WRITE_ERRORS as error:
            self._failure = self._failure or error
        except OutputError as error:  # of `write_whole`, around the system's error
            self._failure = self._failure or error.__cause__ or error

    def agree(self) -> None:
        """Raise in all processes what one of them could not write, and remove what is half written.

        Raises:
            OutputError: A write failed, for instance because the disk is full.
        """
        failed = torch.tensor(int(self._failure is not None), device=self._device)
        if self._processes > 1:
            torch.distributed.all_reduce(failed, torch.distributed.ReduceOp.MAX)
        if not failed:
            return
        folder, step = self._target.parent, checkpoints.step_of(self._target)
        before = [path for path in checkpoints.checkpoints_in(folder) if checkpoints.step_of(path) < step]
        if self._main:
            checkpoints.clean(folder)
        if self._failure is None:
            raise OutputError(f"{self._target}: another process could not write its part of the checkpoint")
        if not is_write_error(self._failure):
            raise self._failure
        kept = f"The last good checkpoint, {before[0].name}, is intact" if before else "There is no earlier checkpoint"
        remedy = f"Fewer are kept with save_total_limit: 1 under `trl:` (now {self._keep})" if self._keep != 1 else ""
        raise cannot_write(self._target, self._failure, kept, remedy) from self._failure
