"""Which columns of a row hold the problem, the solution and the rest: presets, or a mapping by the user."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any

from treadle.errors import DataError

SUCCESS_AT = 1.0
"""The reward from which on a row counts as right."""

PROBLEM_NAMES = ("problem", "question", "prompt", "instruction", "query", "problem_statement", "problem_text", "input")
SOLUTION_NAMES = (
    "response",
    "responses",
    "output",
    "outputs",
    "completion",
    "completions",
    "generation",
    "generations",
    "deepseek_attempt",
    "deepseek_solution",
    "attempt",
    "model_answer",
    "model_output",
    "model_solution",
    "generated_solution",
    "generated_text",
    "solution",
    "solutions",
    "ground_truth_solution",
    "reference_solution",
    "gold_solution",
    "rationale",
    "explanation",
    "content",
    "text",
)
THOUGHT_NAMES = (
    "reasoning_content",
    "reasoning",
    "thinking",
    "think",
    "thought",
    "thoughts",
    "reasoning_trace",
    "thinking_trajectory",
    "thinking_trajectories",
)
ANSWER_NAMES = (
    "answer",
    "final_answer",
    "ground_truth",
    "ground_truth_answer",
    "reference_answer",
    "expected_answer",
    "gold_answer",
    "correct_answer",
    "gold",
    "gt",
)


@dataclass(frozen=True)
class Columns:
    """Names of columns. All that are named must exist, except those of a preset's `optional`.

    Args:
        thought: Reasoning that came before the solution and belongs to its first step.
        verified: Whether the solution is right: a boolean, a number, or yes and no; see `as_flag`.
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


def is_s1k(row: dict[str, Any]) -> bool:
    """Whether a row has s1K-1.1's attempt of DeepSeek, which is then read and not the one of another model."""
    return bool(texts_of(row.get("question")) and texts_of(row.get("deepseek_attempt")))


def is_blank(value: Any) -> bool:
    """Whether a cell holds nothing, as tables have it where a row lacks the column."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def texts_of(cell: Any) -> list[str]:
    """The texts of a cell that are not blank: of a text one, of a list of texts all; of anything else none."""
    if isinstance(cell, str):
        return [cell] if cell.strip() else []
    if isinstance(cell, list) and all(isinstance(text, str | None) for text in cell):
        return [text for text in cell if text and text.strip()]
    return []


def one_text(cell: Any) -> Any:
    """The text of a list of one text, which is how some tools write a cell; anything else as it is."""
    return cell[0] if isinstance(cell, list) and len(cell) == 1 and isinstance(cell[0], str) else cell


def first_text(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of `names` that holds text which is not blank."""
    return next((name for name in names if isinstance(row.get(name), str) and row[name].strip()), None)


def as_flag(value: Any, success_at: float = SUCCESS_AT) -> bool | None:
    """What a cell says about success, as sources write it; `None` where it says nothing.

    A number is success from `success_at` on and failure below. Above 1 it is no reward between 0 and 1 (a score from 1
    to 5, a count), and says nothing unless `success_at` is above 1 too.
    """
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        return None
    text = str(value).strip().lower()
    if text in ("true", "yes", "correct", "right", "passed", "success", "resolved"):
        return True
    if text in ("false", "no", "incorrect", "wrong", "failed", "failure", "unresolved"):
        return False
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number) or (number > 1 and success_at <= 1):
        return None
    return number >= success_at
