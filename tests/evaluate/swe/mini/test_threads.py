import threading

import pytest

from treadle.evaluate.swe.episodes import Outcome
from treadle.evaluate.swe.mini.threads import as_episode


def test_what_is_asked_comes_out_and_answers_come_back():
    episode = as_episode(lambda ask: Outcome(ask("one") + ask("two")))
    assert next(episode) == ["one"]
    assert episode.send(["a"]) == ["two"]
    with pytest.raises(StopIteration) as end:
        episode.send(["b"])
    assert end.value.value == Outcome("ab")


def test_what_is_raised_comes_out():
    def work(ask):
        ask("one")
        raise ZeroDivisionError

    episode = as_episode(work)
    next(episode)
    with pytest.raises(ZeroDivisionError):
        episode.send(["a"])


def test_an_episode_that_is_closed_leaves_no_thread():
    left = []

    def work(ask):
        try:
            ask("one")
        except Exception:  # as mini-swe-agent catches what its steps raise
            ask("again")
        finally:
            left.append(threading.current_thread())

    episode = as_episode(work)
    next(episode)
    episode.close()
    assert len(left) == 1
    assert not left[0].is_alive()
