"""Limits of time and of memory, which end what they limit and nothing else."""

from __future__ import annotations

import re
import resource
import signal
import threading
import time

import pytest

from treadle.limits import OutOfTime, memory_limit, time_limit


def burn():
    while True:
        pass


def swallow():
    try:
        time.sleep(10)
    except Exception:
        time.sleep(10)


def swallow_everything_once():
    try:
        time.sleep(10)
    except BaseException:
        time.sleep(10)


@pytest.mark.parametrize(
    "act",
    [burn, swallow, lambda: time.sleep(10), lambda: re.match(r"(a+)+$", "a" * 60 + "b")],
    ids=["burns", "swallows", "sleeps", "backtracks"],
)
def test_what_does_not_end_is_ended(act):
    began = time.monotonic()
    with pytest.raises(OutOfTime), time_limit(0.1):
        act()
    assert 0.1 <= time.monotonic() - began < 2


def test_the_alarm_rings_again(monkeypatch):
    monkeypatch.setattr("treadle.limits.AGAIN_SECONDS", 0.1)
    with pytest.raises(OutOfTime), time_limit(0.1):
        swallow_everything_once()


def test_no_limit():
    signal.setitimer(signal.ITIMER_REAL, 0)
    with time_limit(None):
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_ends_in_time_rings_no_more():
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(0.1):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == before


def test_errors_come_through():
    with pytest.raises(KeyError), time_limit(5):
        raise KeyError("a")
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_limit_gives_the_alarm_back_to_who_had_it():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        with pytest.raises(OutOfTime), time_limit(0.1):
            time.sleep(10)
        assert 0.1 < signal.getitimer(signal.ITIMER_REAL)[0] <= 0.3
        with time_limit(5):
            pass
        time.sleep(0.5)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_have_no_limit():
    ended = []

    def work():
        with time_limit(0.05):
            time.sleep(0.2)
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_memory_is_limited_and_free_again():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), memory_limit(64):
        bytearray(1 << 30)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert len(bytearray(1 << 27)) == 1 << 27
    with memory_limit(256):
        assert len(bytearray(1 << 26)) == 1 << 26, "what has room is given"


def test_a_limit_that_is_there_is_not_widened():
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with memory_limit(64):
        inner = resource.getrlimit(resource.RLIMIT_AS)
        with memory_limit(1 << 20):
            assert resource.getrlimit(resource.RLIMIT_AS) == inner
        assert resource.getrlimit(resource.RLIMIT_AS) == inner
    assert resource.getrlimit(resource.RLIMIT_AS) == (soft, hard)
