"""Write the questions with the expert's trajectories: `python -m examples.data_analysis.make -o runs/data_analysis`.

Four files of treadle's own form, one for each use: `experts.jsonl` to learn from, `known.jsonl` with other questions of
the same families, `validation.jsonl` and `held_out.jsonl` with families of which nothing is learned. No question's text
occurs twice, in one file or in two, and no two files have tables of one seed. The expert is the program in
`families`; what the tables answer to its statements, and the rows that its last one gives, come from the world.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.data_analysis.families import Draw, Family, draw_slots, of_split
from examples.data_analysis.seeded_tables import FIELDS
from examples.data_analysis.verdict import as_answer
from examples.data_analysis.world import World
from treadle.data.sources.native import to_row
from treadle.domains.domain import Task
from treadle.trajectory import Step, Trajectory

DOMAIN = "data_analysis"
TRIES = 40  # draws for one question; some families have few different ones


@dataclass(frozen=True)
class Use:
    """A file of questions.

    Args:
        splits: Of the families.
        each: Questions of a family.
        first_seed: Of its tables; there are as many seeds as questions of a family.
    """

    name: str
    splits: tuple[str, ...]
    each: int
    first_seed: int


USES = (
    Use("experts", ("easy", "known"), 13, 0),
    Use("known", ("easy", "known"), 5, 100),
    Use("validation", ("validation",), 30, 200),
    Use("held_out", ("held_out",), 25, 300),
)


def trajectories(use: Use, asked: set[str]) -> Iterator[Trajectory]:
    """The questions of a file with the expert's answers.

    Args:
        asked: Questions that there are already; those of this file are added.
    """
    for family in of_split(*use.splits):
        rng = random.Random(f"{use.name}/{family.name}")
        for number in range(use.each):
            for _ in range(TRIES):
                tables = rng.choice(list(FIELDS))
                draw = draw_slots(rng, FIELDS[tables])
                problem = f"{FIELDS[tables].schema}\nQuestion: {family.question(rng, draw)}"
                setup = {"tables": tables, "seed": use.first_seed + number}
                id = f"{use.name}-{family.name}-{number}"
                if problem not in asked and (found := solved(id, problem, family, draw, setup)) is not None:
                    asked.add(problem)
                    yield found
                    break


def solved(id: str, problem: str, family: Family, draw: Draw, setup: dict[str, Any]) -> Trajectory | None:
    """The expert's trajectory; `None` where a question has no one answer: no rows, nothing to add up, or a tie."""
    world = World()
    world.reset(Task(id, problem, setup=setup))
    statements = family.statements(draw)
    observations = [world.step(statement)[0] for statement in statements]
    rows = world.result
    tied = _tied(world, statements[-1])
    world.close()
    if not rows or any(value is None for row in rows for value in row) or tied:
        return None
    steps = zip(statements, family.titles, family.reasons(draw), observations, strict=True)
    return Trajectory(
        id=id,
        problem=problem,
        steps=tuple(Step(action, title, thought, observation) for action, title, thought, observation in steps),
        answer=as_answer(rows, family.ordered),
        domain=DOMAIN,
        verified=True,
        meta={"family": family.name, "setup": setup},
    )


def _tied(world: World, statement: str) -> bool:
    """Whether a statement puts rows in order by a last column in which two are alike where the order counts."""
    if "ORDER BY" not in statement:
        return False
    world.step(statement.removesuffix(" LIMIT 1"))
    values = [row[-1] for row in world.result][: 2 if "LIMIT" in statement else None]
    return len(set(values)) < len(values)


def write(out: Path) -> dict[str, int]:
    """Write the four files, and count their questions."""
    out.mkdir(parents=True, exist_ok=True)
    asked: set[str] = set()
    counts = {}
    for use in USES:
        rows = [json.dumps(to_row(found)) for found in trajectories(use, asked)]
        (out / f"{use.name}.jsonl").write_text("\n".join(rows) + "\n")
        counts[use.name] = len(rows)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    for name, count in write(parser.parse_args().out).items():
        print(f"{count:4d} questions in {name}.jsonl")


if __name__ == "__main__":
    main()
