"""Calls in threads: each result once, no more begun than wanted, errors where the caller sees them."""

from __future__ import annotations

import threading
import time

import pytest

from treadle.evaluate.backends.side_by_side import side_by_side


class Counted:
    """Squares numbers and counts what is begun."""

    def __init__(self, seconds=0.0):
        self.begun, self.at_once, self.most, self.seconds = [], 0, 0, seconds
        self.lock = threading.Lock()

    def __call__(self, number, stop):
        with self.lock:
            self.begun.append(number)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.seconds)
        with self.lock:
            self.at_once -= 1
        return number * number


@pytest.mark.parametrize(("count", "width"), [(0, 3), (1, 3), (3, 3), (50, 4), (20, 1)])
def test_each_result_comes_once(count, width):
    call = Counted(0.002)
    found = list(side_by_side(call, count, width))
    assert sorted(found) == [(n, n * n) for n in range(count)]
    assert sorted(call.begun) == list(range(count))
    assert call.most <= width


def test_calls_are_begun_in_order_with_one_at_a_time():
    call = Counted()
    assert list(side_by_side(call, 20, 1)) == [(n, n * n) for n in range(20)]
    assert call.begun == list(range(20))


def test_a_slow_taker_finds_no_pile():
    """What it has not taken is at most as many as are called at a time."""
    call = Counted()
    for taken, _ in enumerate(side_by_side(call, 40, 4), 1):
        time.sleep(0.01)
        assert len(call.begun) <= taken + 4


def test_an_error_comes_after_what_was_there_before_it():
    def call(number, stop):
        if number == 5:
            raise ValueError("five")
        return number

    kept = []
    with pytest.raises(ValueError, match="five"):
        kept.extend(side_by_side(call, 1000, 1))
    assert kept == [(n, n) for n in range(5)]


def test_who_leaves_stops_the_threads_and_those_that_wait():
    before = threading.active_count()
    told = threading.Event()

    def call(number, stop):
        if number and stop.wait(20):
            told.set()
        return number

    stream = side_by_side(call, 100, 3)
    assert next(stream) == (0, 0)
    stream.close()
    assert told.wait(5)
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before  # a thread of an earlier test may have ended meanwhile
