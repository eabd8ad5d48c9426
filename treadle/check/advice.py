"""Which method to begin with: the state of a sample, the kinds of stages that it asks for, and why, in words.

`treadle.plan.advice` is something else: settings with which a stage fits.
"""

from __future__ import annotations

from typing import NamedTuple

from treadle.check.measured import Measured
from treadle.check.sentences import sentence
from treadle.check.state import State, state_of
from treadle.repository import in_repository

PAGE = in_repository("docs/which.md")
STAGES: dict[State, tuple[str, ...]] = {
    State.RLVR_SIGNAL: ("srl", "rlvr"),
    State.TOO_EASY: (),
    State.NO_STEPS: (),
    State.CUT_OFF: (),
    State.FORMAT: ("warmup", "srl", "rlvr"),
    State.OWN_STYLE: ("sft",),
    State.MASTERED: ("srl", "rlvr"),
    State.NOTHING_TO_COMPARE: ("rlvr",),
    State.NO_SPREAD: ("sft",),
    State.FLOOR_MANY_SHORT: ("sft", "srl", "rlvr"),
    State.FLOOR: ("srl", "rlvr"),
    State.TOO_FEW: (),
    State.AGENTS: ("srl",),
    State.NO_ANSWERS: ("srl",),
    State.SRL_FIRST: ("srl", "rlvr"),
}
"""Kinds of stages that do what is advised; none where nothing is to be trained yet."""


class Advice(NamedTuple):
    """What to begin with.

    Args:
        state: What was measured.
        stages: Kinds of stages, in order, without those that the data has no rows for; empty where nothing is to be
            trained yet.
        text: The figures that decided, and what to do.
    """

    state: State
    stages: tuple[str, ...]
    text: str


def advise(measured: Measured) -> Advice:
    """The one advice for what was measured."""
    state = state_of(measured)
    lacking = () if measured.answers else ("rlvr",)
    lacking += () if measured.steps else ("srl", "warmup")
    return Advice(state, tuple(kind for kind in STAGES[state] if kind not in lacking), sentence(state, measured))
