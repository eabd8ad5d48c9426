"""Checkpoints that appear whole: written aside, hashed, synced, renamed; and finding the last good one.

    FOLDER/checkpoint-40                  whole: its `checkpoint.json` lists every file with size and SHA-256
    FOLDER/.checkpoint.partial            being written; of no worth after a kill
    FOLDER/.checkpoint-20.removed         being removed

The manifest is written last, after everything that it lists is on the disk, and the folder gets its name after that.
An older checkpoint is removed only then. What is checked is that a file holds the bytes that were written; the bytes of
a process that computed nonsense pass.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from treadle.errors import OutputError
from treadle.files.digests import DAMAGED, listed, problem_in
from treadle.files.links import remove
from treadle.files.whole import remove_folder, sync_folder, write_whole
from treadle.training.resume.readable import unreadable

MANIFEST = "checkpoint.json"
_ASIDE = ".checkpoint.partial"
_NAME = re.compile(rf"{PREFIX_CHECKPOINT_DIR}-(\d+)")


def aside(folder: Path) -> Path:
    """Where the checkpoints of `folder` are written before they get their names."""
    return folder / _ASIDE


def step_of(checkpoint: Path) -> int:
    """Optimizer steps done before the checkpoint was saved."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def checkpoints_in(folder: Path) -> list[Path]:
    """All checkpoints, whole or damaged, newest first."""
    found = [path for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of, reverse=True)


def seal(checkpoint: Path, processes: int) -> None:
    """Add the manifest to a checkpoint whose files are on the disk.

    Args:
        checkpoint: A folder named after its step.
        processes: How many processes saved it.
    """
    files = (path for path in checkpoint.rglob("*") if path.is_file() and path.name != MANIFEST)
    content = {"step": step_of(checkpoint), "processes": processes, "files": listed(checkpoint, files)}
    write_whole(checkpoint / MANIFEST, json.dumps(content, indent=1) + "\n")


def publish(written: Path, folder: Path) -> Path:
    """Give a sealed checkpoint its name in `folder`; returns where it is. One that had the name before is replaced."""
    target = folder / written.name
    if os.path.lexists(target):  # damaged, or of a run that went on from an earlier checkpoint
        remove_folder(target)
    written.rename(target)
    sync_folder(folder)
    written.parent.rmdir()
    return target


def rotate(folder: Path, newest: Path, keep: int | None, best: Path | None = None, later: bool = True) -> None:
    """Remove the checkpoints that are not needed any more, each renamed first, so that none is ever half there.

    Args:
        newest: The checkpoint that the run would continue from.
        keep: How many to keep, the newest ones; `None` keeps all.
        best: Kept besides those.
        later: Also remove those of later steps than `newest`: damaged ones that the run had passed over.
    """
    past = [path for path in checkpoints_in(folder) if step_of(path) <= step_of(newest)]
    for path in checkpoints_in(folder):
        unneeded = path not in past[: keep or None] if path in past else later
        if unneeded and path not in (newest, best):
            remove_folder(path)


def clean(folder: Path) -> None:
    """Remove what a killed process left half written or half removed."""
    for path in (aside(folder), *folder.glob(f".{PREFIX_CHECKPOINT_DIR}-*.removed")):
        remove(path)


def remove_all(folder: Path) -> None:
    """Remove every checkpoint: the stage is finished and does not need them."""
    for path in checkpoints_in(folder):
        remove_folder(path)
    clean(folder)


def last_good(folder: Path) -> Path | None:
    """The newest whole checkpoint, `None` where there is no checkpoint at all.

    Damaged ones are named on stderr and passed over.

    Raises:
        OutputError: There are checkpoints and all of them are damaged.
    """
    found = checkpoints_in(folder)
    damaged = []
    for path in found:
        problem = problem_of(path)
        if problem is None:
            return path
        damaged.append(f"{path}: {problem}")
        print(f"treadle: skipping a damaged checkpoint, {damaged[-1]}", file=sys.stderr)
    if damaged:
        raise OutputError(
            f"no checkpoint in {folder} can be used: {'; '.join(damaged)}. To start this stage anew, remove its "
            f"folder: rm -r {folder}"
        )
    return None


def problem_of(checkpoint: Path, hashes: bool = True) -> str | None:
    """What is wrong with a checkpoint, found against expected; `None` if it is whole. A link is none of treadle's.

    Args:
        hashes: Read all files; else only their sizes are compared.
    """
    if checkpoint.is_symlink():
        return f"is a link to {os.readlink(checkpoint)}; put the folder itself there"
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        files = manifest["files"]
    except FileNotFoundError:
        return f"has no {MANIFEST}, which is written last, so it was not finished"
    except (ValueError, KeyError, TypeError):
        files = None
    if not isinstance(files, dict) or not all(isinstance(e, dict) and "bytes" in e for e in files.values()):
        return f"{MANIFEST} is no list of files as treadle writes it"
    problem = problem_in(checkpoint, files, hashes)
    if problem == DAMAGED:
        return f"{MANIFEST} is no list of files as treadle writes it"
    return problem or (unreadable(checkpoint) if hashes else None)
