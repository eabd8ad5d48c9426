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
    demand = [rng.randint(1, 9) for _ in range(6 if large else 4)]
    most = rng.randint(max(demand) + 3, 20)
    return {"family": "lots", "demand": demand, "setup": rng.randint(3, 15), "hold": 1, "most": most}


def text(setup: Setup) -> str:
    """The instance as the model sees it."""
    demand = " ".join(map(str, setup["demand"]))
    return (
        f"Lots. Demand of periods 1 to {len(setup['demand'])}: {demand}. A set-up costs {setup['setup']}, holding one "
        f"for a period {setup['hold']}. At most {setup['most']} a period. Lines: period T make N."
    )


def solve(setup: Setup) -> tuple[int, list[int]]:
    """The least cost, and what is made in each period. Of equal plans one that makes early."""
    import numpy as np
    from scipy.optimize import LinearConstraint

    from examples.supply_chain.highs import least

    demand, most, n = setup["demand"], setup["most"], len(setup["demand"])
    summed = np.tril(np.ones((n, n)))
    # Columns: made, stock, set-up; stock is all that was made less all that was needed.
    stock = LinearConstraint(np.hstack([summed, -np.eye(n), np.zeros((n, n))]), *[np.cumsum(demand)] * 2)
    needs_setup = LinearConstraint(np.hstack([np.eye(n), np.zeros((n, n)), -most * np.eye(n)]), ub=0)
    early = 1e-4 * np.arange(n)
    costs = np.concatenate([np.zeros(n), np.full(n, setup["hold"]), setup["setup"] + early])
    upper = np.concatenate([np.full(n, most), np.full(n, np.inf), np.ones(n)])
    _, found = least(costs, [stock, needs_setup], upper)
    made, held, set_up = found.reshape(3, n).tolist()
    return sum(set_up) * setup["setup"] + sum(held) * setup["hold"], made


def expert(setup: Setup) -> Lines:
    """The solver's plan, each lot with what it is made for."""
    demand, stock, lines = setup["demand"], 0, []
    for period, made in enumerate(solve(setup)[1]):
        why = _compared(setup, period, stock + made) if made else f"stock {stock} covers {demand[period]}"
        lines.append((why, _action(period, made)))
        stock += made - demand[period]
    return lines


def hasty(setup: Setup) -> Lines:
    """Each period's demand in that period."""
    return [(f"need {need}", _action(period, need)) for period, need in enumerate(setup["demand"])]


def _compared(setup: Setup, period: int, there: int) -> str:
    """For which later periods a lot is made: what holding costs for each, beside a set-up."""
    demand, parts, left = setup["demand"], [f"need {setup['demand'][period]}"], there - setup["demand"][period]
    for later in range(period + 1, len(demand)):
        hold = demand[later] * (later - period) * setup["hold"]
        parts.append(f"period {later + 1} hold {hold} {'>' if hold > setup['setup'] else '<='} {setup['setup']}")
        if left < demand[later]:
            if left:
                parts.append(f"part {left}")
            break
        left -= demand[later]
        parts.append(f"add {demand[later]}")
    return ", ".join(parts)


def _action(period: int, made: int) -> str:
    return f"period {period + 1} make {made}"
