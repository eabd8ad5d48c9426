"""Code that asks and waits, as an episode, which yields what it asks: it runs in a thread of its own.

mini-swe-agent owns its loop. So its episodes are played side by side and continued like all others, and one of the two
threads waits at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from treadle.evaluate.swe.episodes import Answer, Ask, Episode, Outcome


class _Over(BaseException):
    """The episode was closed before its end."""


def as_episode(work: Callable[[Callable[[Ask], Answer]], Outcome]) -> Episode:
    """An episode of `work`, which is given a function that asks; what `work` raises, the episode raises."""
    said: SimpleQueue[Ask | Outcome | BaseException] = SimpleQueue()
    heard: SimpleQueue[Answer | None] = SimpleQueue()

    def ask(question: Ask) -> Answer:
        said.put(question)
        answer = heard.get()
        if answer is None:
            raise _Over
        return answer

    def play() -> None:
        try:
            said.put(work(ask))
        except BaseException as error:
            said.put(error)

    thread = Thread(target=play, daemon=True)
    thread.start()
    try:
        while True:
            found = said.get()
            if isinstance(found, BaseException):
                raise found
            if isinstance(found, Outcome):
                return found
            [answer] = yield [found]
            heard.put(answer)
    finally:
        heard.put(None)
        thread.join()
