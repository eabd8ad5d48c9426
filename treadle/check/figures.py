"""Figures of a sample in words, each with the interval that says how sure it is."""

from __future__ import annotations

from treadle.check.measured import Answers, Steps
from treadle.statistics.estimates import Estimate, wilson


def shares(count: int, groups: int) -> str:
    """So many of so many groups."""
    return f"{count} of {groups} groups ({_interval(wilson(count, groups))})"


def differing(steps: Steps) -> str:
    """In how many groups steps differ in their rewards, and what of these the stage's `sampling_floor` drops."""
    poor = f", {steps.poor} of them below sampling_floor" if steps.poor else ""
    return f"{shares(steps.differing, steps.groups)}{poor}"


def rates(answers: Answers) -> str:
    """How often whole solutions are right, and in how many groups."""
    return (
        f"{sum(answers.right)} of {answers.total} whole solutions are right ({_interval(answers.rate)}), "
        f"and {answers.solved} of {answers.groups} groups of {answers.rollouts} have a right one"
    )


def broken(steps: Steps) -> str:
    """How many steps break the format, and mostly how."""
    most = f", mostly {steps.fault}" if steps.fault else ""
    return f"{sum(steps.broken)} of {steps.total} steps break the format ({_interval(steps.broken_share)}{most})"


def similarities(steps: Steps) -> str:
    """The similarity of well-formed steps beside its floor."""
    if steps.similarity is None:
        return "similarity not measured"
    value, low, high = steps.similarity
    floor = "floor not known" if steps.floor is None else f"floor {steps.floor:.2f}"
    return f"similarity {value:.2f} (95% interval {low:.2f} to {high:.2f}; {floor})"


def cut_short(of: Answers | Steps, what: str) -> str:
    """How many the check itself cut off."""
    return f"{of.cut} of {of.total} {what} were cut off at the check's {of.limit} tokens, where the stage allows more"


def more_room(of: Answers | Steps) -> str:
    """What gives twice as many tokens."""
    return f"--tokens {2 * of.limit} --seconds {of.seconds}"


def _interval(share: Estimate) -> str:
    return f"95% interval {share.low:.0%} to {share.high:.0%}"
