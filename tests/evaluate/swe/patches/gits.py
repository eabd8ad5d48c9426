"""What git makes of a patch: the independent source of these tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CEILING_DIRECTORIES": "/",
    "LC_ALL": "C",
}


def write(root: Path, files: Mapping[str, str]) -> None:
    """Files below a folder."""
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode("utf-8", "surrogateescape"))


def read(root: Path) -> dict[str, str]:
    """All files below a folder."""
    return {
        place.relative_to(root).as_posix(): place.read_bytes().decode("utf-8", "surrogateescape")
        for place in sorted(root.rglob("*"))
        if place.is_file() and ".git" not in place.parts
    }


def git_apply(root: Path, patch: str, *options: str) -> str | None:
    """Apply a patch with git; what it says against it, `None` where it took it."""
    done = subprocess.run(
        ["git", "apply", *options, "-"],
        cwd=root,
        env=_ENV,
        input=patch.encode("utf-8", "surrogateescape"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return None if done.returncode == 0 else done.stderr.decode()


def git(root: Path, *words: str) -> str:
    """The output of a git command."""
    names = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false")
    done = subprocess.run(["git", *names, *words], cwd=root, env=_ENV, capture_output=True, timeout=60, check=True)
    return done.stdout.decode("utf-8", "surrogateescape")
