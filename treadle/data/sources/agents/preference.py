"""Form `preference`: pairs of a chosen and a rejected answer, to say that they are no trajectory.

The answers are texts, messages or lists of messages, under names such as `chosen` and `rejected`. Nobody carried out
what they hold, and whoever wants the chosen one as a solution has to say so.
"""

from __future__ import annotations

from typing import Any

from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_PAIRS = (
    ("full_chosen", "full_rejected"),  # Step-DPO, whose `chosen` is a single step
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("chosen_messages", "rejected_messages"),
    ("accepted", "rejected"),
    ("preferred_output", "non_preferred_output"),
    ("preferred", "dispreferred"),
    ("preferred", "rejected"),
)


def _pair(data: dict[str, Any]) -> tuple[str, str] | None:
    return next((pair for pair in _PAIRS if all(_is_answer(data.get(name)) for name in pair)), None)


def _is_answer(value: Any) -> bool:
    return isinstance(value, str | list | dict) and bool(value)


def matches(row: Row) -> bool:
    return _pair(row.data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    pair = _pair(row.data)
    if pair is None:
        raise Rejected(DropReason.MISSING_COLUMN, f"no pair of columns such as {' and '.join(_PAIRS[0])}")
    good, bad = pair
    others = ", ".join(str(name) for name in row.data if name not in pair) or "none"
    if isinstance(row.data[good], str):
        remedy = f"for the chosen one as solution, name its columns with --columns problem=NAME,solution={good}"
    else:
        remedy = f"to train on the chosen ones, write them as rows of `messages` without {good} and {bad}"
    raise Rejected(DropReason.PREFERENCE_PAIR, f"columns {good} and {bad} (others: {others}); {remedy}")


FORM = Form(
    name="preference",
    description="pairs of a chosen and a rejected answer, which are dropped with what to do",
    matches=matches,
    read=read,
)
