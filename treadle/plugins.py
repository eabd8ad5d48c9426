"""What other packages announce by entry points, and what a recipe names by its place: imported within a time, and named
with their module where they fail."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from treadle.limits import OutOfTime, time_limit

LOAD_SECONDS = 120.0
"""Of a package's import, which may bring a large library along."""


ON_THE_PATH = "the module has to be installed, or in a folder of PYTHONPATH: PYTHONPATH=. for a file in this folder"
"""What mends a place that cannot be imported."""


class NotImported(Exception):
    """What keeps an entry point from being imported, to follow its name in a message."""


def is_place(name: str) -> bool:
    """Whether a name is one of a place, `package.module:attribute`."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def imported(entry: EntryPoint) -> Any:
    """What an entry point stands for.

    Raises:
        NotImported: Its module or the name in it is not there, raises, ends the process or takes too long.
    """
    try:
        with time_limit(LOAD_SECONDS):
            return entry.load()
    except OutOfTime:
        raise NotImported(f"its import takes more than {LOAD_SECONDS:g} s") from None
    except (Exception, SystemExit) as error:
        raise NotImported(f"cannot be imported ({described(error)})") from None


def fault(entry: EntryPoint, kind: str, said: str) -> str:
    """The message on an announced thing that does not work: which it is, what was found, and what mends it.

    Args:
        kind: What it is, for instance `form`.
        said: What was found, and expected.
    """
    package = entry.dist.name if entry.dist else entry.module
    return (
        f"{kind} {entry.name!r} of the module {entry.module} (entry point of group {entry.group!r}): {said}; "
        f"mend the package {package}, or remove it (pip uninstall {package})"
    )


def described(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
