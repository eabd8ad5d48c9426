"""What `treadle evaluate` is asked to solve: problems, samples of each, and the expert's next steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.data.prompts import Asking
    from treadle.evaluate.benchmarks import Benchmark
    from treadle.trajectory import StepInstance


def sample_counts(given: list[str]) -> tuple[int | None, dict[str, int]]:
    """`--samples`: the number that holds everywhere, and those of single sets."""
    from treadle.data.curate.problems import known_name

    everywhere, by_name = None, {}
    for text in (part for option in given for part in option.split(",")):
        name, _, count = text.rpartition("=")
        if not count.isdecimal():
            raise TreadleError(f"--samples {text}: expected a number, or NAME=NUMBER for one benchmark")
        if name:
            by_name[known_name(name)] = int(count)
        else:
            everywhere = int(count)
    return everywhere, by_name


def sets_of(
    named: list[str] | None,
    folder: Path | None,
    data: list[str] | None,
    split: str,
    columns: str | None,
    domain: str = "math",
    kind: str | None = None,
    choices_seed: int = 0,
) -> list[Benchmark]:
    """The problems of `--benchmark` and `--data`, each set under a name of its own."""
    from treadle.evaluate.benchmarks import load_data, load_known
    from treadle.evaluate.domain_sets import SLASH, load_set
    from treadle.evaluate.known_sets import PAPER

    names = [name for option in named or [] for name in option.split(",")]
    names = [each for name in names for each in (PAPER if name == "all" else [name])]
    sets = [
        load_set(name, choices_seed) if SLASH in name else load_known(name, folder, choices_seed)
        for name in dict.fromkeys(names)
    ]
    sets += [load_data(given, split, columns, domain, kind, choices_seed) for given in data or []]
    if not sets:
        raise TreadleError("no problems: name a benchmark with --benchmark amc23, or give a file with --data FILE")
    taken = [s.name for s in sets]
    if twice := next((name for name in taken if taken.count(name) > 1), None):
        raise TreadleError(f"two sets have the name {twice!r}; give one of them another with --data NAME=PATH")
    return sets


def instances_of(
    data: list[str] | None, split: str, limit: int | None, asking: Asking | None = None
) -> dict[Path, list[StepInstance]]:
    """The step instances of each prepared folder among `data`; with a limit those of its first trajectories."""
    from treadle.data.prepared import Prepared
    from treadle.data.prompts.asking import PLAIN
    from treadle.evaluate.benchmarks import split_name

    found: dict[Path, list[StepInstance]] = {}
    for given in data or []:
        path = split_name(given)[1]
        if path.is_dir():
            trajectories: set[str] = set()
            for instance in Prepared(path).instances(split, asking or PLAIN):
                trajectories.add(instance.trajectory_id)
                if limit is not None and len(trajectories) > limit:
                    break
                found.setdefault(path, []).append(instance)
    if not found:
        raise TreadleError("--mode steps: no expert's steps; give a folder made by `treadle prepare` with --data")
    return found
