"""Environments of tasks: one for each repository and version, or release of a package, made once and reused.

They are made before anything of a model runs, outside of the sandbox and with the network: building a package executes
its code, as `pip install` does. A folder `environments/NAME-HASH` of the cache holds the virtual environment, the
versions in it (`lock.txt`), what the build said (`build.log`) and, written last, what it is (`environment.json`).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sysconfig
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.building import build_bench, build_release, build_smith, own_python
from treadle.evaluate.swe.checkouts import commit_date, release_of
from treadle.evaluate.swe.dates import HARNESS, SMITH, as_date, later
from treadle.evaluate.swe.installing import Builder, EnvironmentError_
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.smith import smith_spec
from treadle.evaluate.swe.specs import spec_of
from treadle.files.locks import alone
from treadle.files.typed import read_object, record_of
from treadle.files.whole import write_whole, writing

__all__ = ["Environment", "EnvironmentError_", "environment_for", "lay_over", "package_environment"]

_FORMAT = 3
_PATIENCE = 3600.0
_REMEDY = "delete this folder, and it is built again"
_building: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@dataclass(frozen=True)
class Environment:
    """Where tests run.

    Args:
        python: The virtual environment, a folder.
        test_command: Program and arguments; files of tests are added.
        lock: A file with the versions of all that is installed.
        overlay: Files that a build makes and checkouts lack, see `lay_over`.
        note: What is not as its specification says; empty if nothing.
    """

    python: Path
    test_command: tuple[str, ...]
    lock: Path
    overlay: Path
    note: str = ""


def environment_for(instance: SweInstance, cache: Path, *, mirrors: Path | None = None) -> Environment:
    """The environment of an instance; built if it is not there.

    Args:
        cache: The folder of environments.
        mirrors: Clones of real repositories, see `treadle.evaluate.swe.checkouts`.

    Raises:
        EnvironmentError_: It cannot be built; the message names the log.
        DataError: There is no specification, clone, commit or release.
        OutputError: The cache cannot be written, or what is in it is damaged.
    """
    if instance.of_release:
        name, _, version = instance.base_commit.partition("==")
        date = instance.created_at or None
        return package_environment(name, version, cache, release_of(instance), date, who=instance.instance_id)
    smith = instance.bug is not None
    spec = smith_spec(instance) if smith else spec_of(instance)
    setup = instance.environment_setup_commit or instance.base_commit
    date = as_date(commit_date(instance, setup, mirrors), instance.instance_id)
    content = [instance.repo, instance.version, asdict(spec), date, setup]

    def build(builder: Builder) -> str:
        if smith:
            return build_smith(builder, replace(instance, bug=None), spec, mirrors)  # one for all bugs
        return build_bench(builder, instance, spec, setup, mirrors)

    name = f"{instance.repo}-{instance.base_commit if smith else instance.version}"
    dates = (later(date, SMITH),) if smith else (date, HARNESS)
    return _environment(cache, name, content, instance.instance_id, dates, spec.test_command, build)


def package_environment(
    name: str, version: str, cache: Path, sdist: Path, exclude_newer: str | None = None, *, who: str = ""
) -> Environment:
    """The environment of a release: what it requires, what its tests require as far as it says so, and pytest.

    Args:
        sdist: The release's source distribution.
        exclude_newer: ISO date; nothing published later is installed.
        who: Names it in messages; `name==version` without.

    Raises:
        EnvironmentError_, DataError, OutputError: As for `environment_for`.
    """
    who = who or f"{name}=={version}"
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    date = as_date(exclude_newer, who) if exclude_newer else ""

    def build(builder: Builder) -> str:
        return build_release(builder, sdist)

    content = [name, version, digest, date, own_python()]
    return _environment(cache, f"{name}-{version}", content, who, (date,), ("python", "-m", "pytest", "-rA"), build)


def check_python(python: Path | None) -> None:
    """Raise `DataError` where what a user gives in place of environments is none."""
    if python is not None and not (python / "bin" / "python").exists():
        raise DataError(f"--python {python}: no bin/python in it; expected the folder of a virtual environment")


def lay_over(environment: Environment, root: Path) -> tuple[str, ...]:
    """Copy what a build makes, such as compiled modules, into a checkout that has none of it.

    Returns:
        The files, sorted.
    """
    laid = []
    for path in sorted(environment.overlay.rglob("*")):
        name = path.relative_to(environment.overlay)
        if path.is_file() and not os.path.lexists(root / name):
            with writing(root):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, root / name)
            laid.append(name.as_posix())
    return tuple(laid)


def _environment(
    cache: Path,
    name: str,
    content: list[object],
    who: str,
    dates: tuple[str, ...],
    test_command: tuple[str, ...],
    build: Callable[[Builder], str],
) -> Environment:
    """The environment of this content, built if it is not in the cache.

    Args:
        dates: Until when packages may have been published; a later one is taken where the one before fails.
    """
    content = [_FORMAT, platform.machine(), sysconfig.get_platform(), *content]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "__", name)[:60]
    folder = Path(os.path.abspath(cache)) / "environments" / f"{plain}-{digest}"
    described = folder / "environment.json"
    with _alone(folder):
        if not described.is_file():
            builder, note = _built(folder, who, dates, build)
            shutil.rmtree(folder / "tree", ignore_errors=True)
            write_whole(folder / "lock.txt", builder.freeze())
            (folder / "overlay").mkdir(exist_ok=True)
            builder.readable()
            write_whole(described, json.dumps({"note": note, "content": content}, indent=2) + "\n")
    found = record_of(_Described, read_object(described, _REMEDY), str(described), _REMEDY)
    return Environment(folder / "venv", test_command, folder / "lock.txt", folder / "overlay", found.note)


def _built(folder: Path, who: str, dates: tuple[str, ...], build: Callable[[Builder], str]) -> tuple[Builder, str]:
    """Build until it succeeds with the packages of one of the dates, and say which it was where it is not the first."""
    told: EnvironmentError_ | None = None
    for date in (dates[0], *(one for one in dates[1:] if later(one, dates[0]) == one)):
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        builder = Builder(folder, who, date)
        try:
            note = build(builder)
        except EnvironmentError_ as error:
            told = error  # of the last try, whose log is there
            continue
        moved = f"packages until {builder.date[:10]} in place of {dates[0][:10]}" if builder.date != dates[0] else ""
        return builder, "; ".join(part for part in (moved, note) if part)
    assert told is not None
    raise told


@dataclass(frozen=True)
class _Described:
    note: str
    content: list[Any]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other thread or process builds this environment."""
    with _building[str(folder)]:
        ending = time.monotonic() + _PATIENCE
        while True:
            with ExitStack() as stack:
                try:
                    stack.enter_context(alone(folder))
                except OutputError as error:
                    if "is being written by" not in str(error) or time.monotonic() > ending:
                        raise
                else:
                    yield
                    return
            time.sleep(1)
