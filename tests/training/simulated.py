"""Several processes of a run, simulated by threads that exchange what they hold; and the real one of a single process.

`Processes` is real: only what accelerate and torch would send between processes goes over a board in memory here. So a
part that does not call each exchange alike in all processes is found out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import torch
from accelerate import Accelerator

from treadle.training.processes import Processes

SECONDS = 20.0  # after which a process that waits for others has waited in vain


def alone() -> Processes:
    """The one process of this run, by accelerate."""
    return Processes(Accelerator(cpu=True))


class Board:
    """Where the processes meet: each puts something there, and takes what all have put."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._put: list[Any] = [None] * count
        self._meeting = threading.Barrier(count, timeout=SECONDS)

    def meet(self, index: int, exchange: str, item: Any) -> list[Any]:
        """What all have put, in the order of processes."""
        self._put[index] = exchange, item
        self._meeting.wait()
        put = list(self._put)
        self._meeting.wait()
        assert {name for name, _ in put} == {exchange}
        return [item for _, item in put]

    def leave(self) -> None:
        """Let no one wait for a process that failed."""
        self._meeting.abort()


class SimulatedProcesses(Processes):
    """One of several processes.

    Args:
        index: Its number.
        board: Where it meets the others.
    """

    def __init__(self, index: int, board: Board) -> None:
        super().__init__(
            SimpleNamespace(
                num_processes=board.count,
                process_index=index,
                is_main_process=index == 0,
                device=torch.device("cpu"),
                gather=lambda tensor: torch.cat(
                    [t.reshape(1) if t.ndim == 0 else t for t in self._all("gather", tensor)]
                ),
            )
        )
        self._board = board

    def _all(self, exchange: str, item: Any) -> list[Any]:
        return self._board.meet(self.index, exchange, item)

    def all(self, items: list[Any]) -> list[Any]:
        """As accelerate's `gather_object`."""
        return [item for part in self._all("all", items) for item in part]


def in_processes(count: int, work: Callable[[Processes], Any]) -> list[Any]:
    """What `work` returns in each of `count` processes that run at the same time; raises what the first one raised.

    Args:
        work: Called with each process's `Processes`. It draws no random numbers: threads share them.
    """
    if count == 1:
        return [work(alone())]
    board = Board(count)

    def run(index: int) -> Any:
        try:
            return work(SimulatedProcesses(index, board))
        except BaseException:
            board.leave()
            raise

    with ThreadPoolExecutor(count) as threads:
        running = [threads.submit(run, index) for index in range(count)]
    errors = [error for future in running if (error := future.exception())]
    told = [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]
    for error in (*told, *errors):
        raise error
    return [future.result() for future in running]
