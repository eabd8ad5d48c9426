"""Commands in processes of their own, forked from one that has imported what the tests import and computed nothing.

A process that begins with nothing takes ten seconds to import torch, transformers and TRL before it does anything.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).parent.parent
_server: list[Connection] = []


def serve() -> None:
    """Fork the process that forks the others. It ends with this one."""
    ours, theirs = multiprocessing.Pipe()
    if os.fork() == 0:
        ours.close()
        try:
            _serve(theirs)
        finally:
            os._exit(0)
    theirs.close()
    _server[:] = [ours]


def _serve(orders: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests
    context = multiprocessing.get_context("fork")
    while True:
        try:
            order = orders.recv()
        except EOFError:
            return
        process = context.Process(target=_run, args=order)
        process.start()
        orders.send(process.pid)
        process.join()
        orders.send(process.exitcode)


def _run(module: str, arguments: list[str], out: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(ROOT)
    with open(out, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
    sys.argv = [module, *arguments]
    import_module(module).main()


class Forked:
    """A command that runs, one at a time; what it says on its two streams is appended to a file."""

    def __init__(self, module: str, *arguments: object, out: Path) -> None:
        _server[0].send((module, [str(argument) for argument in arguments], str(out)))
        self.pid: int = _server[0].recv()
        self.returncode: int | None = None
        self._out = out

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or `None` while it runs."""
        if self.returncode is None and _server[0].poll():
            self.returncode = _server[0].recv()
        return self.returncode

    def wait(self, seconds: float) -> int:
        """The exit code; fails after so many seconds."""
        until = time.monotonic() + seconds
        while self.poll() is None:
            assert time.monotonic() < until, f"did not end in {seconds} seconds: {self.output}"
            _server[0].poll(max(0.0, until - time.monotonic()))
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    @property
    def output(self) -> str:
        return self._out.read_text()


@contextmanager
def forked(module: str, *arguments: object, out: Path) -> Iterator[Forked]:
    """Run `main` of a module with these arguments, in the repository's root; killed when the block is left."""
    process = Forked(module, *arguments, out=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
