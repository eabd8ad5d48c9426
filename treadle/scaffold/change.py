"""The field that a new domain shows: sums to pay with the fewest coins, of coins with which the largest first is wrong.

The fewest coins of each sum are found from those of the smaller sums (dynamic programming).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

COINS = ((1, 6, 10), (1, 5, 12), (1, 7, 9), (1, 8, 11))
LARGEST = 40


def fewest(amount: int, coins: Sequence[int]) -> list[int]:
    """The fewest coins that make up an amount, the largest first."""
    best: list[list[int]] = [[]]
    for sum_ in range(1, amount + 1):
        best.append(min(([coin, *best[sum_ - coin]] for coin in coins if coin <= sum_), key=len))
    return sorted(best[amount], reverse=True)


def problems(count: int) -> list[dict[str, Any]]:
    """Different problems, of two to five coins each and not of ones alone, always the same: rows without an id."""
    drawn = [(amount, coins) for coins in COINS for amount in range(2, LARGEST)]
    random.Random("change").shuffle(drawn)
    fit = [(amount, coins) for amount, coins in drawn if 2 <= len(fewest(amount, coins)) <= min(5, amount - 1)]
    return [_problem(amount, coins) for amount, coins in fit[:count]]


def _problem(amount: int, coins: Sequence[int]) -> dict[str, Any]:
    return {
        "problem": f"Pay {amount} with as few coins as possible. There are coins of {_listed(coins)}.",
        "answer": str(len(fewest(amount, coins))),
        "setup": {"amount": amount, "coins": list(coins)},
    }


def steps(setup: dict[str, Any], environment: bool) -> list[dict[str, str]]:
    """What an expert does: a coin a step. What is left the environment answers; without one the step itself says it,
    and the number of coins comes last."""
    paid = fewest(setup["amount"], setup["coins"])
    left = [setup["amount"] - sum(paid[:place]) for place in range(1, len(paid) + 1)]
    if environment:
        return [{"action": f"pay {coin}", "observation": f"{rest} left"} for coin, rest in zip(paid, left, strict=True)]
    payments = [{"action": f"pay {coin}, {rest} left"} for coin, rest in zip(paid, left, strict=True)]
    return [*payments, {"action": f"\\boxed{{{len(paid)}}}"}]


def _listed(coins: Sequence[int]) -> str:
    return f"{', '.join(map(str, coins[:-1]))} and {coins[-1]}"
