"""Judge mathematical answers with math-verify in worker processes that can be killed.

math-verify guards itself with a signal-based timeout, which does not work outside the main thread and does
not stop a loop in C code. Here each worker is a process of its own that reads `[answer, reference]` pairs as
JSON lines: a pair that takes too long costs its worker, which is killed and replaced, and nothing else.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import selectors
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from functools import cache

from treadle.answers import plainly_equal

STARTUP_SECONDS = 120.0  # importing sympy on a loaded machine


class Verdict(StrEnum):
    """What became of one answer."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    HUNG = "hung"
    CRASHED = "crashed"


class _Worker:
    """One grading process; `judge` raises `TimeoutError` or `EOFError` when it has to be replaced."""

    def __init__(self) -> None:
        environment = {**os.environ, "TQDM_DISABLE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "treadle.grading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._read(STARTUP_SECONDS)

    def judge(self, answer: str, reference: str, seconds: float) -> bool:
        try:
            self._process.stdin.write(json.dumps([answer, reference]).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        return json.loads(self._read(seconds))

    def _read(self, seconds: float) -> bytes:
        if not self._selector.select(seconds):
            raise TimeoutError
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return line

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._selector.close()
        self._process.stdout.close()
        with suppress(BrokenPipeError):  # what was not yet sent to the dead process
            self._process.stdin.close()


class Grader:
    """A pool of grading processes, started when first needed. Safe to use from any thread.

    Args:
        workers: Number of processes; the default is one for each processor, at most four.
        seconds: Time limit for one answer.
    """

    def __init__(self, workers: int | None = None, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self._size = workers or min(4, os.cpu_count() or 1)
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(self._size):
            self._idle.put(None)
        self._started: set[_Worker] = set()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def grade(self, answers: Sequence[str | None], references: Sequence[str]) -> list[Verdict]:
        """Judge each answer against its reference; `None` stands for an output without an answer."""
        if len(answers) != len(references):
            raise ValueError(f"{len(answers)} answers for {len(references)} references: expected one for each")
        pairs = list(zip(answers, references, strict=True))
        verdicts = [self._without_worker(*pair) for pair in pairs]
        open_pairs = [i for i, verdict in enumerate(verdicts) if verdict is None]
        if open_pairs:
            with ThreadPoolExecutor(self._size) as threads:
                for i, verdict in zip(
                    open_pairs, threads.map(lambda i: self._judge(*pairs[i]), open_pairs), strict=True
                ):
                    verdicts[i] = verdict
        return verdicts

    @staticmethod
    def _without_worker(answer: str | None, reference: str) -> Verdict | None:
        if answer is None:
            return Verdict.NO_ANSWER
        equal = plainly_equal(answer, reference)
        return None if equal is None else (Verdict.RIGHT if equal else Verdict.WRONG)

    def _judge(self, answer: str, reference: str) -> Verdict:
        worker = self._idle.get()
        try:
            if worker is None:
                worker = _Worker()
                with self._lock:
                    self._started.add(worker)
            return Verdict.RIGHT if worker.judge(answer, reference, self.seconds) else Verdict.WRONG
        except (TimeoutError, EOFError) as fault:
            if worker is not None:
                self._discard(worker)
            worker = None
            return Verdict.HUNG if isinstance(fault, TimeoutError) else Verdict.CRASHED
        finally:
            self._idle.put(worker)

    def _discard(self, worker: _Worker) -> None:
        worker.kill()
        with self._lock:
            self._started.discard(worker)

    def close(self) -> None:
        """Stop all processes."""
        for worker in list(self._started):
            self._discard(worker)


@cache
def default_grader() -> Grader:
    """The grader that rewards and evaluation share."""
    return Grader()


def _serve() -> None:
    """The worker process: one JSON line in, one out."""
    from math_verify import parse, verify

    print("true", flush=True)
    for line in sys.stdin:
        answer, reference = json.loads(line)
        parsed = [parse(rf"\boxed{{{text}}}", parsing_timeout=None) for text in (reference, answer)]
        print(json.dumps(bool(verify(*parsed, timeout_seconds=None))), flush=True)


if __name__ == "__main__":
    _serve()
