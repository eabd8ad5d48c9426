"""Domains by name: treadle's own, those that packages announce, and folders that the user names.

A folder that was named (`--domain ./field`, `domain: ./field` in a recipe) counts in this process and in those that it
starts, which find it in the variable `TREADLE_DOMAINS`: the folders, parted as those of `PATH` are.
"""

from __future__ import annotations

import difflib
import os
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from treadle.domains.domain import Domain
from treadle.domains.folder import read_folder
from treadle.errors import DomainError
from treadle.plugins import NotImported, fault, imported

ENTRY_POINTS = "treadle.domains"
VARIABLE = "TREADLE_DOMAINS"
BUILT_IN = ("agent", "lean", "math", "miniature", "python")


def find(name: str) -> Domain:
    """The domain of a name.

    Raises:
        DomainError: There is none; the nearest is named, and how a folder is given.
    """
    known = _known(os.environ.get(VARIABLE, ""))
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"found {', '.join(known)};"
    raise DomainError(
        f"no domain {name!r}: {hint} a domain of your own is given by its folder: --domain FOLDER, `domain: FOLDER` in "
        f"a recipe, or the variable {VARIABLE}=FOLDER"
    )


def get(name: str) -> Domain | None:
    """As `find`, and `None` where there is none: for pages, which show data without what its domain would add."""
    return _known(os.environ.get(VARIABLE, "")).get(name)


def by_folder(domain: Domain) -> bool:
    """Whether a domain is known because its folder was named, so that another command needs its folder, too."""
    return domain.folder in _folders(os.environ.get(VARIABLE, ""))


def names() -> list[str]:
    """The domains that there are."""
    return list(_known(os.environ.get(VARIABLE, "")))


def use(given: str) -> Domain:
    """The domain that a user names, by its name or its folder; a folder counts from now on.

    Raises:
        DomainError: There is none, or another of this name.
    """
    path = Path(given)
    if given in names() or not (path.is_dir() or os.sep in given or given.startswith(".")):
        return find(given)
    folder = path.resolve()
    if os.pathsep in str(folder):
        raise DomainError(f"{folder}: a domain's folder cannot have {os.pathsep!r} in its path; give it another name")
    name = read_folder(folder).name
    named = os.environ.get(VARIABLE, "")
    if folder not in _folders(named):
        added = os.pathsep.join(filter(None, (named, str(folder))))
        _known(added)  # raises, and then nothing is added
        os.environ[VARIABLE] = added
    return find(name)


def _folders(named: str) -> list[Path]:
    """The folders of the variable, in full: one may be named relative to where the command is given, too."""
    return [Path(folder).resolve() for folder in named.split(os.pathsep) if folder]


@cache
def _known(folders: str) -> dict[str, Domain]:
    found = {**{name: read_folder(Path(__file__).parent / name) for name in BUILT_IN}, **_announced()}
    for folder in _folders(folders):
        if not folder.is_dir():
            raise DomainError(f"{VARIABLE}: no folder {folder}; take it out of the variable, or name where it is now")
        domain = read_folder(folder)
        if domain.name in found and domain != found[domain.name]:
            raise DomainError(
                f"{folder}: the name {domain.name!r} is {_whose(found[domain.name])}; give the domain another name in "
                "its domain.yaml"
            )
        found[domain.name] = domain
    return found


@cache
def _announced() -> dict[str, Domain]:
    found: dict[str, Domain] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            domain = imported(entry)
        except NotImported as error:
            raise DomainError(fault(entry, "domain", str(error))) from None
        if not isinstance(domain, Domain):
            said = f"found {type(domain).__name__}, expected a Domain, such as treadle.domains.folder.read_folder(...)"
            raise DomainError(fault(entry, "domain", said))
        if domain.name in BUILT_IN or domain.name in found:
            by = "treadle's own" if domain.name in BUILT_IN else f"that of {found[domain.name].folder}"
            raise DomainError(fault(entry, "domain", f"the name {domain.name!r} is {by}"))
        found[domain.name] = domain
    return found


def _whose(domain: Domain) -> str:
    own = domain.folder.parent == Path(__file__).parent
    return "one of treadle's own" if own else f"that of {domain.folder}"
