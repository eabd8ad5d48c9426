"""Arms of an example's study: trained by recipes, evaluated by commands, side by side, as anyone would run them.

Every arm is what `treadle train RECIPE` and `treadle evaluate MODEL` give; the files that they write are all that is
read here. What is done already is not done again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import TreadleError
from treadle.files.whole import write_whole

SOLVED, STEPS = "solved", "steps"
"""Folders of an arm's two evaluations: of whole problems, and of single steps beside the expert's."""


@dataclass(frozen=True)
class Arm:
    """One line of the table: the stages of its recipe, none for the base itself."""

    name: str
    title: str
    stages: tuple[dict[str, Any], ...] = ()


ORDER = ("base", "sft", "rlvr", "srl", "srl_rlvr")
"""In which a table shows the arms of `four_ways`."""

Stage = dict[str, Any]


def four_ways(sft: Stage, rlvr: Stage, srl: Stage, minutes: float) -> list[Arm]:
    """The base and four arms, each with as many minutes of training on the clock; longest first."""
    half = {"minutes": minutes / 2}
    return [
        Arm("srl_rlvr", "SRL then RLVR", ({**srl, **half}, {**rlvr, **half})),
        Arm("srl", "SRL", ({**srl, "minutes": minutes},)),
        Arm("rlvr", "RLVR", ({**rlvr, "minutes": minutes},)),
        Arm("sft", "SFT", ({**sft, "minutes": minutes},)),
        Arm("base", "base"),
    ]


@dataclass(frozen=True)
class Study:
    """What all arms share.

    Args:
        out: Folder of all that is written.
        base: The model that arms begin with.
        data: A prepared folder.
        domain: Folder of the domain.
        solved: Arguments of `treadle evaluate` that say which problems are solved, and how.
        seed: Of the recipes.
    """

    out: Path
    base: Path
    data: Path
    domain: Path
    solved: tuple[str, ...]
    seed: int = 0

    def run(self, arms: Iterable[Arm], workers: int = 2, said: Callable[[str], None] = print) -> dict[str, Path]:
        """Train and evaluate the arms, as many at a time as there are workers; each has one thread.

        Returns:
            Of each arm's name the folder of its evaluations.

        Raises:
            TreadleError: A command failed; the end of what it wrote is in the message.
        """
        with ThreadPoolExecutor(workers) as pool:
            found = {arm.name: pool.submit(self._arm, arm, said) for arm in arms}
            return {name: future.result() for name, future in found.items()}

    def seconds(self, arm: Arm) -> float:
        """Of training, as the stages' journals have it."""
        files = [self._stage(arm, number) / "metrics.jsonl" for number in range(1, len(arm.stages) + 1)]
        return sum(json.loads(file.read_text().splitlines()[-1])["seconds"] for file in files)

    def _arm(self, arm: Arm, said: Callable[[str], None]) -> Path:
        model, scores = self.base, self.out / arm.name / "scores"
        if arm.stages:
            model = self._stage(arm, len(arm.stages)) / "model"
            recipe = self.out / f"{arm.name}.yaml"  # JSON is YAML
            write_whole(recipe, json.dumps(self._recipe(arm), indent=1))
            if not (model / "config.json").is_file():
                treadle(self.out / f"{arm.name}-train.log", "train", str(recipe))
                said(f"{arm.title}: trained")
        domain, steps = ("--domain", str(self.domain)), ("--mode", "steps", "--data", str(self.data))
        for name, what in ((SOLVED, self.solved), (STEPS, steps)):
            if not (scores / name / "results.json").is_file():
                log = self.out / f"{arm.name}-{name}.log"
                treadle(log, "evaluate", str(model), *domain, *what, "-o", str(scores / name))
        said(f"{arm.title}: evaluated")
        return scores

    def _stage(self, arm: Arm, number: int) -> Path:
        return self.out / arm.name / f"{number}-{arm.stages[number - 1]['kind']}"

    def _recipe(self, arm: Arm) -> dict[str, Any]:
        return {
            "model": str(self.base),
            "data": str(self.data),
            "domain": str(self.domain),
            "output": str(self.out / arm.name),
            "seed": self.seed,
            "dtype": "float32",
            "threads": 1,
            "stages": list(arm.stages),
        }


def treadle(log: Path, *arguments: str) -> None:
    """Run a command of treadle in a process of its own with one thread; what it says goes to `log`.

    Raises:
        TreadleError: It failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    with log.open("w") as file:
        command = [sys.executable, "-m", "treadle.cli", *arguments]
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment, check=False)
    if done.returncode:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise TreadleError(f"treadle {arguments[0]} ended with code {done.returncode}; the end of {log}:\n{end}")


def success(scores: Path, benchmark: str, mode: str = "loop") -> str:
    """The greedy success rate of a set, with its 95% interval, as results.json has it."""
    found = json.loads((scores / SOLVED / "results.json").read_text())
    return percent(found["benchmarks"][benchmark]["modes"][mode]["greedy"]["accuracy"])


def similarity(scores: Path) -> tuple[str, str]:
    """The similarity of next steps to the expert's, and its floor: what a policy earns that has learned nothing."""
    steps = json.loads((scores / STEPS / "results.json").read_text())["steps"]
    return percent(steps["similarity"]), percent(steps["floor"])


def percent(estimate: dict[str, float]) -> str:
    """An estimate with its interval."""
    return f"{estimate['value']:.1%} [{estimate['low']:.1%}, {estimate['high']:.1%}]"


def as_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
