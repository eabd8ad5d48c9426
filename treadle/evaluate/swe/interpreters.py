"""Interpreters of Python on this machine, and `uv`, which makes environments with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from treadle.evaluate.swe.records import MissingError
from treadle.extras import install


def uv() -> list[str]:
    """How `uv` is called here.

    Raises:
        MissingError: It is not installed.
    """
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        raise MissingError(f"uv: not found, and environments are made with it; {install('swe')}")
    return [found, "--no-progress"]


def this_or_later(version: str) -> list[str]:
    """A version of Python, `3.9`, and those after it, up to some that are later than our own."""
    first = int(version.removeprefix("3."))
    return [f"3.{minor}" for minor in range(first, max(first, sys.version_info.minor) + 3)]


def interpreter(version: str) -> Path | None:
    """An interpreter of this version: on `PATH`, of pyenv or of uv.

    Passed over are stand-ins that start none, and what is too old for uv, as Python 3.6 is for uv 0.8.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}" == version
    places = [Path(sys.base_prefix, "bin", f"python{version}")] if own else []
    places += [Path(folder, f"python{version}") for folder in os.get_exec_path()]
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    places += sorted((path / "bin" / "python" for path in root.glob(f"{version}.*")), reverse=True)
    found = _asked([*uv(), "python", "find", "--no-python-downloads", "--managed-python", version])
    places += [Path(found)] if found else []
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    known = (one for one in places if one.is_file() and _asked([str(one), "-c", code]) == version)
    return next((one for one in known if _asked([*uv(), "python", "find", "--no-python-downloads", str(one)])), None)


def _asked(command: Sequence[str]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
