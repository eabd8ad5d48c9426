"""Run pieces of work side by side, each as soon as what it needs is there, one process and one thread each."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait as sentinels_ready
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType
from typing import Any

from treadle.errors import Interrupted
from treadle.miniature.board import Board
from treadle.visible import show_output

PATIENCE = 60.0  # seconds that an interrupted stage has for its checkpoint


@dataclass
class Job:
    """One piece of work for a worker process; its `product` marks it as done."""

    name: str
    title: str
    call: Callable[..., str]
    arguments: tuple[Any, ...]
    product: Path
    needs: tuple[str, ...] = ()
    metrics: Path | None = None
    steps: int = 0

    def done(self) -> bool:
        return self.product.is_file()


def run_jobs(jobs: list[Job], workers: int, board: Board) -> None:
    """Run what is not done, each job as soon as what it needs is there and a worker is free."""
    waiting = []
    for job in jobs:
        if job.done():
            board.finish(job.name, "done before")
        else:
            waiting.append(job)
    finished = {job.name for job in jobs if job.done()}
    running: dict[Future[str], Job] = {}
    context = get_context("spawn")  # torch must not be forked once it has threads
    stopping = context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_set_up, initargs=(stopping,))

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    patience = 0.0
    try:
        while waiting or running:
            ready = [job for job in waiting if finished.issuperset(job.needs)]
            for job in ready[: workers - len(running)]:
                waiting.remove(job)
                board.start(job.name)
                running[pool.submit(_carry_out, job.call, job.arguments)] = job
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                job = running.pop(future)
                board.finish(job.name, future.result())
                finished.add(job.name)
            board.tick()
    except (KeyboardInterrupt, Interrupted):
        patience = PATIENCE
        raise Interrupted("stopped; the same command without --overwrite continues from the last checkpoints") from None
    finally:
        signal.signal(signal.SIGTERM, previous)
        busy = list((pool._processes or {}).values()) if running or patience else []
        # A stage in training answers SIGTERM by finishing its step and saving a checkpoint, and its process ends with
        # it; anything else just ends.
        if patience:
            stopping.set()
        for process in busy:
            process.terminate()
        for process in busy:
            if not sentinels_ready([process.sentinel], timeout=patience):
                process.kill()
        pool.shutdown(cancel_futures=True)


def _carry_out(call: Callable[..., str], arguments: tuple[Any, ...]) -> str:
    """In a worker: do a job; where the run has been stopped meanwhile, there is nobody to report to."""
    try:
        return call(*arguments)
    finally:
        if _stopping is not None and _stopping.is_set():
            os._exit(0)


_stopping: Event | None = None


def _set_up(stopping: Event) -> None:
    """A worker's set-up: one thread, no bars, no chatter; its results go to files."""
    global _stopping
    _stopping = stopping
    show_output()
    import torch
    from datasets.utils.logging import disable_progress_bar
    from transformers.utils import logging as transformers_logging

    # Ctrl-C reaches the workers too; only a stage in training acts on it, by saving a checkpoint.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers_logging.disable_progress_bar()
    disable_progress_bar()
    os.environ["HF_HUB_OFFLINE"] = "1"
