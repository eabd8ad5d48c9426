"""What a model's first rollouts and their data amount to: one state of a list, by limits that are named here.

A share of few groups is above a limit, below it, or neither: where its interval holds the limit, the sample is too
small to tell. docs/which.md shows the states in the same order, with the evidence beside each; a test holds it to this.
"""

from __future__ import annotations

from enum import StrEnum

from treadle.check.measured import Answers, Demonstrations, Measured, Steps
from treadle.statistics.estimates import wilson

SIGNAL = 0.25
"""Share of groups with a signal below which a stage of RL is starved. Four rounds of sampling, the default, then bring
1 - 0.75^4 = 68% of a batch; steps on one or two groups of sixteen ruined a skill (docs/log.md)."""
MOST = 0.5
"""Share from which on most do. With 61% of broken formats the real model needed a warm-up (docs/real-model.md)."""
MASTERED = 0.98
"""Similarity at which steps are done. The quick start's base samples at 0.94 with most still to learn."""
MANY, SHORT = 1_000, 1_000
"""More trajectories than this, of fewer characters each, are many short ones. Fine-tuning was better than SRL on 1,600
solutions of 285 characters (docs/real-model.md), and below the base on the paper's 1,000 long ones (docs/paper.md)."""
OWN_STYLE = 0.5
"""Nats a token by which thoughts of the student's own style may be less likely than its own words. On the quick
start's base careful thoughts lie 0.07 below its own words, verbose ones 12 above (docs/which.md)."""


class State(StrEnum):
    """What was measured, by what it asks for. The first that applies, in this order."""

    RLVR_SIGNAL = "rlvr_signal"
    TOO_EASY = "too_easy"
    NO_STEPS = "no_steps"
    CUT_OFF = "cut_off"
    FORMAT = "format"
    OWN_STYLE = "own_style"
    MASTERED = "mastered"
    NOTHING_TO_COMPARE = "nothing_to_compare"
    NO_SPREAD = "no_spread"
    FLOOR_MANY_SHORT = "floor_many_short"
    FLOOR = "floor"
    TOO_FEW = "too_few"
    AGENTS = "agents"
    NO_ANSWERS = "no_answers"
    SRL_FIRST = "srl_first"


class Signal(StrEnum):
    """What RLVR would find."""

    NONE = "none"
    UNSURE = "unsure"
    SOME = "some"
    EASY = "easy"


def above(count: int, trials: int, limit: float) -> bool | None:
    """Whether a share lies above or below a limit; `None` where its interval holds the limit."""
    interval = wilson(count, trials)
    return True if interval.low >= limit else False if interval.high < limit else None


def signal(answers: Answers) -> Signal:
    """What RLVR would find, by groups: solved at all, and then both right and wrong.

    More right rollouts never make a signal none: solved groups only become more. Where most rollouts were cut off by
    the check, none right says nothing.
    """
    solved = above(answers.solved, answers.groups, SIGNAL)
    if not solved:
        return Signal.UNSURE if solved is None or mostly_cut(answers) else Signal.NONE
    mixed = above(answers.mixed, answers.groups, SIGNAL)
    return Signal.UNSURE if mixed is None else Signal.SOME if mixed else Signal.EASY


def state_of(measured: Measured) -> State:
    """The one state of what was measured."""
    answers, steps, experts = measured.answers, measured.steps, measured.demonstrations
    found = signal(answers) if answers else None
    if found is Signal.SOME:
        return State.RLVR_SIGNAL
    if found is Signal.EASY:
        return State.TOO_EASY
    if steps is None:
        return State.TOO_FEW if found is Signal.UNSURE else State.NO_STEPS
    if mostly_cut(steps):
        return State.CUT_OFF
    if steps.broken_share.value >= MOST:
        return State.FORMAT
    if in_own_style(experts):  # to a model that writes at random all texts are alike, so the format comes first
        return State.OWN_STYLE
    if steps.similarity and steps.similarity.low >= MASTERED:
        return State.MASTERED
    spread = above(steps.differing, steps.groups, SIGNAL)
    if spread is False:
        bridged = found is Signal.NONE and experts.several_steps >= MOST
        return State.NOTHING_TO_COMPARE if bridged else State.NO_SPREAD
    if at_floor(steps):
        many_short = experts.count > MANY and experts.characters < SHORT
        return State.FLOOR_MANY_SHORT if many_short else State.FLOOR
    if spread is None or found is Signal.UNSURE:
        return State.TOO_FEW
    if answers is None:
        return State.AGENTS if experts.agents else State.NO_ANSWERS
    return State.SRL_FIRST


def at_floor(steps: Steps) -> bool:
    """Whether the whole interval of the similarity lies at the floor or below."""
    return steps.similarity is not None and steps.floor is not None and steps.similarity.high <= steps.floor


def in_own_style(experts: Demonstrations) -> bool:
    """Whether most experts' thoughts are known, and are about as likely to the model as what it writes itself."""
    if experts.thoughts < MOST or experts.surprise is None or experts.own_surprise is None:
        return False
    return experts.surprise - experts.own_surprise <= OWN_STYLE


def mostly_cut(of: Answers | Steps) -> bool:
    """Whether the check itself cut off so many that they say nothing."""
    return of.cut >= MOST * of.total
