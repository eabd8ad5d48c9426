"""What a field's environment offers: a world that answers to actions, for the think-act loop and for replays.

It runs in a process of its own (`treadle.domains.hosting`), so that what a model wrote can hang or kill nothing else;
what an action may do there is the environment's own business: it must not execute anything outside its sandbox.
"""

from __future__ import annotations

from typing import Protocol

from treadle.domains.domain import Task


class Environment(Protocol):
    """One world at a time; the same task and actions give the same observations, always.

    A class is named in `domain.yaml` (`environment: world.py:World`) and made without arguments.
    """

    def reset(self, task: Task) -> None:
        """Set the task up, from its `setup`. Raise `ValueError` for a task that cannot be set up."""

    def step(self, action: str) -> tuple[str, bool]:
        """Carry out an action; what cannot be carried out is answered, never raised.

        Returns:
            The observation, and whether the episode is over.
        """

    def copy(self) -> Environment:
        """Another world in the same state, so that attempts with the same first actions share them."""

    def close(self) -> None:
        """Give back what it holds."""
