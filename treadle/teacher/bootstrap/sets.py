"""The problems of bootstrapping: to learn from and to test on, and an expert's solutions where there are some."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from treadle.data.curate.problems import known_name
from treadle.data.prepared import Prepared, Split
from treadle.domains.registry import use
from treadle.errors import RecipeError
from treadle.evaluate.benchmarks import Benchmark, load_data, load_known, split_name
from treadle.evaluate.known_sets import KNOWN, plain_text
from treadle.teacher.bootstrap.schema import Bootstrap
from treadle.trajectory import Trajectory


@dataclass(frozen=True)
class Sets:
    """What rounds sample from and are tested on.

    Args:
        experts: Trajectories of `problems` by id, where these are a prepared folder and prefixes are asked for.
    """

    problems: Benchmark
    held_out: Benchmark
    experts: dict[str, Trajectory] = field(default_factory=dict)


def load_sets(rounds: Bootstrap) -> Sets:
    """Read both sets.

    Raises:
        DataError: One cannot be read, or is not the published set of its name.
        RecipeError: A problem is in both, or prefixes are asked for where there are no steps.
    """
    problems, held_out = _load(rounds, rounds.problems, rounds.split), _load(rounds, rounds.held_out, "heldout")
    tested = {plain_text(problem.problem): problem.id for problem in held_out.problems}
    both = [problem for problem in problems.problems if plain_text(problem.problem) in tested]
    if both:
        raise RecipeError(
            f"bootstrap.held_out: {len(both)} of {len(tested)} problems are in bootstrap.problems too, the first as "
            f"{both[0].id!r} of {problems.source}; take them out of one of the two"
        )
    experts: dict[str, Trajectory] = {}
    if rounds.help == "prefix":
        folder = split_name(rounds.problems)[1]
        if not folder.is_dir():
            raise RecipeError(
                f"bootstrap.help: prefix needs an expert's steps, and {rounds.problems} is no prepared folder; give "
                "one that `treadle prepare` wrote, or set help: answer"
            )
        experts = {t.id: t for t in Prepared(folder).trajectories(rounds.split) if len(t.steps) > 1}
    return Sets(problems, held_out, experts)


def _load(rounds: Bootstrap, given: str, split: Split) -> Benchmark:
    if known_name(given.split("@")[0]) in KNOWN and not Path(given).exists():
        return load_known(given)
    return load_data(given, split, rounds.columns, use(rounds.domain).name, rounds.kind)
