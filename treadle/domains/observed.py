"""What became of actions, and what of it is remembered."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from treadle.domains.domain import Limits

REMEMBERED = 4096
"""Observations that are not asked for again."""


@dataclass(frozen=True)
class Observed:
    """What became of an action.

    Args:
        observation: The environment's answer; with a fault, a sentence that says it.
        done: Whether the episode is over.
        fault: `timeout`, `memory`, `crashed` or `raised` where the environment gave no answer; the world is then as it
            was before the action, and the episode goes on.
    """

    observation: str
    done: bool
    fault: str = ""


def failed(fault: str, limits: Limits, why: str) -> Observed:
    """An action to which the environment gave no answer."""
    said = {
        "timeout": f"The environment gave up after {limits.seconds:g} s of processor time.",
        "memory": f"The environment gave up at {limits.memory_mb:,} MB of memory.",
        "crashed": "The environment's process died.",
        "raised": f"The environment failed: {why}",
    }
    return Observed(said[fault], False, fault)


class Remembered:
    """The observations that were asked for last, by task and actions. Safe to use from any thread."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Observed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Observed | None:
        """What stands under a key of `key_of`, `None` for nothing."""
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
            return self._seen.get(key)

    def put(self, key: str, seen: Observed) -> None:
        """Remember an observation, and forget the oldest where there are too many."""
        with self._lock:
            self._seen[key] = seen
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)


def key_of(*parts: Any) -> str:
    """A short text of what may be long, to remember it by."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
