"""Which columns of a row hold the problem, the solution and the rest: presets, or a mapping by the user."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from treadle.data.sources.cells import texts_of
from treadle.errors import DataError

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
    "steps",
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
    "chain_of_thought",
    "cot",
    "complex_cot",
)
REFERENCE_NAMES = (
    "solution",
    "solutions",
    "ground_truth_solution",
    "reference_solution",
    "gold_solution",
    "gold_standard_solution",
    "rationale",
    "explanation",
)
"""Columns of solutions that a data set took over; a thought beside one is a model's where there is its output."""
CHATS = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns", "text", "contents")
GIVEN_NAMES = ("context", "body", "passage", "article")
"""What a question is asked about, in a column of its own."""
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
ANSWER_WORDS = ("answer", "gold", "gt", "result", "truth", "target")
"""Words in the names of columns that may be answers, as something to tell the user of."""
_WORD = re.compile(r"[^\W_]+")


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


_USUAL = {*PROBLEM_NAMES, *SOLUTION_NAMES, *THOUGHT_NAMES, *REFERENCE_NAMES, *ANSWER_NAMES, *CHATS, *GIVEN_NAMES}
_USUAL |= {"id", "options", "choices"}


def with_usual_names(row: dict[str, Any]) -> dict[str, Any] | None:
    """The row with usual names where it has them in capitals or with blanks (`Question`, `Final Answer`); `None` where
    it has no such name, or the usual one as well."""
    renamed: dict[str, Any] = {}
    for name, cell in row.items():
        usual = "_".join(name.lower().split()) if isinstance(name, str) else name
        renamed[usual if usual in _USUAL and usual not in row else name] = cell
    return renamed if renamed.keys() != row.keys() and len(renamed) == len(row) else None


def similar_column(names: Iterable[Any], words: tuple[str, ...]) -> str | None:
    """The first name that has one of the words in it, such as `Customer question`; `None` where none has, or where
    `--columns` cannot name it."""
    nameable = (name for name in names if isinstance(name, str) and not set(name) & set(",='"))
    return next((name for name in nameable if not set(words).isdisjoint(_WORD.findall(name.lower()))), None)


def missing_columns(names: Iterable[str], row: dict[str, Any]) -> str:
    """What is said of columns that a row lacks, with those that it has and the nearest of them."""
    found = [str(name) for name in row]
    near = {name: difflib.get_close_matches(name, found, n=1) for name in names}
    said = [f"no column {name!r}" + (f" (did you mean {match[0]!r}?)" if match else "") for name, match in near.items()]
    return f"{' and '.join(said)}; found {', '.join(found)}"


def is_s1k(row: dict[str, Any]) -> bool:
    """Whether a row has s1K-1.1's attempt of DeepSeek, which is then read and not the one of another model."""
    return bool(texts_of(row.get("question")) and texts_of(row.get("deepseek_attempt")))
