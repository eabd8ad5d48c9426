"""The verdict: a plan is right when it is complete and costs at most 1% more than the solver's optimum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.domains.domain import Attempt, Task

if TYPE_CHECKING:
    from world import World

WITHIN = 0.01


def judge(task: Task, attempt: Attempt, world: World) -> tuple[bool, str]:
    """Whether the plan that `world` stands at after the actions is complete, and its gap to `task.answer`."""
    optimum, plan = int(task.answer), world.plan
    if plan.missing:
        return False, f"incomplete: {plan.missing} open"
    gap = plan.cost / optimum - 1
    return gap <= WITHIN, f"gap {gap:.1%}: cost {plan.cost}, optimum {optimum}"
