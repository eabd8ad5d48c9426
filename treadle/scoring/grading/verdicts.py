"""What grading says: a verdict, the rule that led to it, and the version of the rules."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

KINDS = ("math", "integer", "minerva", "text", "choice")
"""How an answer may be graded, see `treadle.scoring.grading`."""

RULES_VERSION = 1  # to be raised with every change that can turn a verdict


class Verdict(StrEnum):
    """What became of one answer."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    HUNG = "hung"
    CRASHED = "crashed"


class Grade(NamedTuple):
    """A verdict and the rule that decided, in a few words such as `numbers within 1e-4`."""

    verdict: Verdict
    why: str


class Finding(NamedTuple):
    """What a rule found: whether two answers are the same, and the rule's name."""

    same: bool
    why: str


@cache
def grader_version() -> str:
    """The version of everything that a verdict depends on, for results."""
    libraries = "; ".join(f"{name} {version(name)}" for name in ("math-verify", "latex2sympy2_extended", "sympy"))
    return f"treadle rules {RULES_VERSION}; {libraries}"
