"""The generations of a run by their place in it, in memory and, as they finish, in the run's journal."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

from treadle.evaluate.records import Doubt, Finish, Generation, Key, Placed, Request
from treadle.evaluate.store import Journal
from treadle.files.typed import checked

WHOLE = 0
"""The step of a generation that is a whole solution; the steps of the loop count from 1."""


class Turn(NamedTuple):
    """A generation that the back end gave, and how many of its tokens are thoughts."""

    generation: Generation
    thought_tokens: int


class Turns:
    """What was generated so far.

    Args:
        journal: Where generations are kept; without one they are kept in memory alone.

    Attributes:
        failed: Attempts whose next generation the back end did not give, with its last error. They are tried again by
            the next run.
        doubts: Of each attempt, how often something of an answer was not taken as it came.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._turns: dict[tuple[Key, int], Turn] = {}
        self.failed: dict[Key, str] = {}
        self.doubts: defaultdict[Key, Counter[Doubt]] = defaultdict(Counter)
        for number, record in enumerate(journal or (), 1):
            self._take(*_from_record(record, f"{journal.path}, line {number}"))

    def __len__(self) -> int:
        return len(self._turns)

    def get(self, key: Key, step: int) -> Turn | None:
        """The generation at this place, `None` where there is none yet."""
        return self._turns.get((key, step))

    def put(self, key: Key, step: int, request: Request, turn: Turn) -> None:
        """Keep a generation; it is in the journal when this returns."""
        if self._journal is not None:
            self._journal.append(_as_record(key, step, request, turn))
        self._take(key, step, turn)

    def _take(self, key: Key, step: int, turn: Turn) -> None:
        if turn.generation.finish is Finish.FAILED:
            self.failed[key] = turn.generation.error or "no reason given"
            return
        self.failed.pop(key, None)
        self._turns[key, step] = turn
        if turn.generation.doubts:
            self.doubts[key].update(turn.generation.doubts)


def _as_record(key: Key, step: int, request: Request, turn: Turn) -> dict[str, Any]:
    generation = turn.generation
    return {
        **key._asdict(),
        "step": step,
        "prompt": request.prompt,
        "text": generation.text,
        "n_tokens": generation.n_tokens,
        "thought_tokens": turn.thought_tokens,
        "finish": str(generation.finish),
        "error": generation.error,
        "seed": request.seed,
        **({"doubts": [str(doubt) for doubt in generation.doubts]} if generation.doubts else {}),
    }


@dataclass(frozen=True)
class _Line(Placed):
    """What is read of a line of the journal."""

    text: str
    n_tokens: int
    thought_tokens: int
    finish: Finish
    error: str | None
    doubts: tuple[Doubt, ...] = ()


def _from_record(record: dict[str, Any], where: str) -> tuple[Key, int, Turn]:
    line = checked(_Line, record, where, "delete this line, and `treadle evaluate` generates it again")
    generation = Generation(line.text, line.n_tokens, line.finish, line.error, line.doubts)
    return line.key, line.step, Turn(generation, line.thought_tokens)
