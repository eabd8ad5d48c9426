"""How packages of an extra get into this environment: the line that an error tells.

A clone, a wheel and a repository's address each take another line, and no registry need have treadle. What pip wrote
down of its own installation (`direct_url.json`, PEP 610) says which it was; where nothing was, as for what came from a
registry, the extra's packages are named themselves, which is right anywhere.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "treadle"
_ORIGIN = "direct_url.json"
_ROOT = Path(__file__).parents[1]


def install(extra: str) -> str:
    """The command that installs an extra, with the pip of the environment that runs, ready for a shell."""
    found = list(distributions(name=_NAME))
    if not found:  # run from its folder, without an installation
        return f"{pip_install()} -e {shlex.quote(f'{_ROOT}[{extra}]')}"
    # In its folder the `treadle.egg-info` that a build left there comes before what pip wrote down.
    known = next((one for one in found if one.read_text(_ORIGIN)), found[0])
    return f"{pip_install()} {' '.join(_wanted(known, extra))}"


def pip_install() -> str:
    """`pip install` as it reaches the environment that runs, which need not be the one whose `pip` is on the path."""
    if find_spec("pip") is None:  # uv makes environments without it
        return f"uv pip install --python {shlex.quote(sys.executable)}"
    if sys.prefix in (os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX")):
        return "pip install"
    return f"{shlex.quote(sys.executable)} -m pip install"


def _wanted(found: Distribution, extra: str) -> list[str]:
    """What pip is asked for, quoted."""
    origin = json.loads(found.read_text(_ORIGIN) or "{}")
    url = origin.get("url", "")
    if "dir_info" in origin:
        folder = Path(url2pathname(urlsplit(url).path))
        if folder.is_dir():
            editable = ["-e"] if origin["dir_info"].get("editable") else []
            return [*editable, shlex.quote(f"{folder}[{extra}]")]
    elif "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return [shlex.quote(f"{_NAME}[{extra}] @ {vcs['vcs']}+{url}@{vcs['commit_id']}")]
    elif url:
        return [shlex.quote(f"{_NAME}[{extra}] @ {url}")]
    return [shlex.quote(package) for package in packages(found.requires or (), extra)]


def packages(requires: list[str] | tuple[str, ...], extra: str) -> list[str]:
    """Of requirements in a package's metadata those of an extra, without their markers."""
    parted = (requirement.partition(";") for requirement in requires)
    return [wanted.strip() for wanted, _, marker in parted if f'extra == "{extra}"' in marker.replace("'", '"')]
