"""The process that runs a domain's code: one JSON line in, one out. Started by `treadle.domains.hosting`.

It imports the verdict's function and the environment's class, then sets its limits and answers

- `{"do": "set_up", "task"}`: `{}`, or `{"unset": why}` for a task that cannot be set up;
- `{"do": "step", "task", "actions", "action"}`: `{"observation", "done"}` of the action after those before it;
- `{"do": "again", "task", "actions"}`: `{"afresh", "kept"}`, the observations of an episode in a world that is set up
  anew, and in copies of the worlds in which each action was carried out before;
- `{"do": "split", "task", "text"}`: `{"actions"}` of a whole solution;
- `{"do": "judge", "task", "attempt", "actions"}`: `{"verdict", "why"}`, where the world after the actions is given to a
  function of three parameters;

and `{"fault", "why"}` for code that raised or took all memory, `{"error"}` for code that does not do what it has to.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from treadle.domains.domain import Attempt, Task
from treadle.domains.places import imported_from
from treadle.domains.verdict_words import read_verdict, short
from treadle.domains.worlds import NotSetUp, Worlds
from treadle.errors import DomainError
from treadle.files.encodings import encodable
from treadle.plugins import described
from treadle.processes import limit_files, limit_memory, limit_time

LONGEST = 20_000
"""Characters of an observation; what is beyond is cut off with a note."""


class Served:
    """What a domain has the process do.

    Args:
        given: `folder`, `memory_mb`, and of those that there are `verdict`, `environment` and `split`, each with
            `place` and `seconds`.

    Raises:
        DomainError: A place cannot be imported, or what stands there is no such thing.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        folder = Path(given["folder"])
        self._judge: Callable[..., Any] | None = None
        self._worlds: Worlds | None = None
        self._verdict, environment = given.get("verdict"), given.get("environment")
        if environment is not None:
            made = imported_from(environment["place"], folder, "environment")
            self._worlds = Worlds(made, environment["place"], lambda: limit_time(environment["seconds"]))
        self._split = given.get("split")
        if self._split is not None:
            self._cut = imported_from(self._split["place"], folder, "split")
            if not callable(self._cut):
                found = type(self._cut).__name__
                raise DomainError(f"split: {self._split['place']}: found {found}, expected a function of a text")
        if self._verdict is not None:
            self._judge = imported_from(self._verdict["place"], folder, "verdict")
            self._with_world = _takes_a_world(self._judge, self._verdict["place"], self._worlds is not None)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to a line."""
        try:
            return getattr(self, asked["do"])(asked, Task(**asked["task"]))
        except DomainError as error:
            return {"error": str(error)}
        except NotSetUp as error:
            return {"unset": short(str(error))}
        except MemoryError as error:
            return {"fault": "memory", "why": short(described(error))}
        except BaseException as error:  # of a domain's code, SystemExit too
            return {"fault": "raised", "why": short(described(error))}

    def set_up(self, asked: dict[str, Any], task: Task) -> dict[str, Any]:
        self._worlds.at(task, ())
        return {}

    def step(self, asked: dict[str, Any], task: Task) -> dict[str, Any]:
        observation, done = self._worlds.step(task, tuple(asked["actions"]), asked["action"])
        return {"observation": _cut(observation), "done": done}

    def again(self, asked: dict[str, Any], task: Task) -> dict[str, Any]:
        afresh, kept = self._worlds.again(task, tuple(asked["actions"]))
        return {"afresh": [_cut(answer) for answer in afresh], "kept": [_cut(answer) for answer in kept]}

    def split(self, asked: dict[str, Any], task: Task) -> dict[str, Any]:
        limit_time(self._split["seconds"])
        actions = self._cut(asked["text"])
        if not isinstance(actions, list | tuple) or not all(isinstance(action, str) for action in actions):
            raise DomainError(f"split: {self._split['place']} returned {actions!r:.80}; expected a list of texts")
        return {"actions": list(actions)}

    def judge(self, asked: dict[str, Any], task: Task) -> dict[str, Any]:
        given = asked["attempt"]
        attempt = Attempt(tuple(given["actions"]), tuple(given["observations"]), given["answer"], given["text"])
        kept = [self._worlds.at(task, tuple(asked["actions"]))] if self._with_world else []
        limit_time(self._verdict["seconds"])
        more = [world.copy() for world in kept]
        verdict, why = read_verdict(self._judge(task, attempt, *more), self._verdict["place"])
        for world in more:
            world.close()
        return {"verdict": verdict, "why": why}


def _takes_a_world(judge: Any, place: str, has_world: bool) -> bool:
    """Whether a verdict's function has a third parameter, for the world."""
    expected = f"verdict: {place}: expected a function judge(task, attempt), or judge(task, attempt, world)"
    if not callable(judge):
        raise DomainError(f"{expected}; found {type(judge).__name__}")
    try:
        signature = inspect.signature(judge)
    except (TypeError, ValueError):
        return False
    for count in (3, 2) if has_world else (2,):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count == 3
    without = "" if has_world else "; a world needs an environment, environment: world.py:World in domain.yaml"
    raise DomainError(f"{expected}; found {getattr(judge, '__name__', 'one')}{signature}{without}")


def _cut(text: str) -> str:
    text = encodable(text)
    over = len(text) - LONGEST
    return text if over <= 0 else f"{text[:LONGEST]}\n[{over:,} more characters left out]"


def serve(given: dict[str, Any]) -> None:
    """Answer until the input ends."""
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # what a domain's code prints must not be taken for an answer
    limit_memory(given["memory_mb"] << 20)
    own = os.getpid()

    def say(answer: dict[str, Any]) -> None:
        if os.getpid() != own:  # a process that the domain's code forked and that came back to here
            os._exit(0)
        print(json.dumps(answer), file=answers, flush=True)

    try:
        served = Served(given)
    except DomainError as error:
        say({"error": str(error)})
        return
    limit_files()
    say({})
    for line in questions:
        answer = served.answer(json.loads(line))
        limit_time(0)
        say(answer)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
