"""Which columns of a row hold the problem, the solution and the rest: presets, or a mapping by the user."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from treadle.errors import DataError

PROBLEM_NAMES = ("problem", "question", "prompt", "instruction", "query")
SOLUTION_NAMES = ("response", "output", "completion", "generation", "deepseek_attempt", "solution", "model_answer")
ANSWER_NAMES = ("answer", "final_answer", "ground_truth", "ground_truth_answer", "reference_answer", "expected_answer")


@dataclass(frozen=True)
class Columns:
    """Names of columns. All that are named must exist, except those of a preset's `optional`.

    Args:
        thought: Reasoning that came before the solution and belongs to its first step.
        verified: Whether the solution is right: a boolean, 0 or 1, or yes and no.
        optional: Fields of a preset that are used where the data has them.
    """

    problem: str
    solution: str
    answer: str | None = None
    id: str | None = None
    thought: str | None = None
    verified: str | None = None
    optional: tuple[str, ...] = ()

    @property
    def required(self) -> list[str]:
        """Names of the columns that the data must have."""
        named = {f: getattr(self, f) for f in FIELDS}
        return [column for f, column in named.items() if column is not None and f not in self.optional]


FIELDS = ("problem", "solution", "answer", "id", "thought", "verified")
_EXTRAS = FIELDS[2:]


PRESETS = {
    "plain": Columns("problem", "solution", answer="answer", id="id", verified="verified", optional=_EXTRAS),
    "s1k-1.1": Columns(
        "question",
        "deepseek_attempt",
        thought="deepseek_thinking_trajectory",
        verified="deepseek_grade",
        optional=_EXTRAS,
    ),
}


def parse_columns(text: str) -> Columns:
    """Read `--columns`: a preset's name, or `problem=NAME,solution=NAME,...`.

    Raises:
        DataError: Neither; the message shows both forms.
    """
    if text in PRESETS:
        return PRESETS[text]
    known = list(FIELDS)
    mapping = {}
    for part in text.split(","):
        key, found, value = part.partition("=")
        key, value = key.strip(), value.strip()
        if not found or not value or key not in known:
            near = difflib.get_close_matches(key, [*known, *PRESETS], n=1)
            raise DataError(
                f"--columns {text!r}: {part!r} is not understood"
                + (f" (did you mean {near[0]!r}?)" if near else "")
                + f"; expected a preset ({', '.join(PRESETS)}) or problem=NAME,solution=NAME"
                + f" with any of {', '.join(known[2:])} besides"
            )
        mapping[key] = value
    missing = [key for key in known[:2] if key not in mapping]
    if missing:
        raise DataError(f"--columns {text!r}: {' and '.join(missing)} missing; expected problem=NAME,solution=NAME")
    return Columns(**mapping)


def detect(row: dict[str, Any]) -> Columns | None:
    """The first preset whose required columns the row has."""
    return next((c for c in PRESETS.values() if all(name in row for name in c.required)), None)


def first_text(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of `names` that holds text which is not blank."""
    return next((name for name in names if isinstance(row.get(name), str) and row[name].strip()), None)


def as_flag(value: Any) -> bool | None:
    """`verified` as sources write it; `None` where it says nothing."""
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        return None
    text = str(value).strip().lower()
    if text in ("1", "1.0", "true", "yes", "correct", "right"):
        return True
    if text in ("0", "0.0", "false", "no", "incorrect", "wrong"):
        return False
    return None
