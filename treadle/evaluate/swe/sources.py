"""Where the tasks of a run and the predictions of grades were read, written down so that they are found again.

Files and folders are written relative to the folder that records them, so that both can be moved together.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired

from typing_extensions import TypedDict


class Place(TypedDict, total=False):
    """A `path`, relative to the folder that records it, or a data set `id` of the Hugging Face hub."""

    path: str
    id: str


class RecordedTasks(TypedDict):
    """The tasks as a command was given them."""

    source: Place
    split: NotRequired[str | None]


@dataclass(frozen=True)
class TaskSource:
    """A set of tasks, see `treadle.evaluate.swe.instances.read_instances`."""

    source: str
    split: str | None = None

    def recorded(self, folder: Path) -> RecordedTasks:
        """As `folder` records it."""
        return {"source": recorded(self.source, folder), "split": self.split}


def recorded(source: str | Path, folder: Path) -> Place:
    """A place as `folder` records it."""
    if not Path(source).exists():
        return {"id": str(source)}
    return {"path": os.path.relpath(Path(source).resolve(), folder.resolve())}


def found(place: Place, folder: Path) -> str:
    """The place that `folder` recorded, as it is reached from here."""
    if "id" in place or "path" not in place:
        return place.get("id", "")
    whole = Path(os.path.normpath(folder.resolve() / place["path"]))
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)
