"""What a sandbox shows: bubblewrap's arguments.

Of the machine only `/usr` and a few files of `/etc` can be read, and the interpreter that commands run with. Accounts
are made up. `/tmp` and `/dev/shm` are memory of bounded size. Home folders, `/etc/shadow`, `/sys`, other checkouts and
treadle itself are not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from treadle.evaluate.swe.calls import refusing
from treadle.evaluate.swe.watched import Limits

_ETC = ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "ssl/certs")
_SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_SHARED_MEMORY = 64 * 2**20
_HOPS = 16


@contextmanager
def jail(
    root: Path, mount: str, python: Path | None, uid: int, limits: Limits, env: Mapping[str, str]
) -> Iterator[tuple[list[str], list[int]]]:
    """Arguments of `bwrap` up to the command, and the open files that they name.

    Args:
        root: The folder that can be written to, seen at `mount`.
        python: Environment or interpreter that can be read.
        uid: Whose the processes are.
        env: All variables of the command.
    """
    arguments = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    arguments += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if os.geteuid() == 0:  # to become another user; `setpriv` gives these up, too
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    else:
        arguments += ["--unshare-user", "--uid", str(uid), "--gid", str(uid)]
    arguments += ["--ro-bind", "/usr", "/usr", *_system(), "--proc", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm"]
    arguments += ["--perms", "1777", "--size", str(limits.memory_mb * 2**19), "--tmpfs", "/tmp"]
    accounts = {
        "passwd": f"root:x:0:0:root:/:/bin/false\nsandbox:x:{uid}:{uid}:sandbox:/tmp:/bin/bash\n",
        "group": f"root:x:0:\nsandbox:x:{uid}:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    files: list[int] = []
    try:
        for name, text in accounts.items():
            files.append(_holding(text.encode()))
            arguments += ["--perms", "0644", "--ro-bind-data", str(files[-1]), f"/etc/{name}"]
        for name in _ETC:
            arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        if program := refusing():
            files.append(_holding(program))
            arguments += ["--seccomp", str(files[-1])]
        if python:
            arguments += _interpreter(python)
        arguments += ["--bind", str(root), mount, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", mount]
        for key, value in env.items():
            arguments += ["--setenv", key, value]
        yield arguments, files
    finally:
        for file in files:
            os.close(file)


def path_variable(python: Path | None) -> str:
    """`PATH` of the sandbox."""
    return ":".join([*([str(python / "bin")] if python else []), "/usr/local/bin", "/usr/bin", "/bin"])


def _system() -> list[str]:
    """`/bin` and its like: links into `/usr` on most systems, folders on others."""
    arguments: list[str] = []
    for name in _SYSTEM:
        if os.path.islink(f"/{name}"):
            arguments += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            arguments += ["--ro-bind", f"/{name}", f"/{name}"]
    return arguments


def _interpreter(python: Path) -> list[str]:
    """Mounts of an environment and of the interpreters that it leads to, link by link."""
    arguments: list[str] = []
    seen: list[Path] = []

    def show(folder: Path) -> None:
        if not any(folder.is_relative_to(one) for one in (Path("/usr"), *seen)):
            seen.append(folder)
            for above in reversed(folder.parents[:-1]):  # bubblewrap would make them for root alone
                arguments.extend(["--perms", "0755", "--dir", str(above)])
            arguments.extend(["--ro-bind", str(folder), str(folder)])

    show(python)
    hop = python / "bin" / "python"
    for _ in range(_HOPS):
        if not hop.is_symlink():
            break
        hop = Path(os.path.normpath(hop.parent / os.readlink(hop)))
        prefix = hop.parent.parent
        if any(prefix.glob("lib*/python*")):
            show(prefix)
    real = Path(os.path.realpath(python / "bin" / "python")).parent.parent
    if any(real.glob("lib*/python*")):
        show(real)
    return arguments


def _holding(content: bytes) -> int:
    """An open file with this content, for bubblewrap to read."""
    file = os.memfd_create("treadle")
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
