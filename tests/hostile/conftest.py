"""What every hostile test has at hand: a scratch folder, and the command line driven in it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

import treadle.training.trainer
from tests.hostile.driver import Treadle, drive


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder of one's own; what is around it belongs to the test, too, and should not change."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def treadle(scratch: Path) -> Treadle:
    """The command line, run in the scratch folder."""
    return partial(drive, scratch)


@pytest.fixture
def solutions(scratch: Path) -> Path:
    """Four expert solutions of three steps each."""
    rows = [
        {
            "id": f"p{n}",
            "domain": "math",
            "problem": f"What is {n} + {n} + 1?",
            "steps": [
                {"title": "Add", "action": f"{n} + {n} = {2 * n}."},
                {"title": "Add one", "action": f"{2 * n} + 1 = {2 * n + 1}."},
                {"title": "Answer", "action": f"The answer is \\boxed{{{2 * n + 1}}}."},
            ],
            "meta": {"answer": str(2 * n + 1)},
        }
        for n in range(3, 7)
    ]
    file = scratch / "solutions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
