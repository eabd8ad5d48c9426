"""The sums of a new domain: the fewest coins by trying all, and problems that need a thought."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from treadle.scaffold import change


def by_trying(amount, coins):
    """The number of coins of the smallest handful that is the amount."""
    return next(n for n in range(amount + 1) for hand in combinations_with_replacement(coins, n) if sum(hand) == amount)


@pytest.mark.parametrize("coins", change.COINS)
def test_the_fewest_coins(coins):
    for amount in range(25):
        paid = change.fewest(amount, coins)
        assert sum(paid) == amount
        assert set(paid) <= set(coins)
        assert len(paid) == by_trying(amount, coins)


def test_coins_by_hand():
    assert change.fewest(12, (1, 6, 10)) == [6, 6]  # and not 10, 1, 1
    assert change.fewest(0, (1, 6, 10)) == []


def largest_first(amount, coins):
    count = 0
    for coin in sorted(coins, reverse=True):
        count, amount = count + amount // coin, amount % coin
    return count


def test_problems_are_different_and_the_largest_coin_first_is_often_wrong():
    rows = change.problems(13)
    assert len({row["problem"] for row in rows}) == 13
    assert rows == change.problems(13)
    greedy = [largest_first(**row["setup"]) == int(row["answer"]) for row in rows]
    assert 3 <= sum(greedy) <= 10
    assert all(int(row["answer"]) < row["setup"]["amount"] for row in rows)


def test_an_expert_pays_a_coin_a_step():
    setup = {"amount": 12, "coins": [1, 6, 10]}
    said = ["pay 6, 6 left", "pay 6, 0 left", r"\boxed{2}"]
    assert change.steps(setup, environment=False) == [{"action": action} for action in said]
    seen = [{"action": "pay 6", "observation": "6 left"}, {"action": "pay 6", "observation": "0 left"}]
    assert change.steps(setup, environment=True) == seen
