"""The command line as somebody drives it who wants it to fail: what it is given, and all that can be seen of it."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess as Process
from pathlib import Path

from tests.processes import Surroundings, forked, run_command

TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^  File \"", re.MULTILINE)
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys instead of showing them; tabs and line ends are those of tables."""


@dataclass(frozen=True)
class Outcome:
    """What is left of a command.

    Attributes:
        code: Exit code.
        out, err: What it said on standard output and on standard error, decoded as UTF-8 with bad bytes escaped.
        seconds: It took.
        mib: Its resident memory grew by so much at most.
    """

    code: int
    out: str
    err: str
    seconds: float
    mib: float

    def refused(self, *said: str, code: int = 2) -> str:
        """Asserts that it ended as a mistake of the user's: one line of error that says this, no traceback.

        Returns:
            That line.
        """
        assert self.code == code, f"exit code {self.code}\n{self.out}\n{self.err}"
        self.is_clean()
        lines = [line for line in self.err.splitlines() if re.match(r"treadle:(?! warning:)", line)]
        assert len(lines) == 1, f"not one line of error:\n{self.err}"
        for text in said:
            assert text in lines[0], f"{text!r} is not in {lines[0]!r}"
        return lines[0]

    def is_clean(self) -> None:
        """Asserts that no traceback and no character that a terminal obeys was printed."""
        for stream in (self.out, self.err):
            assert not TRACEBACK.search(stream), stream
            assert not UNSEEN.search(stream.replace("\r", "")), repr(stream)


Treadle = Callable[..., Outcome]
"""See `drive`."""


def drive(
    folder: Path,
    *arguments: object,
    stdin: bytes = b"",
    environment: dict[str, str] | None = None,
    more_mib: int | None = None,
    file_bytes: int | None = None,
    seconds: float = 60.0,
) -> Outcome:
    """Run `treadle` with these arguments in a folder.

    Args:
        folder: It runs in.
        arguments: Of the command line.
        stdin: What is piped into it.
        environment: Variables that are set.
        more_mib: Bound on the address space that it may take on top of the libraries'.
        file_bytes: No file that it writes may grow larger.
        seconds: After which it is killed, and the test fails.
    """
    around = folder.parent / f"{folder.name}.driven"
    around.mkdir(exist_ok=True)
    files = {name: around / name for name in ("in", "out", "err", "memory")}
    for file in files.values():
        file.write_bytes(b"")
    files["in"].write_bytes(stdin)
    surroundings = Surroundings(
        str(folder), environment or {}, str(files["in"]), str(files["err"]), more_mib, file_bytes, str(files["memory"])
    )
    begun = time.monotonic()
    with forked("treadle.cli.main", *arguments, out=files["out"], surroundings=surroundings) as process:
        code = process.wait(seconds)
    out, err = (files[name].read_bytes().decode("utf-8", "backslashreplace") for name in ("out", "err"))
    return Outcome(code, out, err, time.monotonic() - begun, float(files["memory"].read_text() or 0))


@contextmanager
def beside(folder: Path, *arguments: object, stdin: Path | None = None) -> Iterator[Process]:
    """Run another `treadle` at the same time as `drive`, in a process of its own; killed when the block is left.

    Args:
        stdin: File or pipe that stands at its standard input.
    """
    around = folder.parent / f"{folder.name}.beside"
    surroundings = Surroundings(str(folder), stdin=str(stdin) if stdin else os.devnull, errors=str(around) + ".err")
    target = ("treadle.cli.main", [str(a) for a in arguments], str(around) + ".out", surroundings)
    process = multiprocessing.get_context("fork").Process(target=run_command, args=target)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(30)


def until(there: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that another process does; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, f"not there after {seconds} seconds"
        time.sleep(0.01)


def contents(folder: Path) -> dict[str, str]:
    """Every path below a folder, with a digest of what is there or where a link leads: what may not change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path.relative_to(folder))] = "folder"
    return found
