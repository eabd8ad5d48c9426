"""Lot sizing: when to set the machine up, and how much to make, so that each period's demand is there. HiGHS solves it.

The expert makes for later periods while holding costs less than another set-up; the hasty planner makes each
period's demand in that period.
"""

from __future__ import annotations

import random
from typing import Any

Setup = dict[str, Any]
Lines = list[tuple[str, str]]


def draw(rng: random.Random, large: bool = False) -> Setup:
    """An instance of 4 periods; a large one has 6."""
    demand = [rng.randint(1, 6) for _ in range(6 if large else 4)]
    most = rng.randint(max(demand) + 4, 16)
    return {"family": "lots", "demand": demand, "setup": rng.randint(3, 9), "hold": 1, "most": most}


def solve(setup: Setup) -> tuple[int, list[int]]:
    """The least cost, and what is made in each period. Of equal plans one that makes early."""
    import numpy as np
    from scipy.optimize import LinearConstraint

    from examples.supply_chain.highs import least

    demand, most, n = setup["demand"], setup["most"], len(setup["demand"])
    summed = np.tril(np.ones((n, n)))
    # Columns: made, stock, set-up; stock is all that was made less all that was needed.
    stock = LinearConstraint(
        np.hstack([summed, -np.eye(n), np.zeros((n, n))]), *[np.cumsum(demand) - setup.get("stock", 0)] * 2
    )
    needs_setup = LinearConstraint(np.hstack([np.eye(n), np.zeros((n, n)), -most * np.eye(n)]), ub=0)
    early = 1e-4 * np.arange(n)
    costs = np.concatenate([np.zeros(n), np.full(n, setup["hold"]), setup["setup"] + early])
    upper = np.concatenate([np.full(n, most), np.full(n, np.inf), np.ones(n)])
    _, found = least(costs, [stock, needs_setup], upper)
    made, held, set_up = found.reshape(3, n).tolist()
    return sum(set_up) * setup["setup"] + sum(held) * setup["hold"], made


def expert(setup: Setup) -> Lines:
    """The solver's plan, each lot with what it is made for."""
    demand, stock, lines = setup["demand"], setup.get("stock", 0), []
    for place, made in enumerate(solve(setup)[1]):
        why = _compared(setup, place, stock, made) if made else f"stock {stock} covers {demand[place]}"
        lines.append((why, _action(setup, place, made)))
        stock += made - demand[place]
    return lines


def hasty(setup: Setup) -> Lines:
    """What each period's demand lacks, in that period."""
    stock, lines = setup.get("stock", 0), []
    for place, need in enumerate(setup["demand"]):
        made = max(0, need - stock)
        lines.append((f"need {need}", _action(setup, place, made)))
        stock += made - need
    return lines


def _compared(setup: Setup, place: int, stock: int, made: int) -> str:
    """For which later periods a lot is made: what holding costs for each, beside a set-up, and the lot so far."""
    demand = setup["demand"]
    lot = demand[place] - stock
    parts = [f"need {demand[place]}" + (f" less {stock}" if stock else "") + f", make {lot}"]
    for later in range(place + 1, len(demand)):
        hold = demand[later] * (later - place) * setup["hold"]
        if lot + demand[later] > made:
            parts.append(f"hold {hold} no" if lot == made else f"part {made - lot}")
            break
        lot += demand[later]
        parts.append(f"hold {hold} make {lot}")
    return ", ".join(parts)


def _action(setup: Setup, place: int, made: int) -> str:
    return f"period {setup.get('period', 1) + place} make {made}"
