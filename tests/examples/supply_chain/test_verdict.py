"""Right is complete and within 1% of the optimum."""

import pytest

from examples.supply_chain.verdict import judge
from examples.supply_chain.world import World
from treadle.domains.domain import Attempt, Task

SETUP = {"family": "lots", "demand": [4, 2], "setup": 100, "hold": 1, "most": 9}


def verdict(actions: tuple[str, ...], optimum: str):
    task, world = Task("", "", optimum, SETUP), World()
    world.reset(task)
    for action in actions:
        world.step(action)
    return judge(task, Attempt(actions), world)


@pytest.mark.parametrize(
    ("actions", "optimum", "expected"),
    [
        (("period 1 make 6", "period 2 make 0"), "102", (True, "gap 0.0%: cost 102, optimum 102")),
        (("period 1 make 6", "period 2 make 0"), "101", (True, "gap 1.0%: cost 102, optimum 101")),
        (("period 1 make 7", "period 2 make 0"), "102", (False, "gap 2.0%: cost 104, optimum 102")),
        (("period 1 make 4", "period 2 make 2"), "102", (False, "gap 96.1%: cost 200, optimum 102")),
        (("period 1 make 6",), "102", (False, "incomplete: period 2 open")),
        (("period 1 make 6", "done."), "102", (False, "incomplete: period 2 open")),
        ((), "102", (False, "incomplete: period 1 open")),
    ],
)
def test_a_plan_is_right_when_it_is_complete_and_within_one_percent(actions, optimum, expected):
    assert verdict(actions, optimum) == expected
