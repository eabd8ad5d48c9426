"""Whether a run folder still has what its figures were made from."""

from __future__ import annotations

from pathlib import Path

from treadle.errors import OutputError
from treadle.evaluate.runs import GENERATIONS, OBSERVATIONS, PROBLEMS, RESULTS, SAMPLES, STEPS
from treadle.evaluate.store import read_json
from treadle.files.digests import Listed, listed


def written_files(folder: Path) -> Listed:
    """Sizes and hashes of the files that belong to a run's figures, and how many generations the journal holds, for
    results.json."""
    names = (PROBLEMS, GENERATIONS, OBSERVATIONS, SAMPLES, STEPS)
    files = listed(folder, [folder / name for name in names if (folder / name).is_file()])
    files[GENERATIONS]["lines"] = _lines(folder / GENERATIONS)
    return files


def check_journal(folder: Path) -> None:
    """Raise `OutputError` where a run's journal has lost generations.

    Without a model they cannot be generated again, and figures made from the rest would replace the whole ones.
    """
    lost = lost_generations(folder) if (folder / GENERATIONS).is_file() else "no such file"
    if lost is not None:
        raise OutputError(
            f"{folder / GENERATIONS}: {lost}; restore the file, or generate again what is missing: the same "
            "`treadle evaluate MODEL -o` as before"
        )


def lost_generations(folder: Path) -> str | None:
    """What says that a run's journal lost generations since figures were made from it; `None` where it did not."""
    before = _lines_before(folder / RESULTS)
    found = _lines(folder / GENERATIONS)
    return f"{found:,} of {before:,} generations are left" if found < before else None


def _lines_before(results: Path) -> int:
    """How many generations figures were made from; 0 where that is not known, also as they are damaged: what is
    missing then shows in the figures, and they can be made again."""
    try:
        files = read_json(results, "").get("files")
    except OutputError:
        return 0
    entry = files.get(GENERATIONS) if isinstance(files, dict) else None
    lines = entry.get("lines") if isinstance(entry, dict) else None
    return lines if isinstance(lines, int) else 0


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(line.endswith(b"\n") for line in file)
