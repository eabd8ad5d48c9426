"""The worksheets that the quick start's base learns from, and the settings of its pretraining.

They hold both habits of `treadle.miniature.world`: most lines careless and often wrong, a few careful and right. Two
details decide whether whole solutions can be learned later:

- Sheets whose first lines are given (no loss) and often careful throughout. Without them a long careful
  context is out of distribution and accuracy collapses after a few careful lines.
- The closing step is shown explicitly, also as a step of its own after all actions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from treadle.miniature import world
from treadle.scoring.thoughts import PLAIN


@dataclass(frozen=True)
class Habit:
    """How often the sheets' author works a line carefully, in single steps and in whole solutions."""

    next_careful: float
    whole_careful: float


@dataclass(frozen=True)
class Part:
    """One part of the training: `steps` optimizer steps on one author's sheets, the learning rate falling linearly.

    Problems have at most `longest` operations.
    """

    habit: Habit
    steps: int
    learning_rate: float
    longest: int = 12


SKILLED = Habit(0.25, 0.25)


@dataclass(frozen=True)
class PretrainSettings:
    """What the shipped base was made with.

    Args:
        parts: Short problems first, on which a model finds soon where the value and the operation stand; then
            long ones, with enough careful lines to learn how careful work goes; the last part sets how seldom it
            is done.
        batch: Sheets per optimizer step.
        next_share: Share of sheets that ask for one step.
        given_share: Of the whole solutions, the share whose first lines are given.
        longest_given: Most lines that are given.
        careless_right: Share of careless lines whose result is nevertheless right.
    """

    parts: tuple[Part, ...] = (
        Part(SKILLED, 800, 3e-3, longest=3),
        Part(SKILLED, 2500, 3e-3),
        Part(Habit(0.35, 0.05), 400, 5e-4),
    )
    batch: int = 48
    warmup: int = 60
    weight_decay: float = 0.01
    next_share: float = 0.6
    given_share: float = 0.5
    longest_given: int = 8
    careless_right: float = 0.35
    micro_batches: int = 4


def worked_lines(
    rng: random.Random, problem: world.Problem, careful_rates: Sequence[float], careless_right: float
) -> tuple[list[tuple[str, str]], int]:
    """Work `problem` as the sheets' author would.

    Returns:
        `(thought, action)` of every operation and of the closing step, and the value reached.
    """
    value, lines = problem.start, []
    for operation, careful_rate in zip(problem.operations, careful_rates, strict=True):
        if rng.random() < careful_rate:
            thought, result = world.careful_thought(operation, value), operation.apply(value)
        else:
            right = rng.random() < careless_right
            result = operation.apply(value) if right else operation.apply_without_carry(value)
            thought = world.careless_thought(operation)
        lines.append((thought, operation.action(value, result)))
        value = result
    return [*lines, (world.CLOSING_THOUGHT, world.closing_action(value))], value


def sheet(rng: random.Random, settings: PretrainSettings, part: Part) -> tuple[str, str, str]:
    """One worksheet as `(user text, given part of the answer, part to learn)`."""
    if rng.random() < settings.next_share:
        return _next_sheet(rng, settings, part)
    if rng.random() < settings.given_share:
        return _given_sheet(rng, settings, part)
    p = _problem(rng, 4, min(12, part.longest))
    rates = [part.habit.whole_careful] * len(p.operations)
    lines, _ = worked_lines(rng, p, rates, settings.careless_right)
    return "solve " + p.text, "", "\n".join(_block(*line) for line in lines)


def _next_sheet(rng: random.Random, settings: PretrainSettings, part: Part) -> tuple[str, str, str]:
    """One step after any number of earlier actions; after all of them, the closing step."""
    p = _problem(rng, 4, min(10, part.longest))
    lines, _ = worked_lines(rng, p, [part.habit.next_careful] * len(p.operations), settings.careless_right)
    shown = rng.randrange(len(lines))
    return "\n".join(["next " + p.text, *(action for _, action in lines[:shown])]), "", _block(*lines[shown])


def _given_sheet(rng: random.Random, settings: PretrainSettings, part: Part) -> tuple[str, str, str]:
    """A whole solution whose first lines are given, in half of the sheets all of them careful."""
    p = _problem(rng, 3, min(settings.longest_given + 1, part.longest))
    given = rng.randrange(len(p.operations))
    given_careful = 1.0 if rng.random() < 0.5 else rng.random()
    rates = [given_careful] * given + [part.habit.whole_careful] * (len(p.operations) - given)
    lines, _ = worked_lines(rng, p, rates, settings.careless_right)
    blocks = [_block(*line) for line in lines]
    return "solve " + p.text, "".join(b + "\n" for b in blocks[:given]), "\n".join(blocks[given:])


def _problem(rng: random.Random, low: int, high: int) -> world.Problem:
    n = rng.randint(1, 3) if high <= 3 or rng.random() < 0.35 else rng.randint(low, high)
    return world.make_problem(rng, n, rng.randrange(len(world.LABELS) - n + 1))


def _block(thought: str, action: str) -> str:
    return f"{PLAIN.open}{thought}{PLAIN.close}{action}"
