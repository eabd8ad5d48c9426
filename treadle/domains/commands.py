"""A verdict by a command: task and attempt as JSON on its input, its verdict as JSON on its output, killed with its
group beyond its limits."""

from __future__ import annotations

import json
import math
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from treadle.domains.domain import Attempt, Command, Task
from treadle.domains.verdict_words import read_verdict, short
from treadle.errors import DomainError
from treadle.processes import ONE_THREAD, PATIENCE, kill_group

LONGEST = 1 << 20
"""Bytes of output; a command that writes more is killed."""
_LIMITED = """
import os, sys
try:
    import resource
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except ImportError:
    pass
os.execvp(sys.argv[3], sys.argv[3:])
"""  # in a process of its own, since a process with threads must not run Python between fork and exec
_OUT_OF_TIME = {-getattr(signal, "SIGXCPU", 0), 128 + getattr(signal, "SIGXCPU", 0)}


def check_command(verdict: Command, folder: Path) -> None:
    """Raise `DomainError` for a command that is not there."""
    if not ((folder / verdict.command[0]).is_file() or shutil.which(verdict.command[0])):
        raise DomainError(
            f"{folder}: verdict: no command {verdict.command[0]!r}; expected a program of PATH, or a file in the "
            "domain's folder as in command: [./judge.sh]"
        )


def judge_by_command(verdict: Command, folder: Path, task: Task, attempt: Attempt) -> tuple[str, str]:
    """The word of a command's verdict, and why.

    Raises:
        DomainError: The command is not there, or writes something else than a verdict.
    """
    check_command(verdict, folder)
    named = " ".join(verdict.command)
    code, written, said = _run(verdict, folder, json.dumps({"task": vars(task), "attempt": vars(attempt)}))
    if code is None or code in _OUT_OF_TIME:
        return "hung", f"longer than {verdict.limits.seconds:g} s"
    if code:
        last = said.strip().splitlines()[-1] if said.strip() else "no word"
        return "crashed", short(f"{named} ended with {code}: {last}")
    try:
        found = json.loads(written)
        value = found["verdict"], found.get("why", "")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DomainError(
            f"{folder}: verdict: {named} wrote {written[:80]!r}; expected JSON such as "
            '{"verdict": "right", "why": ""}'
        ) from None
    return read_verdict(value, f"{named} (in {folder})")


def _run(verdict: Command, folder: Path, given: str) -> tuple[int | None, str, str]:
    """Its exit code (`None` beyond the limits), what it wrote, and what it said on its standard error."""
    limits = verdict.limits
    limited = [sys.executable, "-I", "-S", "-c", _LIMITED, str(math.ceil(limits.seconds)), str(limits.memory_mb << 20)]
    with tempfile.TemporaryFile() as question:
        question.write(given.encode())
        question.seek(0)
        process = subprocess.Popen(
            [*limited, *verdict.command],
            stdin=question,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,
        )
    found = {process.stdout: b"", process.stderr: b""}
    ending = time.monotonic() + PATIENCE * limits.seconds
    with selectors.DefaultSelector() as selector:
        for stream in found:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and (left := ending - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                read = os.read(key.fd, 1 << 16)
                found[key.fileobj] += read
                if not read:
                    selector.unregister(key.fileobj)
            if max(map(len, found.values())) > LONGEST:
                break
        beyond = bool(selector.get_map())
    if not beyond:
        try:
            process.wait(max(0.0, ending - time.monotonic()))
        except subprocess.TimeoutExpired:
            beyond = True
    kill_group(process.pid)
    process.kill()
    process.wait()
    for stream in found:
        stream.close()
    written, said = (content.decode(errors="replace") for content in found.values())
    return None if beyond else process.returncode, written, said
