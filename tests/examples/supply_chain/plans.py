"""Plays plans in the environment; random plans and all plans of small instances, written without the solvers."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator

from examples.supply_chain.world import World
from treadle.domains.domain import Task


def played(setup: dict, actions: Iterable[str]) -> World:
    """The world after the actions, none of which it may refuse."""
    world = World()
    world.reset(Task("", "", "", setup))
    for action in actions:
        assert not world.over, "the plan was complete before its last line"
        observation, _ = world.step(action)
        assert not observation.startswith("No:"), observation
    assert not world.plan.missing
    return world


def random_cost(setup: dict, rng: random.Random) -> int | None:
    """Of a plan of lines drawn until one is accepted; `None` where it has led into a dead end."""
    world = World()
    world.reset(Task("", "", "", setup))
    for _ in range(500):
        if world.over:
            return world.plan.cost
        line, tried = _random_line(setup, rng, world), world.copy()
        if not tried.step(line)[0].startswith("No:"):
            world = tried
    return None


def _random_line(setup: dict, rng: random.Random, world: World) -> str:
    if setup["family"] == "transport":
        return (
            f"ship {rng.randint(1, 9)} from {rng.choice(list(setup['supply']))} to {rng.choice(list(setup['demand']))}"
        )
    if setup["family"] == "lots":
        return f"period {world.plan.period} make {rng.randint(0, setup['most'])}"
    if setup["family"] == "reorder":
        return f"week {world.plan.week} order {rng.randint(0, 5)}"
    return f"go {rng.choice(['H', *setup['load']])}"


def least_cost(setup: dict) -> int:
    """By trying everything that can be optimal, in arithmetic of its own."""
    return min({"transport": _transport, "lots": _lots, "reorder": _reorder, "routes": _routes}[setup["family"]](setup))


def _transport(setup: dict) -> Iterator[int]:
    """Two plants: what the first ships to each customer, the second ships the rest."""
    (first, has), (second, other_has) = setup["supply"].items()
    needs, prices = setup["demand"], setup["cost"]
    for amounts in itertools.product(*(range(need + 1) for need in needs.values())):
        if sum(amounts) <= has and sum(needs.values()) - sum(amounts) <= other_has:
            ways = zip(needs, amounts, strict=True)
            yield sum(a * prices[first][c] + (needs[c] - a) * prices[second][c] for c, a in ways)


def _lots(setup: dict) -> Iterator[int]:
    for made in itertools.product(range(setup["most"] + 1), repeat=len(setup["demand"])):
        stocks = list(itertools.accumulate(m - d for m, d in zip(made, setup["demand"], strict=True)))
        if min(stocks) >= 0:
            yield setup["setup"] * sum(m > 0 for m in made) + setup["hold"] * sum(stocks)


def _reorder(setup: dict) -> Iterator[int]:
    needs = setup["demand"]
    for packs in itertools.product(range(setup["room"] // setup["pack"] + 1), repeat=len(needs)):
        stock, cost = setup["stock"], 0
        for ordered, need in zip(packs, needs, strict=True):
            stock += ordered * setup["pack"]
            if not need <= stock <= setup["room"]:
                break
            stock -= need
            cost += setup["order"] * (ordered > 0) + setup["hold"] * stock
        else:
            yield cost


def _routes(setup: dict) -> Iterator[int]:
    """Every order of the stops, cut into trips in every way."""
    stops = list(setup["load"])
    for order in itertools.permutations(stops):
        for cuts in itertools.product((False, True), repeat=len(stops) - 1):
            trips = [[order[0]]]
            for stop, cut in zip(order[1:], cuts, strict=True):
                trips.append([stop]) if cut else trips[-1].append(stop)
            if all(sum(setup["load"][stop] for stop in trip) <= setup["most"] for trip in trips):
                ways = itertools.chain(*(itertools.pairwise(["H", *trip, "H"]) for trip in trips))
                yield sum(setup["distance"]["".join(sorted(way))] for way in ways)
