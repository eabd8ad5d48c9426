"""What grading says: a verdict, the rule that led to it, and the version of the rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Literal, NamedTuple

from treadle.domains.verdict_words import Verdict

GRADERS = ("treadle", "math_verify")
"""Who judges: these rules, or math-verify alone."""
GraderName = Literal["treadle", "math_verify"]

RULES_VERSION = 5  # to be raised with every change that can turn a verdict


class Grade(NamedTuple):
    """A verdict and the rule that decided, in a few words such as `numbers within 1e-4`."""

    verdict: Verdict
    why: str


class Finding(NamedTuple):
    """What a rule found: whether two answers are the same, `None` where it cannot be told, and the rule's name."""

    same: bool | None
    why: str


class Case(NamedTuple):
    """What a rule needs besides the two plain forms.

    Args:
        kind: One of `KINDS`.
        again: Judges two parts by all rules; `None` where that needs computer algebra and there is none.
        compare: Computer algebra: judges two expressions of a kind.
    """

    kind: str
    again: Callable[[str, str], Finding | None]
    compare: Callable[[str, str, str], Finding] | None = None

    def computed(self, left: str, right: str) -> Finding | None:
        """The finding of computer algebra, `None` where there is none."""
        return self.compare(left, right, self.kind) if self.compare else None


Rule = Callable[[str, str, Case], "Finding | None"]
"""A rule takes two plain forms. It returns `NotImplemented` where it does not apply, and `None` where computer algebra
has to be asked and there is none."""


@cache
def grader_version(grader: GraderName = "treadle") -> str:
    """The version of everything that a verdict depends on, for results."""
    libraries = "; ".join(f"{name} {version(name)}" for name in ("math-verify", "latex2sympy2_extended", "sympy"))
    return f"treadle rules {RULES_VERSION}; {libraries}" if grader == "treadle" else f"math_verify alone; {libraries}"
