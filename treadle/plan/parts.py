"""One part of a device's memory, and the phase of a step that holds the most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["rollout", "update"]
BOTH: tuple[Phase, ...] = ("rollout", "update")


@dataclass(frozen=True)
class Part:
    """Bytes of one device, in the phases in which they are held, and where they come from, for people."""

    name: str
    bytes: float
    phases: tuple[Phase, ...]
    rests_on: str


def peak(parts: list[Part]) -> tuple[Phase, float]:
    """The phase that holds the most, and its bytes."""
    totals = {phase: sum(part.bytes for part in parts if phase in part.phases) for phase in BOTH}
    phase = max(totals, key=totals.get)
    return phase, totals[phase]
