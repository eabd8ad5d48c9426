"""The solvers' optimum beside trying everything; the plans that are written from it, played in the environment."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.supply_chain import lots, reorder, routes, transport
from examples.supply_chain.world import World, text
from tests.examples.supply_chain.plans import least_cost, played, random_cost
from treadle.domains.domain import Task

FAMILIES = {"transport": transport, "lots": lots, "reorder": reorder, "routes": routes}
families = pytest.mark.parametrize("family", FAMILIES)


def small(family: str, seed: int) -> dict:
    """An instance of which every plan can be tried; lots are cut to three periods."""
    setup = FAMILIES[family].draw(random.Random(seed))
    return {**setup, "demand": setup["demand"][:3]} if family == "lots" else setup


@families
def test_the_optimum_is_what_trying_everything_finds(family):
    for seed in range(10):
        setup = small(family, seed)
        assert FAMILIES[family].solve(setup)[0] == least_cost(setup), setup


def test_an_optimum_by_hand():
    # Two periods of 5: one lot and 5 held cost 4 + 5, two lots cost 8.
    setup = {"family": "lots", "demand": [5, 5], "setup": 4, "hold": 1, "most": 20}
    assert lots.solve(setup) == (8, [5, 5])
    assert lots.solve({**setup, "setup": 6}) == (11, [10, 0])
    assert lots.solve({**setup, "setup": 6, "most": 9}) == (12 + 0, [5, 5])


@families
@pytest.mark.parametrize("large", [False, True])
@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**32))
def test_expert_plans_are_feasible_and_cost_the_optimum_that_no_other_plan_is_below(family, large, seed):
    rng = random.Random(seed)
    module = FAMILIES[family]
    setup = module.draw(rng, large)
    optimum, _ = module.solve(setup)
    assert played(setup, (action for _, action in module.expert(setup))).plan.cost == optimum
    assert played(setup, (action for _, action in module.hasty(setup))).plan.cost >= optimum
    costs = [random_cost(setup, rng) for _ in range(3)]
    assert all(cost is None or cost >= optimum for cost in costs)


@families
def test_what_is_left_after_any_line_is_an_instance_that_both_planners_go_on_with(family):
    module, tried = FAMILIES[family], 0
    for seed in range(12):
        world = World()
        setup = module.draw(random.Random(seed))
        world.reset(Task("", "", "", setup))
        world.step(module.hasty(setup)[0][1])
        rest = world.plan.rest
        assert text(rest) == world.plan.state
        assert played(rest, (action for _, action in module.hasty(rest))).plan.missing == ""
        if rest.get("place", "H") == "H":
            tried += 1
            assert played(rest, (action for _, action in module.expert(rest))).plan.cost == module.solve(rest)[0]
    assert tried or family == "routes"


@families
def test_random_plans_are_mostly_plans(family):
    """So that the property above says something."""
    rng = random.Random(0)
    costs = [random_cost(FAMILIES[family].draw(rng), rng) for _ in range(20)]
    assert sum(cost is not None for cost in costs) >= 10


@families
def test_an_instance_and_its_plans_depend_on_the_seed_alone(family):
    module = FAMILIES[family]
    one, other = (module.draw(random.Random(3)) for _ in range(2))
    assert one == other
    assert module.expert(one) == module.expert(other)
    assert len(text(one)) < 120


def test_the_reasons_of_an_expert_are_its_numbers():
    setup = {
        "family": "transport",
        "supply": {"A": 5, "B": 9},
        "demand": {"X": 5, "Y": 5},
        "cost": {"A": {"X": 1, "Y": 1}, "B": {"X": 2, "Y": 6}},
    }
    assert transport.expert(setup) == [
        ("lose X 1 Y 5, so Y; A for 1", "ship 5 from A to Y"),
        ("to X; B for 2", "ship 5 from B to X"),
    ]
    assert [action for _, action in transport.hasty(setup)] == ["ship 5 from A to X", "ship 5 from B to Y"]
