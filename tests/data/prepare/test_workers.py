"""A map over several processes: the order of the input, a bounded number under way, and processes that die."""

from __future__ import annotations

import os

import pytest

from treadle.data.prepare.workers import AHEAD, BYTES_AHEAD, available, ordered_map
from treadle.errors import DataError


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    assert list(ordered_map(str.upper, (chr(97 + i) for i in range(26)), workers)) == [chr(65 + i) for i in range(26)]


def test_items_are_taken_only_as_far_ahead_as_there_is_work():
    taken = []

    def items():
        for i in range(1000):
            taken.append(i)
            yield str(i)

    results = ordered_map(str.upper, items(), 2)
    assert next(results) == "0"
    assert len(taken) <= 2 * AHEAD
    results.close()


def test_of_large_items_each_process_has_one():
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield str(i)

    results = ordered_map(str.upper, items(), 2, size=lambda item: BYTES_AHEAD)
    assert [next(results), next(results)] == ["0", "1"]
    assert len(taken) <= 3
    results.close()


def test_an_error_of_the_function_reaches_the_caller():
    with pytest.raises(ValueError, match="invalid literal"):
        list(ordered_map(int, ["1", "x", "3"], 2))


def test_a_process_that_dies_is_explained():
    with pytest.raises(DataError, match="one of 2 processes died, most likely because memory ran out; try"):
        list(ordered_map(os._exit, [1, 1], 2))


def test_at_least_one_processor_is_there():
    assert 1 <= available() <= os.cpu_count()
