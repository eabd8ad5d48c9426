"""Transport: from plants with goods to customers with needs, at least cost. HiGHS gives the optimum.

The expert serves first the customer that would lose most by being served from its second cheapest plant; the hasty
planner serves customers in the order in which they stand, each from the cheapest plant that still has goods.
"""

from __future__ import annotations

import random
from typing import Any

Setup = dict[str, Any]
Lines = list[tuple[str, str]]
"""Of a plan: the thought and the action of each decision."""


def draw(rng: random.Random, large: bool = False) -> Setup:
    """An instance of 2 plants and 3 customers; a large one has 3 plants and 4 customers."""
    plants, customers = ("ABC", "WXYZ") if large else ("AB", "XYZ")
    demand = {name: rng.randint(2, 6) for name in customers}
    total = sum(demand.values()) + rng.randint(0, 3)
    first = [rng.randint(total // len(plants) - 2, total // len(plants) + 2) for _ in plants[1:]]
    supply = dict(zip(plants, [*first, total - sum(first)], strict=True))
    cost = {plant: {customer: rng.randint(1, 9) for customer in customers} for plant in plants}
    return {"family": "transport", "supply": supply, "demand": demand, "cost": cost}


def solve(setup: Setup) -> tuple[int, dict[tuple[str, str], int]]:
    """The least cost, and what is shipped from where to where."""
    import numpy as np
    from scipy.optimize import LinearConstraint

    from examples.supply_chain.highs import least

    plants, customers = list(setup["supply"]), list(setup["demand"])
    costs_PC = np.array([[setup["cost"][p][c] for c in customers] for p in plants], dtype=float)
    places = np.arange(costs_PC.size).reshape(costs_PC.shape)
    leaves = np.array([np.isin(places.ravel(), places[p]) for p in range(len(plants))], dtype=float)
    arrives = np.array([np.isin(places.ravel(), places[:, c]) for c in range(len(customers))], dtype=float)
    cost, amounts = least(
        costs_PC.ravel(),
        [
            LinearConstraint(leaves, ub=list(setup["supply"].values())),
            LinearConstraint(arrives, lb=list(setup["demand"].values()), ub=list(setup["demand"].values())),
        ],
    )
    amounts_PC = amounts.reshape(costs_PC.shape)
    shipped = {(p, c): int(amounts_PC[i, j]) for i, p in enumerate(plants) for j, c in enumerate(customers)}
    return round(cost), {way: amount for way, amount in shipped.items() if amount}


def expert(setup: Setup) -> Lines:
    """The solver's plan, the customer first that has most to lose."""
    prices, left, open_, todo = setup["cost"], dict(setup["supply"]), dict(setup["demand"]), solve(setup)[1]
    lines: Lines = []
    while todo:
        plants = [plant for plant, amount in left.items() if amount]
        lose = {customer: _lost(prices, plants, customer) for customer in open_}
        customer = max(open_, key=lambda c: (lose[c], -list(open_).index(c)))
        plant = min((p for p, c in todo if c == customer), key=lambda p: prices[p][customer])
        amount = todo.pop((plant, customer))
        best = min(plants, key=lambda p: prices[p][customer])
        why = f"lose {_listed(lose)}, so {customer}; " if len(plants) > 1 else f"to {customer}; "
        why += f"{plant} for {prices[plant][customer]}"
        if best != plant:
            why += f", {best} for {prices[best][customer]} is kept for others"
        lines.append((why, _action(amount, plant, customer)))
        left[plant] -= amount
        open_[customer] -= amount
        if not open_[customer]:
            del open_[customer]
    return lines


def hasty(setup: Setup) -> Lines:
    """Customers as they stand, each from the cheapest plant that still has goods."""
    prices, left = setup["cost"], dict(setup["supply"])
    lines: Lines = []
    for customer, need in setup["demand"].items():
        while need:
            plant = min((p for p in left if left[p]), key=lambda p: prices[p][customer])
            amount = min(left[plant], need)
            lines.append((f"to {customer}; {plant} for {prices[plant][customer]}", _action(amount, plant, customer)))
            left[plant] -= amount
            need -= amount
    return lines


def _lost(prices: dict[str, dict[str, int]], plants: list[str], customer: str) -> int:
    """What one more costs from the second cheapest of the plants that still have goods."""
    cheap = sorted(prices[plant][customer] for plant in plants)
    return cheap[1] - cheap[0] if len(cheap) > 1 else 0


def _action(amount: int, plant: str, customer: str) -> str:
    return f"ship {amount} from {plant} to {customer}"


def _listed(amounts: dict[str, int]) -> str:
    return " ".join(f"{name} {amount}" for name, amount in amounts.items())
