"""Checkpoints that appear whole, and runs that go on from them."""

from __future__ import annotations

from typing import Any, Protocol


class Part(Protocol):
    """A part of a trainer that outlives a checkpoint."""

    def state(self) -> Any:
        """What it holds, alike in all processes: plain Python, tensors, lists and dictionaries of these."""

    def load_state(self, state: Any) -> None:
        """Go on from what `state` returned."""
