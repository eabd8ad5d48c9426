"""Reordering: packs are ordered for a week and come as it begins, into a room of limited size. HiGHS gives the optimum.

The expert orders for further weeks while holding costs less than another order; the hasty planner orders as few packs
as the coming week needs.
"""

from __future__ import annotations

import random
from typing import Any

Setup = dict[str, Any]
Lines = list[tuple[str, str]]


def draw(rng: random.Random, large: bool = False) -> Setup:
    """An instance of 4 weeks; a large one has 6."""
    demand = [rng.randint(1, 6) for _ in range(6 if large else 4)]
    pack = rng.randint(2, 4)
    return {
        "family": "reorder",
        "demand": demand,
        "stock": rng.randint(0, 3),
        "pack": pack,
        "room": max(demand) + pack + rng.randint(4, 8),
        "order": rng.randint(3, 9),
        "hold": 1,
    }


def solve(setup: Setup) -> tuple[int, list[int]]:
    """The least cost, and the packs ordered for each week. Of equal plans one that orders early."""
    import numpy as np
    from scipy.optimize import LinearConstraint

    from examples.supply_chain.highs import least

    demand, n = setup["demand"], len(setup["demand"])
    summed, needed = setup["pack"] * np.tril(np.ones((n, n))), np.cumsum(demand) - setup["stock"]
    most = setup["room"] // setup["pack"]
    # Columns: packs, stock at the end of the week, whether there is an order.
    stock = LinearConstraint(np.hstack([summed, -np.eye(n), np.zeros((n, n))]), needed, needed)
    room = LinearConstraint(
        np.hstack([np.zeros((n, n)), np.eye(n), np.zeros((n, n))]), ub=setup["room"] - np.array(demand)
    )
    is_order = LinearConstraint(np.hstack([np.eye(n), np.zeros((n, n)), -most * np.eye(n)]), ub=0)
    early = 1e-4 * np.arange(n)
    costs = np.concatenate([np.zeros(n), np.full(n, setup["hold"]), setup["order"] + early])
    upper = np.concatenate([np.full(n, most), np.full(n, np.inf), np.ones(n)])
    _, found = least(costs, [stock, room, is_order], upper)
    packs, held, ordered = found.reshape(3, n).tolist()
    return sum(ordered) * setup["order"] + sum(held) * setup["hold"], packs


def expert(setup: Setup) -> Lines:
    """The solver's plan, each order with the weeks that it is for."""
    demand, stock, lines = setup["demand"], setup["stock"], []
    for place, packs in enumerate(solve(setup)[1]):
        there = stock + packs * setup["pack"]
        why = _compared(setup, place, stock, there) if packs else f"stock {stock} covers {demand[place]}"
        lines.append((why, _action(setup, place, packs)))
        stock = there - demand[place]
    return lines


def hasty(setup: Setup) -> Lines:
    """As few packs as the coming week needs."""
    stock, lines = setup["stock"], []
    for place, need in enumerate(setup["demand"]):
        packs = -(min(0, stock - need) // setup["pack"])
        lines.append((f"need {need} less {stock}", _action(setup, place, packs)))
        stock += packs * setup["pack"] - need
    return lines


def _compared(setup: Setup, place: int, stock: int, there: int) -> str:
    """How far an order reaches: what holding costs for each further week, beside another order."""
    demand, reach = setup["demand"], setup["demand"][place]
    parts = [f"stock {stock} lacks {reach - stock}, reach {reach}"]
    for later in range(place + 1, len(demand)):
        hold = demand[later] * (later - place) * setup["hold"]
        if reach + demand[later] > there:
            parts.append(f"hold {hold} no")
            break
        reach += demand[later]
        parts.append(f"hold {hold} reach {reach}")
    return ", ".join([*parts, f"there {there}"])


def _action(setup: Setup, place: int, packs: int) -> str:
    return f"week {setup.get('week', 1) + place} order {packs}"
