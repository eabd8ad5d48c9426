"""`warmup.json` in a warm-up stage's folder: what was sampled and kept, and the share of well-formed completions.

goal, goal_reached_at      the share that ends the stage, and after how many steps it was reached
shares                     that share without examples, before and after each few steps
faults_before              format faults without examples, before
completions, faults        how many were sampled with examples, and their format faults
kept                       pairs of a sampled prompt's number and the text that is trained on under it
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Strict
from typing_extensions import TypedDict

from treadle.files.typed import STRICT, Count, Number, checked, read_object
from treadle.files.whole import write_whole
from treadle.recipe.folders import by_one

FILE = "warmup.json"


class _Share(TypedDict):
    step: Count
    share: Number


class _Record(TypedDict):
    __pydantic_config__ = STRICT  # for what is in it, too
    goal: Number
    shares: list[_Share]
    goal_reached_at: Count | None
    faults_before: dict[str, Count]
    completions: Count
    faults: dict[str, Count]
    kept: list[Annotated[tuple[Annotated[Count, Strict()], Annotated[str, Strict()]], Strict(False)]]


class WarmupRecord:
    """The file, read and written by one process for all.

    Args:
        folder: The stage's.

    Attributes:
        remedy: What mends a file that is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self.remedy = f"remove it (rm {self.file}), and the same command samples again"

    def read(self) -> dict[str, Any] | None:
        """Its content, `None` before anything was sampled.

        Raises:
            OutputError: It is damaged.
        """
        return by_one(lambda: self._read() if self.file.is_file() else None)

    def write(self, found: dict[str, Any]) -> None:
        """Write it anew, whole."""
        by_one(lambda: self._write(found))

    def note(self, step: int, share: float, reached: bool) -> None:
        """Add a measurement; those of later steps, of a run that was killed, are taken out."""

        def added() -> None:
            found = self._read()
            earlier = [point for point in found["shares"] if point["step"] < step]
            found["shares"] = [*earlier, {"step": step, "share": round(share, 4)}]
            found["goal_reached_at"] = step if reached else None
            self._write(found)

        by_one(added)

    def _read(self) -> dict[str, Any]:
        return dict(checked(_Record, read_object(self.file, self.remedy), str(self.file), self.remedy))

    def _write(self, found: dict[str, Any]) -> None:
        write_whole(self.file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
