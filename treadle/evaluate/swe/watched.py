"""One process with all that it starts: its output is read within a bound, and what passes a limit ends all of them.

The kernel holds what it can for a single process (`prlimit`). What processes take together is looked at every fifth of
a second: memory, their number, and the space that the file system lost. Between two looks more can be taken.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from treadle.evaluate.swe.trees import entries_of

_LOOK = 0.2
_SHARE = 20  # looking takes at most one part in so many of the time
_ENDING = 10.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MB = 2**20


@dataclass(frozen=True)
class Limits:
    """What a command may take.

    Args:
        seconds: Wall time.
        memory_mb: Of all processes together; the address space of each is bounded to twice as much.
        processes: Processes and threads.
        file_mb: Size of one file.
        output_kb: Of standard output and error that is kept: the first and the last half, what lies between is cut.
        disk_mb: What the checkout may grow by in one command.
    """

    seconds: float = 300
    memory_mb: int = 2048
    processes: int = 64
    file_mb: int = 256
    output_kb: int = 1024
    disk_mb: int = 2048


@dataclass(frozen=True)
class Ran:
    """What a command did.

    Args:
        code: Its exit code, 128 and the number for a signal; `None` where a limit ended it.
        output: Standard output and error, as they came.
        seconds: Wall time.
        timed_out: Whether its time was over.
        cut: Whether the middle of the output is missing; a line in it says how much.
        limit: Which limit ended it: `time`, `memory`, `processes` or `disk`; empty where none did.
    """

    code: int | None
    output: str
    seconds: float
    timed_out: bool = False
    cut: bool = False
    limit: str = ""


@dataclass
class _Output:
    """The first and the last bytes of a stream."""

    most: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    lost: int = 0

    def add(self, part: bytes) -> None:
        room = self.most // 2 - len(self.head)
        if room > 0:
            self.head += part[:room]
            part = part[room:]
        self.tail += part
        if len(self.tail) > self.most:  # cut in half only now and then, so that long outputs stay cheap
            self._shorten()

    def _shorten(self) -> None:
        over = max(len(self.tail) - (self.most - self.most // 2), 0)
        del self.tail[:over]
        self.lost += over

    def text(self) -> str:
        self._shorten()
        head, tail = (bytes(part).decode("utf-8", "replace") for part in (self.head, self.tail))
        return head + (f"\n[... {self.lost:,} bytes are left out here ...]\n" if self.lost else "") + tail


def watch(
    command: Sequence[str],
    limits: Limits,
    *,
    root: Path,
    env: Mapping[str, str],
    stdin: str | None,
    kill: Callable[[subprocess.Popen[bytes]], None],
    cwd: Path | None = None,
    pass_fds: Iterable[int] = (),
) -> Ran:
    """Run a command until it ends or passes a limit; nothing of its output waits for a reader in the meantime.

    Args:
        root: The folder whose file system must not fill.
        kill: Ends the process and all that it started.

    Raises:
        OSError: The command cannot be started.
    """
    output, limit = _Output(limits.output_kb * 1024), ""
    start = time.monotonic()
    free = _free(root)
    with tempfile.TemporaryFile() as given:
        given.write((stdin or "").encode("utf-8", "surrogateescape"))
        given.seek(0)
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    look = start + _LOOK
    try:
        while True:
            now = time.monotonic()
            if now - start >= limits.seconds:
                limit = "time"
            elif now >= look:
                limit = _passed(process.pid, limits, root, free)
                took = time.monotonic() - now
                look = now + max(_LOOK, _SHARE * took)
            if limit:
                break
            wait = min(look, start + limits.seconds) - now
            if select.select([pipe], [], [], max(min(wait, _LOOK), 0))[0]:
                if not _read(pipe, output):  # the end: nobody has the stream open any more
                    process.wait(max(start + limits.seconds - time.monotonic(), 0.01))
                    break
            elif process.poll() is not None:  # something that it left behind has the stream open
                break
    except subprocess.TimeoutExpired:
        limit = "time"
    finally:
        kill(process)
        process.wait()
        ending = time.monotonic() + _ENDING
        while time.monotonic() < ending and select.select([pipe], [], [], 0)[0] and _read(pipe, output):
            pass
        process.stdout.close()
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    text = output.text()
    return Ran(
        code=None if limit else code,
        output=text,
        seconds=time.monotonic() - start,
        timed_out=limit == "time",
        cut=output.lost > 0,
        limit=limit,
    )


def _read(pipe: int, output: _Output) -> bool:
    """Take what is there; whether more may come."""
    with suppress(BlockingIOError):
        part = os.read(pipe, _MB)
        output.add(part)
        return bool(part)
    return True


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process, its session's first group, and what descends from it at this moment."""
    family = descendants(process.pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for one in family:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def _passed(first: int, limits: Limits, root: Path, free: int) -> str:
    """The limit that the processes have passed together, empty where they have not."""
    threads, pages = 0, 0
    family = descendants(first)
    for counts in family.values():
        threads += counts[0]
        pages += counts[1]
    if threads > limits.processes + 8:  # the kernel stops them before, where it can; some are the sandbox's own
        return "processes"
    if pages * _PAGE > limits.memory_mb * _MB and _proportional(family) > limits.memory_mb * _MB:
        return "memory"
    if free - _free(root) > limits.disk_mb * _MB and _size(root, limits.disk_mb * _MB) > limits.disk_mb * _MB:
        return "disk"
    return ""


def descendants(first: int) -> dict[int, tuple[int, int]]:
    """A process and all that descend from it, with their number of threads and their pages in memory."""
    parents: dict[int, int] = {}
    counts: dict[int, tuple[int, int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                words = Path("/proc", entry, "stat").read_bytes().rpartition(b") ")[2].split()
                parents[int(entry)] = int(words[1])
                counts[int(entry)] = (int(words[17]), int(words[21]))
    family, known = {first}, -1
    while len(family) != known:
        known = len(family)
        family |= {one for one, parent in parents.items() if parent in family}
    return {one: counts[one] for one in family if one in counts}


def _proportional(family: Iterable[int]) -> int:
    """Bytes in memory with shared pages shared out, since pages of a fork are counted for both otherwise."""
    total = 0
    for one in family:
        with suppress(OSError):
            for line in Path("/proc", str(one), "smaps_rollup").read_bytes().splitlines():
                if line.startswith(b"Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _free(root: Path) -> int:
    with suppress(OSError):
        found = os.statvfs(root)
        return found.f_bfree * found.f_frsize
    return 0


def _size(root: Path, enough: int) -> int:
    """Bytes that a folder takes, counted until there are enough."""
    total = 0
    for entry in entries_of(root):
        with suppress(OSError):
            total += entry.stat(follow_symlinks=False).st_blocks * 512
        if total > enough:
            break
    return total
