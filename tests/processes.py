"""Commands in processes of their own, forked from one that has imported what the tests import and computed nothing.

A process that begins with nothing takes ten seconds to import torch, transformers and TRL before it does anything.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).parent.parent
_server: list[Connection] = []


@dataclass(frozen=True)
class Surroundings:
    """What a command finds around it.

    Attributes:
        folder: It runs in.
        environment: Set on top of that of the tests.
        stdin: File that stands at its standard input; that of the tests without one.
        errors: File that what it says on standard error is appended to, if not the one of standard output.
        more_mib: It may use so much more address space than the process that it is forked from.
        file_bytes: No file that it writes may grow larger, as under `ulimit -f`.
        memory: File for the MiB by which its resident memory grew at most.
    """

    folder: str = str(ROOT)
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: str | None = None
    errors: str | None = None
    more_mib: int | None = None
    file_bytes: int | None = None
    memory: str | None = None


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
        process = context.Process(target=run_command, args=order)
        process.start()
        orders.send(process.pid)
        process.join()
        orders.send(process.exitcode)


def run_command(module: str, arguments: list[str], out: str, surroundings: Surroundings) -> None:
    """In a process of its own: run `main` of a module, what it says appended to the file `out`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(surroundings.folder)
    os.environ.update(surroundings.environment)
    sys.path[:0] = surroundings.environment.get("PYTHONPATH", "").split(os.pathsep)  # read where Python begins
    before = _resident_mib()
    if surroundings.more_mib is not None:
        limit = _address_space() + surroundings.more_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if surroundings.stdin is not None:
        with open(surroundings.stdin, "rb") as file:
            os.dup2(file.fileno(), 0)
        sys.stdin = os.fdopen(os.dup(0))
    for number, name in ((1, out), (2, surroundings.errors or out)):
        with open(name, "ab") as file:
            os.dup2(file.fileno(), number)
    encoding = surroundings.environment.get("PYTHONIOENCODING")
    errors = ("strict", "backslashreplace")  # as Python has them
    sys.stdout, sys.stderr = (
        os.fdopen(os.dup(number), "w", buffering=1, encoding=encoding, errors=e)
        for number, e in zip((1, 2), errors, strict=True)
    )
    if surroundings.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (surroundings.file_bytes,) * 2)
    sys.argv = [module, *arguments]
    try:
        import_module(module).main()
    finally:
        if surroundings.memory is not None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            Path(surroundings.memory).write_text(str(max(0.0, peak - before)))


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


class Forked:
    """A command that runs, one at a time; what it says on its two streams is appended to a file."""

    def __init__(self, module: str, *arguments: object, out: Path, surroundings: Surroundings | None = None) -> None:
        _server[0].send((module, [str(a) for a in arguments], str(out), surroundings or Surroundings()))
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
def forked(module: str, *arguments: object, out: Path, surroundings: Surroundings | None = None) -> Iterator[Forked]:
    """Run `main` of a module with these arguments; killed when the block is left."""
    process = Forked(module, *arguments, out=out, surroundings=surroundings)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
