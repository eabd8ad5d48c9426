import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples.data_analysis.example import of_example, opened, task
from treadle.domains.domain import Attempt

pytest.importorskip("duckdb")
same_rows, as_answer, judge = (of_example(f"verdict.py:{name}") for name in ("same_rows", "as_answer", "judge"))

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 5)), max_size=8)


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ([["a", 3]], [["a", 3.0]], True),
        ([["a", 1 / 3]], [["a", 0.33333333]], True),  # within a millionth
        ([["a", 1 / 3]], [["a", 0.3333]], False),
        ([[1000000.5]], [[1000001.0]], True),
        ([[0.0]], [[1e-10]], True),
        ([["a", 3]], [[3, "a"]], False),  # the order of columns counts
        ([["a"]], [["A"]], False),
        ([["3"]], [[3]], False),
        ([[True]], [[1]], False),
        ([[None]], [[None]], True),
        ([[None]], [[0]], False),
        ([["a", 1], ["a", 1], ["b", 1]], [["a", 1], ["b", 1], ["b", 1]], False),  # how often a row occurs counts
        ([["a", 1]], [["a", 1], ["b", 2]], False),
        ([["a", 1, 2]], [["a", 1]], False),
        ([], [], True),
    ],
)
def test_rows_are_the_same(found, expected, same):
    assert same_rows(found, expected, ordered=False) is same
    assert same_rows(expected, found, ordered=False) is same


@given(ROWS, st.randoms())
def test_the_order_of_rows_counts_where_it_is_asked_for(rows, rng):
    mixed = list(rows)
    rng.shuffle(mixed)
    assert same_rows(mixed, rows, ordered=False)
    assert same_rows(mixed, rows, ordered=True) is (mixed == rows)


@pytest.mark.parametrize(
    ("statement", "right"),
    [
        ("SELECT city, count(*) FROM customers GROUP BY city", True),
        (
            "SELECT city AS place, count(name) FROM (SELECT *, tier AS name FROM customers) GROUP BY city ORDER BY 2",
            True,
        ),
        ("SELECT count(*), city FROM customers GROUP BY city", False),
        ("SELECT city, count(*) + 1 FROM customers GROUP BY city", False),
        ("SELECT city FROM customers", False),
        ("CREATE TEMP TABLE t AS SELECT 1", False),
    ],
)
def test_judge(statement, right):
    expert = opened()
    expert.step("SELECT city, count(*) FROM customers GROUP BY city ORDER BY city")
    world = opened()
    world.step(statement)
    verdict, why = judge(task(answer=as_answer(expert.result, ordered=False)), Attempt((statement,)), world)
    assert verdict is right
    assert why


def test_an_answer_is_json_whatever_the_database_gives():
    world = opened()
    world.step("SELECT 1.5, 10 * 0.25, NULL, 'a', true, sum(units) FROM orders")
    (row,) = json.loads(as_answer(world.result, ordered=True))["rows"]
    assert row[:5] == [1.5, 2.5, None, "a", True]
