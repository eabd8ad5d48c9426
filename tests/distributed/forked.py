"""Run one of this folder's modules on a tiny model: it forks the ranks of its cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.conftest import make_tiny_model
from tests.processes import forked


def run_cases(module: str, folder: Path, vocabulary: int) -> Path:
    """Run `tests.distributed.MODULE FOLDER`; what it said is in `FOLDER/said`."""
    make_tiny_model(vocabulary).double().save_pretrained(folder / "model")
    with forked(f"tests.distributed.{module}", folder, out=folder / "said") as process:
        assert process.wait(400) == 0, process.output[-3000:]
    return folder


def result(folder: Path, case: str, world: int) -> dict[str, Any]:
    """What a case left, all of whose processes must have ended well."""
    ended = json.loads((folder / f"{case}.json").read_text())
    assert ended["exit_codes"] == [0] * world, f"{ended}\n{(folder / 'said').read_text()[-3000:]}"
    return torch.load(folder / f"{case}.pt", weights_only=False)
