"""The small world of the quick start: chained arithmetic that can be done carelessly or carefully.

A problem is a number and a chain of `n` operations `v -> (v * d + e) mod 1000`, written
`243a98b35...`: start at 243, step `a` multiplies by 9 and adds 8, and so on. The expert's action for a
step is one line, `a243*9+8=195`; the last step is `\\boxed{...}`. Guessing an answer succeeds once in 1000.

Three ways of thinking before an action:

- *careless*: only the step's label. In the sheets that the base model was pretrained on, careless
  results forget the carries most of the time, as quick mental arithmetic does.
- *careful*: digit by digit with carries. The base model can do this but seldom chooses to.
- *verbose*: the expert's own style (rounding, remarks, detours), which the base model has never seen.

The training signal must make the model choose the careful way; nothing ever shows it an example of one
in a hard problem. See `docs/miniature.md`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from treadle.trajectory import Step, Trajectory

MODULUS = 1000
MULTIPLIERS = (3, 7, 9)  # coprime to 1000, so that no information about the start is lost on the way
LABELS = "abcdefghijklmnop"
HARD_STEPS = 8

Style = Literal["careless", "careful", "verbose"]


@dataclass(frozen=True)
class Operation:
    """One step of a chain: `label` names it, `v -> (v * multiplier + addend) mod 1000`."""

    label: str
    multiplier: int
    addend: int

    @property
    def text(self) -> str:
        """As a problem writes it, `a98`; the title of its step."""
        return f"{self.label}{self.multiplier}{self.addend}"

    def apply(self, value: int) -> int:
        return (value * self.multiplier + self.addend) % MODULUS

    def apply_without_carry(self, value: int) -> int:
        """The careless result: each digit multiplied by itself, carries forgotten."""
        low = (value % 10 * self.multiplier + self.addend) % 10
        middle = value // 10 % 10 * self.multiplier % 10
        high = value // 100 * self.multiplier % 10
        return 100 * high + 10 * middle + low

    def action(self, value: int, result: int) -> str:
        return f"{self.label}{value:03d}*{self.multiplier}+{self.addend}={result:03d}"


@dataclass(frozen=True)
class Problem:
    start: int
    operations: tuple[Operation, ...]

    @property
    def text(self) -> str:
        return f"{self.start:03d}" + "".join(o.text for o in self.operations)

    @property
    def values(self) -> list[int]:
        """The value before each operation and, last, the answer."""
        values = [self.start]
        for operation in self.operations:
            values.append(operation.apply(values[-1]))
        return values

    @property
    def answer(self) -> str:
        return f"{self.values[-1]:03d}"


def make_problem(rng: random.Random, n_steps: int = HARD_STEPS, first_label: int = 0) -> Problem:
    """A random chain of `n_steps` operations whose labels start at `LABELS[first_label]`."""
    labels = LABELS[first_label : first_label + n_steps]
    operations = tuple(Operation(label, rng.choice(MULTIPLIERS), rng.randrange(10)) for label in labels)
    return Problem(rng.randrange(MODULUS), operations)


def closing_action(value: int) -> str:
    return rf"\boxed{{{value:03d}}}"


CLOSING_THOUGHT = "="


def careless_thought(operation: Operation) -> str:
    return operation.label


def careful_thought(operation: Operation, value: int) -> str:
    """The value, then digit by digit with carries, `a243:3*9+8=35|4*9+3=39|2*9+3=21`: always right."""
    parts, carry = [], operation.addend
    for digit in (value % 10, value // 10 % 10, value // 100):
        product = digit * operation.multiplier + carry
        parts.append(f"{digit}*{operation.multiplier}+{carry}={product:02d}")
        carry = product // 10
    return f"{operation.label}{value:03d}:" + "|".join(parts)


def verbose_thought(rng: random.Random, operation: Operation, value: int) -> str:
    """The expert's way: round and correct, with remarks, some wrong starts and some checks."""

    def rounding(v: int) -> str:
        step = rng.choice((10, 50, 100))
        near = (v + step // 2) // step * step
        product, rest = near * operation.multiplier, abs(near - v) * operation.multiplier
        sign = "-" if near > v else "+"
        total = v * operation.multiplier
        return (
            f"{v} is {near}{sign}{abs(near - v)}, {near}*{operation.multiplier}={product}, "
            f"{abs(near - v)}*{operation.multiplier}={rest}, {product}{sign}{rest}={total}"
        )

    thought = rng.choice(("", "ok, ", "so, ", "let me see, ", "now, "))
    if rng.random() < 0.3:
        thought += rounding(rng.randrange(MODULUS)) + ", no wait, wrong number. "
    total = value * operation.multiplier
    thought += rounding(value) + f", {total}+{operation.addend}={total + operation.addend}"
    if rng.random() < 0.3:
        thought += f", check: {total + operation.addend}-{operation.addend}={total}"
    return thought + rng.choice(("", ", good", ", fine", ". right"))


def expert_trajectory(problem: Problem, id: str, style: Style = "verbose", seed: int = 0) -> Trajectory:
    """The expert's solution of `problem`, each step with a thought in `style`.

    The actions do not depend on the style; only supervised baselines ever read the thoughts.
    """
    rng = random.Random(f"{seed}/{problem.text}")
    steps = []
    for operation, value in zip(problem.operations, problem.values, strict=False):
        thought = {
            "careless": lambda o=operation: careless_thought(o),
            "careful": lambda o=operation, v=value: careful_thought(o, v),
            "verbose": lambda o=operation, v=value: verbose_thought(rng, o, v),
        }[style]()
        steps.append(Step(operation.action(value, operation.apply(value)), title=operation.text, thought=thought))
    steps.append(Step(closing_action(problem.values[-1]), thought=CLOSING_THOUGHT))
    return Trajectory(
        id=id,
        problem=problem.text,
        steps=tuple(steps),
        answer=problem.answer,
        domain="miniature",
        verified=True,
        meta={},
    )
