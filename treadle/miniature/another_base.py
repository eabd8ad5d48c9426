"""The main arms of `treadle quickstart --full` on another base, which shows how much is one base's luck.

The other base is made as the shipped one was, from another seed, which takes one thread 25 minutes, or it is given. The
hard problems are its own: those that it never solves.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path

from treadle.errors import OutputError
from treadle.miniature.arms import Arm
from treadle.miniature.jobs import Job
from treadle.miniature.work import Start, write_json
from treadle.miniature.worksheets import PretrainSettings

FOLDER = "another-base"
SEED = 1
NAMES = ("base", "srl", "rlvr", "srl_rlvr", "prefix_reverse")
"""Its arms. Of the prefix policies the reverse curriculum, which the paper compares with: chosen before any result."""


def arms_on_it(arms: Iterable[Arm]) -> list[Arm]:
    return [arm for arm in arms if arm.name in NAMES]


def start(out: Path) -> Start:
    """What its arms begin with."""
    return Start(
        str(_model(out)), name="another/", title=", another base", needs=(making(out, PretrainSettings()).name,)
    )


def making(out: Path, settings: PretrainSettings) -> Job:
    """The job that makes the base."""
    steps = sum(part.steps for part in settings.parts)
    place = out / FOLDER
    return Job(
        "another-base", "another base", make, (out, settings), place / "base.json", (), place / "metrics.jsonl", steps
    )


def make(out: Path, settings: PretrainSettings) -> str:
    """Worker: pretrain the base."""
    from treadle.miniature.pretrain import pretrain

    with redirect_stdout(io.StringIO()):
        pretrain(_model(out), SEED, settings, progress=out / FOLDER)
    _mark(out)
    return f"pretrained from seed {SEED}"


def take(base: Path, out: Path) -> None:
    """Use a base that is there already.

    Raises:
        OutputError: There is no such base, or results of another one are in `out`.
    """
    if not (base / "model.safetensors").is_file():
        raise OutputError(
            f"{base}: found no model.safetensors, expected a base as `python -m treadle.miniature.pretrain {base} "
            f"--seed {SEED}` makes one"
        )
    if not _mark_file(out).is_file():
        shutil.copytree(base, _model(out), dirs_exist_ok=True)
        _mark(out)
    elif _digest(base) != _digest(_model(out)):
        raise OutputError(
            f"{out / FOLDER}: holds results of another base than {base}; choose another folder with -o, or remove "
            f"them: rm -r {out / FOLDER}"
        )


def _model(out: Path) -> Path:
    return out / FOLDER / "model"


def _mark_file(out: Path) -> Path:
    return making(out, PretrainSettings()).product


def _mark(out: Path) -> None:
    """Say that the base is whole."""
    write_json(_mark_file(out), {"sha256": _digest(_model(out))})


def _digest(model: Path) -> str:
    return hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
