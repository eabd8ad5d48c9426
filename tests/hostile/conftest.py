"""What every hostile test has at hand: a scratch folder, and the command line driven in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml

import treadle.training.trainer
from tests.conftest import make_tiny_model
from tests.hostile.driver import Treadle, drive
from treadle.miniature.tokenizer import build_tokenizer


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
    write_solutions(scratch / "solutions.jsonl")
    return scratch / "solutions.jsonl"


def write_solutions(file: Path) -> None:
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
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


@dataclass(frozen=True)
class Given:
    """What commands are given; nobody writes to it.

    Attributes:
        folder: Where all of it lies.
    """

    folder: Path

    def command(self, name: str, target: Path) -> list[object]:
        """The arguments with which a command writes to `target`.

        Args:
            name: A command, or `shard` or `regrade`, which are ways of `prepare` and `evaluate`.
        """
        here = self.folder
        tiny = ("--max-new-tokens", 4, "--max-step-tokens", 4, "--max-steps", 1, "--samples", 0, "--batch-size", 4)
        commands: dict[str, list[object]] = {
            "prepare": ["prepare", here / "solutions.jsonl", "-o", target],
            "shard": ["prepare", here / "solutions.jsonl", "--shard", "1/2", "-o", target],
            "merge": ["merge", here / "shard-1", here / "shard-2", "-o", target],
            "train": ["train", here / "recipe.yaml", f"output={json.dumps(str(target))}"],
            "evaluate": ["evaluate", here / "tiny", "--data", here / "problems.jsonl", "-o", target, *tiny],
            "regrade": ["evaluate", "--regrade", target],
            "view": ["view", target],
            "compare": ["compare", here / "run", here / "other", "-o", target],
            "grade": ["grade", here / "outputs.jsonl", "--column", "o", "--answer", "a", "--workers", 1, "-o", target],
            "quickstart": ["quickstart", "-o", target],
            "check": ["check", here / "tiny", "--json", target],
            "inspect": ["inspect", here / "solutions.jsonl", "--html", target],
        }
        return commands[name]

    def target(self, name: str, folder: Path) -> Path:
        """Where a command writes in `folder`: what is not there yet, or a run for those that write to one."""
        target = folder / "target"
        if name in ("regrade", "view"):
            shutil.copytree(self.folder / "run", target)
        return target


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Made once by the commands themselves."""
    here = tmp_path_factory.mktemp("given")
    given = Given(here)
    write_solutions(here / "solutions.jsonl")
    tokenizer = build_tokenizer()
    make_tiny_model(len(tokenizer)).save_pretrained(here / "tiny")
    tokenizer.save_pretrained(here / "tiny")
    problems = [{"problem": f"{n}+{n}", "answer": str(2 * n)} for n in range(3)]
    (here / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in problems))
    outputs = [{"o": f"\\boxed{{{n}}}", "a": "1"} for n in range(4)]
    (here / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in outputs))
    stage = {"kind": "sft", "max_steps": 1, "batch_size": 2, "micro_batch": 2, "gradient_checkpointing": False}
    stage |= {"warmup_ratio": 0.0}  # the only step is one that learns
    recipe = {"model": str(here / "tiny"), "data": str(here / "prepared"), "output": "out", "stages": [stage]}
    (here / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    made = [
        given.command("prepare", here / "prepared"),
        given.command("shard", here / "shard-1"),
        ["prepare", here / "solutions.jsonl", "--shard", "2/2", "-o", here / "shard-2"],
        given.command("evaluate", here / "run"),
        given.command("evaluate", here / "other"),
    ]
    for command in made:
        outcome = drive(here, *command)
        assert outcome.code == 0, outcome
    return given
