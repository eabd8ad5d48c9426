"""How each version of a repository is built and tested, from SWE-bench's harness (MIT licence; `specs.json` holds it).

Where treadle departs from the harness: packages of conda come from PyPI; packages of the operating system and downloads
(`apt-get`, `wget`) are left out and named; `tox`, which would hide the checkout from the tests, is replaced by the
command that it runs; files that tests download while they run are installed before, where a package has them.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from treadle.errors import DataError
from treadle.evaluate.swe.records import SweInstance

_PYTEST = "pytest -rA"
_TOX = "tox --current-env -epy39 -v --"
_INSTEAD_OF_TOX = ("python", "-X", "dev", "-m", "pytest", "-rA", "--durations", "25")  # sphinx's tox.ini
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
_EDITS = re.compile(r"(sed -i|grep -q) ")
_NAMED = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
_TESTS = ("test", "tests", "testing")
_OF_TOX = ("tox==", "tox-current-env==")  # not run, and they ask for packages of another time than the tests'
_INSTEAD_OF_DOWNLOADS = {"pydicom/pydicom": ("pydicom-data==1.0.0",)}  # the sandbox has no network
_DROPPED_FLAGS = frozenset({"-v", "--verbose", "-e", "--editable", "--no-use-pep517"})


@dataclass(frozen=True)
class Spec:
    """What an environment is made of.

    Args:
        python: Version of the interpreter, `3.9`.
        packages: Requirements that are installed first.
        requirements: Files of the repository with requirements, of which the first that is there is installed.
        conda: The same for conda's `environment.yml`.
        edits: Lines of shell that change the repository's own requirements.
        install: What is installed of the repository, `.` or `.[test]`; empty for nothing.
        flags: For that installation.
        test_command: Program and arguments, to which the files of tests are added.
        left_out: Lines of the harness's specification that are not followed.
    """

    python: str
    packages: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    install: str = "."
    flags: tuple[str, ...] = ()
    test_command: tuple[str, ...] = ("pytest", "-rA")
    left_out: tuple[str, ...] = ()


def spec_of(instance: SweInstance) -> Spec:
    """The specification of an instance's repository and version.

    Raises:
        DataError: The harness has none.
    """
    repos = _content()["repos"]
    where = f"{instance.instance_id}: no environment is known"
    if instance.repo not in repos:
        raise DataError(f"{where} for the repository {instance.repo!r}; known are {', '.join(sorted(repos))}")
    for group in repos[instance.repo]:
        if instance.version in group["versions"]:
            return _spec(instance.repo, group)
    known = [version for group in repos[instance.repo] for version in group["versions"]]
    raise DataError(f"{where} for {instance.repo} {instance.version!r}; known versions are {', '.join(known)}")


def requirements_in(file: Path, known: frozenset[Path] = frozenset()) -> list[str]:
    """The lines of a file of requirements and of those that it names, without those that install the repository itself,
    which is done later.

    Args:
        known: Files that are being read.
    """
    found = []
    for whole in file.read_text(encoding="utf-8", errors="replace").splitlines():
        line = whole.partition(" #")[0].strip()
        named = _NAMED.fullmatch(line)
        other = (file.parent / named[1]).resolve() if named else None
        if other and other.is_file():
            found += requirements_in(other, known | {file.resolve()}) if other not in known else []
        elif line and not line.startswith(("#", "-e .", ".", "-e file:")):
            found.append(line)
    return found


def conda_requirements(file: Path) -> list[str]:
    """What conda's `environment.yml` asks for, as requirements of PyPI.

    Raises:
        DataError: It cannot be read.
    """
    try:
        listed = yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]
        nested = [line for one in listed if isinstance(one, dict) for line in one.get("pip", [])]
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise DataError(f"{file}: no environment of conda ({type(error).__name__})") from None
    names = [re.sub(r"(?<![=<>!~])=(?!=)", "==", one.replace(" ", "")) for one in listed if isinstance(one, str)]
    return [one for one in (*names, *nested) if not re.match(r"(python|pip)\b(?!-)|-e", one)]


def what_tests_need(tree: Path) -> tuple[list[str], list[str]]:
    """What a package says that its tests require: names of extras, and requirements of a dependency group."""
    with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
        project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
        groups = project.get("dependency-groups", {})
        extras = project.get("project", {}).get("optional-dependencies", {})
        chosen = [one for name in _TESTS for one in groups.get(name, []) if isinstance(one, str)]
        return [name for name in _TESTS if name in extras], chosen
    with suppress(OSError):
        lines = (tree / "PKG-INFO").read_text(encoding="utf-8", errors="replace").splitlines()
        known = {line.partition(":")[2].strip() for line in lines if line.startswith("Provides-Extra:")}
        return [name for name in _TESTS if name in known], []
    return [], []


@cache
def _content() -> dict[str, Any]:
    return json.loads(files("treadle.evaluate.swe").joinpath("specs.json").read_text(encoding="utf-8"))


def _spec(repo: str, group: dict[str, Any]) -> Spec:
    packages = group.get("packages", "")
    listed = packages in ("requirements.txt", "environment.yml")
    edits = [line for line in group.get("pre_install", []) if _EDITS.match(line) and "tox.ini" not in line]
    install, flags = _installed(group.get("install", ""))
    command = group.get("test_cmd", _PYTEST)
    left_out = [line for line in group.get("pre_install", []) if line not in edits]
    return Spec(
        python=group["python"],
        packages=(
            *(() if listed else shlex.split(packages)),
            *(one for one in group.get("pip_packages", ()) if not one.startswith(_OF_TOX)),
            *_INSTEAD_OF_DOWNLOADS.get(repo, ()),
        ),
        requirements=tuple(_content()["requirements"].get(repo, ())) if packages == "requirements.txt" else (),
        conda=tuple(_content()["conda"].get(repo, ())) if packages == "environment.yml" else (),
        edits=tuple(edits),
        install=install,
        flags=flags,
        test_command=_INSTEAD_OF_TOX if command == _TOX else _words(command),
        left_out=(*left_out, *([command] if command == _TOX else ())),
    )


def _installed(line: str) -> tuple[str, tuple[str, ...]]:
    """What a line of `pip install` or `setup.py install` installs of the repository, and with which flags."""
    if not line:
        return "", ()
    if "setup.py" in line:
        return ".", ()
    words = [word for word in shlex.split(line)[4:] if word not in _DROPPED_FLAGS]  # after `python -m pip install`
    targets = [word for word in words if not word.startswith("-")]
    return targets[0], tuple(word for word in words if word.startswith("-"))


def _words(command: str) -> tuple[str, ...]:
    words = shlex.split(command)
    return ("env", *words) if _ASSIGNMENT.match(words[0]) else tuple(words)
