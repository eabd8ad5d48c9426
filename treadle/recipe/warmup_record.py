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
from typing import Any

from treadle.errors import OutputError
from treadle.files.whole import write_whole
from treadle.recipe.folders import by_one

FILE = "warmup.json"
_KEYS = ("goal", "shares", "goal_reached_at", "faults_before", "completions", "faults", "kept")


class WarmupRecord:
    """The file, read and written by one process for all.

    Args:
        folder: The stage's.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE

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
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
            return {name: found[name] for name in _KEYS}
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{self.file}: not as a warm-up writes it ({type(error).__name__}: {error}); remove it "
                f"(rm {self.file}), and the same command samples again"
            ) from None

    def _write(self, found: dict[str, Any]) -> None:
        write_whole(self.file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
