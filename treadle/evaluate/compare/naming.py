"""How the rows of a comparison are made of folders and named, and how their differences are put into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from treadle.errors import TreadleError
from treadle.recipe.model_names import short_names


class Opened(Protocol):
    """What is read from a folder."""

    @property
    def folder(self) -> Path: ...


R = TypeVar("R", bound=Opened)


def named(
    folders: Sequence[str | Path], groups: Sequence[str], read: Callable[[Path], R], model: Callable[[R], Any]
) -> list[tuple[str, tuple[R, ...]]]:
    """Open folders, each a row of its own or with others in a group, in the order given, groups last.

    Args:
        folders: One that a group names too stands in the group only.
        groups: `NAME=FOLDER,FOLDER`.
        read: Opens a folder.
        model: The name of what was run, by which a row is called where that tells the rows apart.

    Raises:
        TreadleError: A group is not written so, a name or a folder comes twice, or there is nothing to compare.
    """
    grouped = [group(text) for text in groups]
    taken = [path.resolve() for _, paths in grouped for path in paths]
    single = [path for path in map(Path, folders) if path.resolve() not in taken]
    for path, count in Counter([*taken, *(p.resolve() for p in single)]).items():
        if count > 1:
            raise TreadleError(f"{path}: given {count} times; a run compared with itself says nothing, name it once")
    opened = [read(path) for path in single]
    rows = [(name, (one,)) for name, one in zip(_labels(opened, model), opened, strict=True)]
    rows += [(name, tuple(map(read, paths))) for name, paths in grouped]
    if not rows:
        raise TreadleError("no runs: expected treadle compare RUN RUN ..., or --group NAME=RUN,RUN")
    for name, count in Counter(name for name, _ in rows).items():
        if count > 1:
            raise TreadleError(f"{count} arms are named {name!r}; give the group another name with --group NAME=...")
    return rows


def group(text: str) -> tuple[str, list[Path]]:
    """The name and the folders of a group."""
    name, equals, listed = text.partition("=")
    paths = [Path(part) for part in listed.split(",") if part]
    if not (name and equals and paths):
        raise TreadleError(f"--group {text!r}: expected NAME=RUN,RUN")
    return name, paths


def _labels(opened: Sequence[R], model: Callable[[R], Any]) -> list[str]:
    """The model's name if that tells the folders apart, as long as it has to be, else the folder's, else its path."""
    models = [str(model(one) or one.folder) for one in opened]
    names = (
        short_names(models),
        [one.folder.resolve().name for one in opened],
        [str(one.folder) for one in opened],
    )
    return next((found for found in names if len(set(found)) == len(opened)), names[-1])


def baseline_of(rows: Sequence[tuple[str, Sequence[Opened]]], wanted: str | None) -> str:
    """The row that the others are tested against: by its name, or the folder of its only run; by default the first.

    Raises:
        TreadleError: There is none of that name.
    """
    if wanted is None:
        return rows[0][0]
    for name, opened in rows:
        if wanted in (name, *(str(one.folder) for one in opened if len(opened) == 1)):
            return name
    raise TreadleError(f"--baseline {wanted}: no such run; expected one of {', '.join(name for name, _ in rows)}")


def by_value(given: Iterable[tuple[R, Any]]) -> dict[str, list[R]]:
    """The folders by what they have."""
    values: dict[str, list[R]] = {}
    for one, value in given:
        values.setdefault(str(value), []).append(one)
    return values


def listed_values(values: dict[str, list[R]]) -> str:
    """Each value with the folders that have it."""
    return "; ".join(f"{value} ({', '.join(str(one.folder) for one in found)})" for value, found in values.items())


def few_seeds(rows: Sequence[tuple[str, Sequence[Any]]]) -> list[str]:
    """What has to be said of rows of two or three runs."""
    return [
        f"{name}: {len(opened)} runs say little about the spread between seeds; its intervals may be too narrow."
        for name, opened in rows
        if 1 < len(opened) < 4
    ]
