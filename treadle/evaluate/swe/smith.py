"""How SWE-smith's repositories are built and tested: facts of its profiles (MIT licence; `smith.json` holds them).

A profile names a Python, the commands that install the repository and the one that runs its tests. What else an image
of SWE-smith holds was dumped from an environment that an agent had set up, and has not been published: what tests need
is read from the repository instead. Not all tests of an image pass here, therefore; validation leaves those out.
"""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.specs import Spec

_EDITS = "sed -i "
_PIP = re.compile(r"(?:python -m )?pip install ")
_VALUED = ("-r", "--requirement")
_IN_DEV = "../dev/"  # how pytest names tests that it runs with the settings in /dev/null, as one profile does
_NEEDED = (  # of tests, where repositories keep it
    *("requirements-test.txt", "requirements-tests.txt", "requirements_test.txt", "test-requirements.txt"),
    *("test_requirements.txt", "requirements/test.txt", "requirements/tests.txt", "tests/requirements.txt"),
    *("requirements-dev.txt", "requirements_dev.txt", "dev-requirements.txt", "requirements/dev.txt"),
    "requirements.txt",
)


def smith_spec(instance: SweInstance) -> Spec:
    """The specification of an instance of SWE-smith.

    Raises:
        DataError: There is no profile of its repository at this commit, or its tests are not run by pytest.
    """
    name = f"{instance.repo.replace('/', '__')}.{instance.base_commit}"
    profile = _content()["repos"].get(name)
    if profile is None:
        raise DataError(
            f"{instance.instance_id}: no profile of {name} among the {len(_content()['repos'])} of SWE-smith that have "
            f"Python ({_content()['source']}); leave it out with --instance"
        )
    command = profile.get("test", _content()["test"])
    if "pytest " not in command or command.endswith(" -k"):
        raise DataError(
            f"{instance.instance_id}: the tests of {instance.repo} are run by {command!r}, and only pytest is run "
            "here; leave it out with --instance"
        )
    lines = profile.get("install", _content()["install"])
    pips = [shlex.split(_PIP.sub("", line)) for line in lines if _PIP.match(line)]
    words = [word for pip in pips if not _is_own(pip) for word in pip if not word.startswith("-")]
    own = next((word for pip in pips if _is_own(pip) for word in pip if word.startswith(".")), ".")
    given = [pip[at + 1] for pip in pips for at, word in enumerate(pip) if word in _VALUED]
    known = [line for line in lines if _PIP.match(line) or line.startswith((_EDITS, "python setup.py install"))]
    return Spec(
        python=profile.get("python", _content()["python"]),
        packages=tuple(word for word in words if word not in given),
        requirements=tuple(given) or _NEEDED,
        edits=tuple(line for line in lines if line.startswith(_EDITS)),
        install=own,
        left_out=tuple(line for line in lines if line not in known),
    )


def own_name(test: str) -> str:
    """A listed test as pytest names it from the repository's own folder."""
    return test.removeprefix(_IN_DEV)


def needed_files(spec: Spec, tree: Path) -> list[Path]:
    """The files of requirements that are there."""
    return [tree / name for name in spec.requirements if (tree / name).is_file()]


def _is_own(words: list[str]) -> bool:
    return any(re.match(r"\.(\[|$)", word) for word in words)


@cache
def _content() -> dict[str, Any]:
    return json.loads(files("treadle.evaluate.swe").joinpath("smith.json").read_text(encoding="utf-8"))
