"""Prices, budgets, and what is shown while a run goes on."""

from __future__ import annotations

import pytest

from treadle.errors import TreadleError
from treadle.evaluate.records import Request, Sampling
from treadle.teacher.costs import Prices
from treadle.teacher.store import Tokens

TOKENS = Tokens(answers=10, prompt=1_000_000, completion=500_000)
REQUEST = Request([{"role": "user", "content": "x" * 936}])  # and 64 for the template
SAMPLING = Sampling(1000)


def test_cost_by_hand():
    assert Prices(2, 8).of(TOKENS) == 6
    assert Prices().of(TOKENS) is None
    assert Prices(2, 8).most(REQUEST, SAMPLING) == pytest.approx(0.002 + 0.008)


def test_a_budget_lets_through_what_surely_fits():
    prices = Prices(2, 8, budget=6.0501)
    assert prices.affordable([REQUEST] * 9, SAMPLING, 6.0) == 5
    assert prices.affordable([REQUEST] * 9, SAMPLING, 6.045) == 0
    assert prices.affordable([REQUEST] * 3, SAMPLING, 6.0) == 3
    assert Prices(2, 8).affordable([REQUEST] * 3, SAMPLING, 1e9) == 3


def test_the_bound_holds_for_texts_of_many_bytes():
    wide = Request([{"role": "user", "content": "数" * 312}])  # 936 bytes
    assert Prices(2, 8).most(wide, SAMPLING) == Prices(2, 8).most(REQUEST, SAMPLING)


def test_what_is_shown():
    assert Prices(2, 8).shown(TOKENS, 5, 20) == "cost 6.00, about 24.00 in all"
    assert Prices(2, 8).shown(TOKENS, 0, 20) == "cost 6.00"
    assert Prices().shown(TOKENS, 5, 20) == "1,500,000 tokens"


@pytest.mark.parametrize(
    ("given", "said"),
    [((1, None, None), "--price-in and --price-out go together"), ((None, None, 5), "--budget: needs")],
)
def test_prices_that_say_too_little(given, said):
    with pytest.raises(TreadleError, match=said):
        Prices(*given)
