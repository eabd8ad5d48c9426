"""Write the experts and the problem sets: `python -m examples.supply_chain.make [FOLDER] [--seed S]`.

Experts are a solver's plans, written step by step with their reasons and with what the environment answered. The sets
hold no instance twice, neither within a set nor between two.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from examples.supply_chain import lots, reorder, routes, transport
from examples.supply_chain.world import World, text
from treadle.domains.domain import Task
from treadle.files.whole import write_whole

HERE = Path(__file__).parent
FAMILIES = {"transport": transport, "lots": lots, "reorder": reorder, "routes": routes}
SETS = {"test": 50, "validation": 25, "larger": 15, "experts": 100}
"""Instances of each family."""
HASTY_KEPT = 0.3
"""The share of instances that are kept of those which the hasty rule solves: it is to be too little, not useless."""


def instances(seed: int = 0) -> dict[str, list[Task]]:
    """The tasks of each set, families in turn."""
    seen: set[str] = set()
    found: dict[str, list[Task]] = {}
    for name, count in SETS.items():
        drawn = {family: _drawn(family, f"{seed}/{name}/{family}", name == "larger", seen) for family in FAMILIES}
        found[name] = [next(drawn[family]) for _ in range(count) for family in FAMILIES]
    return found


def played(setup: dict[str, Any], lines: Iterable[tuple[str, str]]) -> Any:
    """The plan that the environment has after all lines."""
    world = World()
    world.reset(Task("", "", "", setup))
    for _, action in lines:
        world.step(action)
    return world.plan


def expert_row(task: Task) -> dict[str, Any]:
    """A task's expert, in treadle's own form.

    Raises:
        RuntimeError: The environment refuses a line of the solver's plan, or counts another cost.
    """
    world, steps = World(), []
    world.reset(task)
    for thought, action in FAMILIES[task.setup["family"]].expert(task.setup):
        steps.append({"action": action, "thought": thought, "observation": world.step(action)[0]})
    if world.plan.missing or str(world.plan.cost) != task.answer:
        raise RuntimeError(f"{task.id}: the solver's plan ends with {steps[-1]['observation']!r}, not {task.answer}")
    return {
        "id": task.id,
        "problem": task.problem,
        "steps": steps,
        "answer": task.answer,
        "domain": "supply_chain",
        "verified": True,
        "meta": {"setup": task.setup},
    }


def problem_row(task: Task) -> dict[str, Any]:
    """A task for evaluation."""
    return {"id": task.id, "problem": task.problem, "answer": task.answer, "setup": task.setup}


def write(folder: Path, seed: int = 0) -> None:
    """Write `experts.jsonl` and the files of the problem sets."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, tasks in instances(seed).items():
        rows = [expert_row(task) if name == "experts" else problem_row(task) for task in tasks]
        write_whole(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def _drawn(family: str, seed: str, large: bool, seen: set[str]) -> Iterator[Task]:
    """Instances of a family that were not seen, without end."""
    rng, module, number = random.Random(seed), FAMILIES[family], 0
    name = seed.split("/")[1]
    while True:
        setup = module.draw(rng, large)
        problem, cost = text(setup), module.solve(setup)[0]
        if rng.random() > HASTY_KEPT and played(setup, module.hasty(setup)).cost == cost:
            continue
        if cost and problem not in seen:
            seen.add(problem)
            yield Task(f"{name}-{family}-{number}", problem, str(cost), setup)
            number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=HERE)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.seed)


if __name__ == "__main__":
    main()
