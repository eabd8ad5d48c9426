"""The worlds of an environment by the actions that led to them, so that each further action costs one step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from treadle.domains.domain import Task
from treadle.domains.environment import Environment
from treadle.domains.observed import key_of
from treadle.errors import DomainError
from treadle.plugins import described

KEPT = 64
"""Worlds; the one that was longest not asked for is closed."""
_METHODS = ("reset", "step", "copy", "close")


class NotSetUp(Exception):
    """Why an environment does not take a task."""


class Worlds:
    """Worlds of one environment.

    Args:
        make: The environment's class, made without arguments.
        place: Where it stands, for messages.
        limit: Called before each call of the environment, to begin its time.

    Raises:
        DomainError: It is no class of an environment.
    """

    def __init__(self, make: Callable[[], Environment], place: str, limit: Callable[[], None]) -> None:
        self._make, self._place, self._limit = make, place, limit
        self._kept: OrderedDict[tuple[str, ...], Environment] = OrderedDict()
        if missing := [name for name in _METHODS if not callable(getattr(make, name, None))]:
            raise DomainError(
                f"environment: {place}: {getattr(make, '__name__', type(make).__name__)} has no "
                f"{' and no '.join(missing)}; expected a class with reset(task), step(action), copy() and close(), see "
                "treadle.domains.environment"
            )

    def at(self, task: Task, actions: Sequence[str]) -> Environment:
        """The world after these actions; it is kept, so copy it before anything is done in it.

        Raises:
            NotSetUp: `reset` raised.
        """
        key = (key_of(vars(task)), *actions)
        held = next((n for n in range(len(key), 0, -1) if key[:n] in self._kept), 0)
        if held:
            self._kept.move_to_end(key[:held])
            world = self._kept[key[:held]]
        else:
            held, world = 1, self._keep(key[:1], self._set_up(task))
        for n in range(held, len(key)):
            following, _ = self._after(world, key[n])
            world = self._keep(key[: n + 1], following)
        return world

    def step(self, task: Task, actions: Sequence[str], action: str) -> tuple[str, bool]:
        """What an action after `actions` gives, whose world is kept: the observation, and whether that is the end.

        Raises:
            NotSetUp: `reset` raised.
            DomainError: The environment returned something else.
        """
        key = (key_of(vars(task)), *actions, action)
        world, answer = self._after(self.at(task, actions), action)
        self._keep(key, world)
        return answer

    def again(self, task: Task, actions: Sequence[str]) -> tuple[list[str], list[str]]:
        """What is observed in a world that is set up anew, and in copies of the worlds before each action, which have
        been copied before. An environment that answers otherwise there answers by chance, or its copies share state.

        Raises:
            NotSetUp: `reset` raised.
            DomainError: The environment returned something else.
        """
        kept = [self._after(self.at(task, actions[:n]), action)[1][0] for n, action in enumerate(actions)]
        afresh, world = [], self._set_up(task)
        for action in actions:
            world, (observation, _) = self._after(world, action)
            afresh.append(observation)
        return afresh, kept

    def _set_up(self, task: Task) -> Environment:
        self._limit()
        try:
            world = self._make()
        except Exception as error:
            raise DomainError(
                f"environment: {self._place} cannot be made without arguments ({described(error)})"
            ) from None
        try:
            world.reset(task)
        except Exception as error:
            raise NotSetUp(described(error)) from None
        return world

    def _after(self, world: Environment, action: str) -> tuple[Environment, tuple[str, bool]]:
        self._limit()
        following = world.copy()
        if following is world or not all(callable(getattr(following, name, None)) for name in _METHODS):
            found = "the world itself" if following is world else type(following).__name__
            raise DomainError(f"environment: {self._place}: copy() returned {found}; expected another world")
        answer: Any = following.step(action)
        if not (isinstance(answer, tuple) and [type(part) for part in answer] == [str, bool]):
            raise DomainError(
                f"environment: {self._place}: step({action!r:.60}) returned {answer!r:.80}; expected (observation, "
                'done), a text and True or False, as in return "14", False'
            )
        return following, answer

    def _keep(self, key: tuple[str, ...], world: Environment) -> Environment:
        if (old := self._kept.pop(key, None)) is not None:
            old.close()
        self._kept[key] = world
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)[1].close()
        return world
