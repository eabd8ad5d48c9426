"""Places of a domain's code, `file.py:name` in its folder or `package.module:name`, imported where the code runs."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from treadle.errors import DomainError
from treadle.plugins import described, is_place


def wrong_in_place(place: str) -> str | None:
    """What is wrong with a place, `None` for nothing."""
    file, colon, name = place.rpartition(":")
    if file.endswith(".py"):
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts:
            return f"found {place!r}; expected a file within the domain's folder"
        return None if colon and name.isidentifier() else f"found {place!r}; expected {file}:NAME"
    return None if is_place(place) else f"found {place!r}; expected file.py:name or package.module:name"


def imported_from(place: str, folder: Path, what: str) -> Any:
    """What stands at a place.

    A file may import its neighbours in the folder by their bare names (`import tables`).

    Args:
        folder: The domain's.
        what: Which key of it names the place, for messages.

    Raises:
        DomainError: The module cannot be imported, or has no such name.
    """
    file, _, name = place.rpartition(":")
    try:
        module = _module(folder / file) if file.endswith(".py") else importlib.import_module(file)
    except (Exception, SystemExit) as error:
        raise DomainError(f"{folder}: {what}: {file} cannot be imported ({described(error)})") from None
    if not hasattr(module, name):
        raise DomainError(f"{folder}: {what}: {file} has no {name!r}; mend {what}: {place} in domain.yaml")
    return getattr(module, name)


def _module(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    name = f"treadle_domain_{abs(hash(str(path.resolve()))):x}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    if (folder := str(path.parent.resolve())) not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
