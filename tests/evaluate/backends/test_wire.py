"""The bounded reader on a pair of sockets; servers that flood are in `tests/hostile/test_servers.py`."""

from __future__ import annotations

import socket
import time

import pytest

from treadle.evaluate.backends.wire import BoundedReader, TooMuch, left_until


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_what_is_allowed_comes_and_no_more(pair):
    ours, theirs = pair
    theirs.sendall(b"0123456789")
    reader = BoundedReader(ours, time.monotonic() + 5, 4)
    buffer = bytearray(4)
    assert (reader.readinto(buffer), bytes(buffer)) == (4, b"0123")
    reader.allow(3)
    assert reader.readinto(memoryview(buffer)[:3]) == 3
    with pytest.raises(TooMuch):
        reader.readinto(buffer)


def test_the_end_is_the_end(pair):
    ours, theirs = pair
    theirs.close()
    assert BoundedReader(ours, time.monotonic() + 5, 4).readinto(bytearray(4)) == 0


def test_a_byte_now_and_then_does_not_prolong_it(pair):
    ours, theirs = pair
    reader, began = BoundedReader(ours, time.monotonic() + 0.3, 100), time.monotonic()

    def read_on():
        while True:
            theirs.sendall(b"a")
            reader.readinto(bytearray(1))
            time.sleep(0.02)

    with pytest.raises(TimeoutError):
        read_on()
    assert 0.25 < time.monotonic() - began < 5


def test_silence_ends(pair):
    with pytest.raises(TimeoutError):
        BoundedReader(pair[0], time.monotonic() + 0.1, 100).readinto(bytearray(1))


def test_what_is_left():
    assert 4 < left_until(time.monotonic() + 5) <= 5
    with pytest.raises(TimeoutError):
        left_until(time.monotonic() - 1)
