"""Runs what a model wrote: only the checkout can be written to, no network, nothing of the user in sight.

bubblewrap makes the namespaces. As root the command runs under a number of its own that no user has, since the limit
of processes does not hold for root; the checkout is given to that number. Each run is a namespace of its own: files
in the checkout persist, processes and `/tmp` go when the command ends. What this does not protect from is in
`docs/swe.md`.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from treadle.errors import TreadleError
from treadle.evaluate.swe.jail import jail, path_variable
from treadle.evaluate.swe.trees import entries_of
from treadle.evaluate.swe.watched import Limits, Ran, kill_group, watch

__all__ = ["CHECKOUT", "Limits", "Ran", "Sandbox", "SandboxError", "needed", "why_not"]

CHECKOUT = "TREADLE_CHECKOUT"
"""Variable of every command: where the checkout is."""

_FIRST_UID, _UIDS = 61184, 4336  # what systemd keeps for numbers that belong to nobody
_TOOLS = ("bwrap", "prlimit", "setpriv")
_ENDING = 10.0
_numbers = itertools.count(os.getpid() * 7)


class SandboxError(TreadleError):
    """No sandbox can be had on this machine, or it did not start."""


class Sandbox:
    """A checkout in which commands run.

    Args:
        root: The checkout, the one folder that commands can write to. As root, treadle gives it to another user.
        python: A virtual environment, or the prefix of an interpreter, first on `PATH`; it can be read only.
        limits: For each command that is given no others.
        unsafe_local: Run without a sandbox where none can be had; the limits that need none stay.
        mount: Where commands see the checkout.

    Attributes:
        isolated: Whether commands run in a sandbox.
        path: The checkout as commands see it: `mount`, or `root` without a sandbox.

    Raises:
        SandboxError: No sandbox can be had here and `unsafe_local` was not given, or `root` is no folder.
    """

    def __init__(
        self,
        root: Path,
        *,
        python: Path | None = None,
        limits: Limits | None = None,
        unsafe_local: bool = False,
        mount: str = "/testbed",
    ) -> None:
        self.root = Path(os.path.abspath(root))
        self.python = Path(os.path.abspath(python)) if python else None
        self.limits = limits or Limits()
        if not self.root.is_dir():
            raise SandboxError(f"{root}: no such folder; expected a checkout")
        self.isolated = not needed(unsafe_local)
        self.mount = mount
        self.path = mount if self.isolated else str(self.root)
        self.uid = _unused_uid() if os.geteuid() == 0 else os.geteuid()

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        """Run a command in the checkout.

        Args:
            command: Program and arguments; for a line of shell `["bash", "-c", line]`.
            env: Variables beside `PATH`, `HOME` and the few that are always set.
            stdin: Its standard input; empty without.

        Raises:
            SandboxError: The sandbox itself did not start.
        """
        limits = limits or self.limits
        if not self.isolated:
            return self._run_openly(command, env or {}, stdin, limits)
        if os.geteuid() == 0:
            _give(self.root, self.uid)
        return _run_in_jail(self, command, {**self._environment("/tmp"), **(env or {})}, stdin, limits)

    def _environment(self, home: str) -> dict[str, str]:
        found = {
            "PATH": path_variable(self.python),
            CHECKOUT: self.path,
            "HOME": home,
            "TMPDIR": home,
            "USER": "sandbox",
            "LOGNAME": "sandbox",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "PAGER": "cat",
            "GIT_PAGER": "cat",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }
        return found | ({"VIRTUAL_ENV": str(self.python)} if self.python else {})

    def _run_openly(self, command: Sequence[str], env: Mapping[str, str], stdin: str | None, limits: Limits) -> Ran:
        with tempfile.TemporaryDirectory(prefix="treadle-") as home:
            held = ["prlimit", *_held(limits), "--", *command] if shutil.which("prlimit") else list(command)
            try:
                return watch(
                    held,
                    limits,
                    root=self.root,
                    cwd=self.root,
                    env={**self._environment(home), **env},
                    stdin=stdin,
                    kill=kill_group,
                )
            except OSError as error:
                raise SandboxError(f"{command[0]}: cannot be started: {error.strerror}") from error


def _run_in_jail(
    sandbox: Sandbox, command: Sequence[str], env: Mapping[str, str], stdin: str | None, limits: Limits
) -> Ran:
    """As root the number of processes is counted for the sandbox's own user, else within its user namespace."""
    bwrap, prlimit, setpriv = (shutil.which(tool) or tool for tool in _TOOLS)
    inner = [prlimit, *_held(limits), f"--nproc={limits.processes}", "--", setpriv, "--no-new-privs"]
    if os.geteuid() == 0:
        user = str(sandbox.uid)
        inner += [f"--reuid={user}", f"--regid={user}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    try:
        with (
            _Status() as status,
            jail(sandbox.root, sandbox.mount, sandbox.python, sandbox.uid, limits, env) as (arguments, files),
        ):
            ran = watch(
                [bwrap, "--json-status-fd", str(status.told), *arguments, "--", *inner, "--", *command],
                limits,
                root=sandbox.root,
                env={"PATH": os.defpath},
                stdin=stdin,
                kill=status.kill,
                pass_fds=(status.told, *files),
            )
            started = "exit-code" in status.read()
    except OSError as error:
        raise SandboxError(f"bwrap: cannot be started: {error.strerror}") from error
    if not ran.limit and not started:
        raise SandboxError(f"the sandbox did not start: {ran.output.strip()[:300] or 'bwrap said nothing'}")
    return ran


class _Status:
    """What bubblewrap tells: `child-pid` of the namespace's first process, and `exit-code` once the command ended."""

    def __enter__(self) -> _Status:
        self._pipe, self.told = os.pipe()
        os.set_blocking(self._pipe, False)
        self._said = b""
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._pipe)
        os.close(self.told)

    def read(self) -> dict[str, int]:
        with suppress(BlockingIOError):
            self._said += os.read(self._pipe, 65536)
        found: dict[str, int] = {}
        for line in self._said.splitlines():
            with suppress(ValueError):
                found |= json.loads(line)
        return found

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End the namespace by its first process, and wait until it is gone with all others in it."""
        first = self.read().get("child-pid", 0)
        if first and _in_a_namespace(first):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(first, signal.SIGKILL)
        ending = time.monotonic() + _ENDING
        while first and _in_a_namespace(first) and time.monotonic() < ending:
            process.poll()
            time.sleep(0.002)
        if process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            process.kill()


def _in_a_namespace(process: int) -> bool:
    """Whether a process still runs that is not of our own process namespace: numbers of processes are used again."""
    with suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b") ")[2][:1]
        return state not in b"ZX" and os.readlink(f"/proc/{process}/ns/pid") != os.readlink("/proc/self/ns/pid")
    return False


def _held(limits: Limits) -> list[str]:
    """Arguments of `prlimit`: what the kernel holds for each process."""
    return [
        f"--as={2 * limits.memory_mb * 2**20}",
        f"--fsize={limits.file_mb * 2**20}",
        "--core=0",
        "--nofile=1024",
        "--memlock=65536",
        "--msgqueue=65536",
    ]


def _unused_uid() -> int:
    """A number that is nobody's, and another for each sandbox, so that two do not share the limit of processes."""
    while True:
        number = _FIRST_UID + next(_numbers) % _UIDS
        try:
            pwd.getpwuid(number)
        except KeyError:
            return number


def _give(root: Path, uid: int) -> None:
    """Make all that is in the checkout the sandbox's own; links are given, never followed. What has too long a path has
    been made in the sandbox and is its own already."""
    _give_one(os.fspath(root), uid)
    for entry in entries_of(root):
        _give_one(entry.path, uid)


def _give_one(path: str, uid: int) -> None:
    try:
        if os.lstat(path).st_uid != uid:
            os.chown(path, uid, uid, follow_symlinks=False)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise


def needed(unsafe_local: bool = False) -> str | None:
    """`why_not`, where commands may then run without a sandbox.

    Raises:
        SandboxError: There is none, and they may not.
    """
    found = why_not()
    if found and not unsafe_local:
        raise SandboxError(f"{found}; or run without protection: --unsafe-local")
    return found


@cache
def why_not() -> str | None:
    """Why no sandbox can be had on this machine, in a line; `None` where it can. Tried once for each process."""
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    if missing:
        return f"no sandbox: {', '.join(missing)} not found; install bubblewrap and util-linux"
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        sandbox = Sandbox.__new__(Sandbox)
        sandbox.root, sandbox.python, sandbox.mount = Path(folder), None, "/testbed"
        sandbox.uid = _unused_uid() if os.geteuid() == 0 else os.geteuid()
        try:
            ran = _run_in_jail(sandbox, ["true"], {"PATH": path_variable(None)}, None, Limits(seconds=20))
        except SandboxError as error:
            return f"no sandbox: {' '.join(str(error).split())}; the container or the kernel forbids namespaces"
    return None if ran.code == 0 else f"no sandbox: a trial ended with {ran.code}: {ran.output.strip()[:200]!r}"
