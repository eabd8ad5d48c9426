"""Reordering: packs come a week after they are ordered, into a room of limited size. HiGHS gives the optimum.

The expert orders for further weeks while holding costs less than another order; the hasty planner orders as few packs
as the coming week needs.
"""

from __future__ import annotations

import random
from typing import Any

Setup = dict[str, Any]
Lines = list[tuple[str, str]]


def draw(rng: random.Random, large: bool = False) -> Setup:
    """An instance of 5 weeks, so 4 decisions; a large one has 7."""
    demand = [rng.randint(1, 7) for _ in range(7 if large else 5)]
    pack = rng.randint(2, 5)
    return {
        "family": "reorder",
        "demand": demand,
        "stock": demand[0] + rng.randint(0, 4),
        "pack": pack,
        "room": max(demand) + pack + rng.randint(2, 10),
        "order": rng.randint(3, 12),
        "hold": 1,
    }


def text(setup: Setup) -> str:
    """The instance as the model sees it."""
    demand = " ".join(map(str, setup["demand"]))
    return (
        f"Reorder. Stock {setup['stock']}, demand of weeks 1 to {len(setup['demand'])}: {demand}. A pack holds "
        f"{setup['pack']} and is there a week later. An order costs {setup['order']}, holding one for a week "
        f"{setup['hold']}. Room for {setup['room']}. Lines: week T order N."
    )


def solve(setup: Setup) -> tuple[int, list[int]]:
    """The least cost, and the packs ordered in each week but the last. Of equal plans one that orders early."""
    import numpy as np
    from scipy.optimize import LinearConstraint

    from examples.supply_chain.highs import least

    demand, n = setup["demand"], len(setup["demand"]) - 1
    first = setup["stock"] - demand[0]
    summed, needed = setup["pack"] * np.tril(np.ones((n, n))), np.cumsum(demand[1:]) - first
    most = setup["room"] // setup["pack"]
    # Columns: packs, stock at the end of the week after, whether there is an order.
    stock = LinearConstraint(np.hstack([summed, -np.eye(n), np.zeros((n, n))]), needed, needed)
    room = LinearConstraint(
        np.hstack([np.zeros((n, n)), np.eye(n), np.zeros((n, n))]), ub=setup["room"] - np.array(demand[1:])
    )
    is_order = LinearConstraint(np.hstack([np.eye(n), np.zeros((n, n)), -most * np.eye(n)]), ub=0)
    early = 1e-4 * np.arange(n)
    costs = np.concatenate([np.zeros(n), np.full(n, setup["hold"]), setup["order"] + early])
    upper = np.concatenate([np.full(n, most), np.full(n, np.inf), np.ones(n)])
    _, found = least(costs, [stock, room, is_order], upper)
    packs, held, ordered = found.reshape(3, n).tolist()
    return sum(ordered) * setup["order"] + (first + sum(held)) * setup["hold"], packs


def expert(setup: Setup) -> Lines:
    """The solver's plan, each order with the weeks that it is for."""
    demand, stock, lines = setup["demand"], setup["stock"] - setup["demand"][0], []
    for week, packs in enumerate(solve(setup)[1]):
        need = demand[week + 1]
        if not packs:
            why = f"stock {stock} covers {need}"
        else:
            why = f"stock {stock}, need {need}, " + _compared(setup, week, stock + packs * setup["pack"])
        lines.append((why, _action(week, packs)))
        stock += packs * setup["pack"] - need
    return lines


def hasty(setup: Setup) -> Lines:
    """As few packs as the coming week needs."""
    demand, stock, lines = setup["demand"], setup["stock"] - setup["demand"][0], []
    for week, need in enumerate(demand[1:]):
        packs = -(min(0, stock - need) // setup["pack"])
        lines.append((f"stock {stock}, need {need}", _action(week, packs)))
        stock += packs * setup["pack"] - need
    return lines


def _compared(setup: Setup, week: int, there: int) -> str:
    """How far an order reaches: what holding costs for each further week, beside another order."""
    demand, left, parts = setup["demand"], there - setup["demand"][week + 1], []
    for later in range(week + 2, len(demand)):
        hold = demand[later] * (later - week - 1) * setup["hold"]
        parts.append(f"week {later + 1} hold {hold} {'>' if hold > setup['order'] else '<='} {setup['order']}")
        if left < demand[later]:
            break
        left -= demand[later]
        parts.append(f"add {demand[later]}")
    return ", ".join([*parts, f"there {there}"])


def _action(week: int, packs: int) -> str:
    return f"week {week + 1} order {packs}"
