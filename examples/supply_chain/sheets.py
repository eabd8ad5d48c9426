"""What the study's base learns from: plans for other instances, most of them hasty.

So the base can write decision lines and plans badly; as a share of the sheets is the solver's, it has seen how a good
plan is made, and seldom makes one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.scratch import Sheet
from examples.supply_chain.make import FAMILIES
from examples.supply_chain.world import World, text
from treadle.data.prompts import solve_prompt, step_prompt
from treadle.data.solutions import step_texts
from treadle.domains.domain import Task
from treadle.domains.registry import use
from treadle.scoring.thoughts import PLAIN
from treadle.trajectory import Step, Trajectory

NEXT_SHARE = 0.7
"""Sheets that ask for one decision; the others ask for a whole plan."""


@dataclass(frozen=True)
class Plans:
    """Plans for instances that are in no set.

    Args:
        count: How many, families in turn.
        planned: The share that begins as the solver's.
        changed: How often, after a line, the other planner goes on.
        seed: Of the instances.
        kept_out: Problems that none of them may be.
    """

    count: int = 6000
    planned: float = 0.3
    changed: float = 0.1
    seed: int = 0

    def draw(self, kept_out: set[str]) -> list[Trajectory]:
        """The plans, with what the environment answers."""
        rng, found = random.Random(f"sheets/{self.seed}"), []
        families = list(FAMILIES)
        while len(found) < self.count:
            module = FAMILIES[families[len(found) % len(families)]]
            setup = module.draw(rng)
            if text(setup) not in kept_out:
                found.append(self._plan(rng, module, Task(f"sheet-{len(found)}", text(setup), "", setup)))
        return found

    def _plan(self, rng: random.Random, module: Any, task: Task) -> Trajectory:
        """A plan of either planner; the other goes on, now and then, with what is left after a line."""
        world, steps, planned = World(), [], rng.random() < self.planned
        world.reset(task)
        lines: list[tuple[str, str]] = []
        while not world.over:
            rest = world.plan.rest
            if steps and rest.get("place", "H") == "H" and rng.random() < self.changed:
                planned, lines = not planned, []
            lines = lines or (module.expert if planned else module.hasty)(rest)
            thought, action = lines.pop(0)
            steps.append(Step(action, thought=thought, observation=world.step(action)[0]))
        return Trajectory(task.id, task.problem, tuple(steps), domain="supply_chain")


def sheet(rng: random.Random, plans: Sequence[Trajectory]) -> Sheet:
    """A plan's next decision after some of its own, or a whole plan."""
    plan = rng.choice(plans)
    if rng.random() < NEXT_SHARE:
        step = rng.randrange(len(plan.steps))
        prompt = step_prompt(plan.domain, plan.problem, plan.steps[:step])
        return prompt[-1]["content"], "", step_texts(plan, "traces", PLAIN)[step]
    return solve_prompt(plan.domain, plan.problem)[-1]["content"], "", "\n".join(step_texts(plan, "traces", PLAIN))


def texts(plans: Sequence[Trajectory]) -> list[str]:
    """What a tokenizer for these sheets has to know."""
    use(str(Path(__file__).parent))
    asked = [solve_prompt(plan.domain, plan.problem)[-1]["content"] for plan in plans]
    said = ["\n".join(step_texts(plan, "traces", PLAIN)) for plan in plans]
    return [*asked, *said, *(step_prompt(p.domain, p.problem, p.steps)[-1]["content"] for p in plans)]
