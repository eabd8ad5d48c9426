"""Run one of this folder's modules on a tiny model: it forks the ranks of its cases, after importing TRL once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from tests.conftest import ROOT, make_tiny_model


def run_cases(module: str, folder: Path, vocabulary: int) -> Path:
    """Run `tests.distributed.MODULE FOLDER`; what it said on stderr is in `FOLDER/stderr`."""
    make_tiny_model(vocabulary).double().save_pretrained(folder / "model")
    command = [sys.executable, "-m", f"tests.distributed.{module}", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ended.returncode == 0, ended.stderr[-3000:]
    (folder / "stderr").write_text(ended.stderr)
    return folder


def result(folder: Path, case: str, world: int) -> dict[str, Any]:
    """What a case left, all of whose processes must have ended well."""
    ended = json.loads((folder / f"{case}.json").read_text())
    assert ended["exit_codes"] == [0] * world, f"{ended}\n{(folder / 'stderr').read_text()[-3000:]}"
    return torch.load(folder / f"{case}.pt", weights_only=False)
