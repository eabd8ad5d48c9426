"""Several generations of one problem: which of them are complete and right, by the row's flags or by their answer.

Flags stand in lists beside the generations (`correctness_math_verify: [true, false]`), or in the generations where
these are objects (`{"text": ..., "correct": true}`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from treadle.data.sources.answer_check import is_right
from treadle.data.sources.columns import SOLUTION_NAMES
from treadle.data.sources.marks import THOUGHT_MARK, marks_of
from treadle.data.sources.math.reference import reference_answer
from treadle.data.sources.report import DropReason
from treadle.data.sources.verified import SUCCESS_AT, as_flag
from treadle.files.rows import Rejected
from treadle.scoring.answers import boxes

_FLAGS = ("correctness_math_verify", "correctness_llama", "correctness", "is_correct", "correct", "verified")
_REWARDS = ("rewards", "scores", "reward", "score")
_COMPLETE = ("is_reasoning_complete", "is_complete", "complete")
_REASONS, _REASON = "finish_reasons", "finish_reason"
_CUT_OFF = ("length", "max_tokens")
_TEXTS = ("text", "content", *SOLUTION_NAMES)


class Found(NamedTuple):
    """A text that may be the solution.

    Args:
        column: Where it stands.
        text: As the source has it.
        thought: What the source has of the thought apart from the text.
        problem, system: Of the chat that it is the answer of.
        place: Its index among several generations.
        of: How many there are.
        right: Whether flags of the row call this one of several generations right.
    """

    column: str
    text: str
    thought: str = ""
    problem: str = ""
    system: str = ""
    place: int = 0
    of: int = 1
    right: bool | None = None

    @property
    def has_thought(self) -> bool:
        return bool(self.thought) or bool(marks_of(self.text, THOUGHT_MARK)) or "assistantfinal" in self.text


def opened(data: dict[str, Any]) -> dict[str, Any]:
    """The row with generations that are objects as lists of texts, and their flags as lists beside them."""
    changed: dict[str, Any] = {}
    for name in SOLUTION_NAMES:
        cell = data.get(name)
        if not (
            isinstance(cell, list) and cell and all(isinstance(item, dict) and "role" not in item for item in cell)
        ):
            continue
        key = next((key for key in _TEXTS if isinstance(cell[0].get(key), str)), None)
        if key is None:
            continue
        changed[name] = [item.get(key) for item in cell]
        for flag in (*_FLAGS, *_REWARDS, *_COMPLETE, _REASON):
            if flag in cell[0]:
                changed[_REASONS if flag == _REASON else flag] = [item.get(flag) for item in cell]
    return {**data, **changed} if changed else data


def right_ones(data: dict[str, Any], found: list[Found], success_at: float = SUCCESS_AT) -> list[Found]:
    """Of generations those that the row's flags call complete and right, or whose answer is the reference.

    Args:
        data: As `opened` gives it.

    Raises:
        Rejected: There are generations, and none is.
    """
    if not found:
        return []
    flags = {
        name: [as_flag(value, success_at) for value in values]
        for name, values in _aligned(data, (*_FLAGS, *_REWARDS), found).items()
    }
    right = [text for text in found if _is_complete(data, text)]
    if any(value is not None for row in flags.values() for value in row):
        right = [t._replace(right=True) for t in right if any(row[t.place] is True for row in flags.values())]
    else:
        verdicts = [_matches_reference(data, text) for text in right]
        right = [t for wanted in (True, None) for t, v in zip(right, verdicts, strict=True) if v is wanted]
    if not right:
        seen = [*flags, *(name for name in (*_COMPLETE, _REASONS) if name in data)] or ["their answers"]
        detail = f"none of {found[0].of} generations is right and complete ({', '.join(seen)})"
        raise Rejected(DropReason.MARKED_AS_FAILED, detail)
    return right


def _matches_reference(data: dict[str, Any], found: Found) -> bool | None:
    reference = reference_answer(data, found.column)
    return is_right(boxes(found.text), reference) if reference else None


def _aligned(data: dict[str, Any], names: Sequence[str], found: list[Found]) -> dict[str, list[Any]]:
    length = max(text.place for text in found) + 1
    return {name: data[name] for name in names if isinstance(data.get(name), list) and len(data[name]) >= length}


def _is_complete(data: dict[str, Any], found: Found) -> bool:
    rows = _aligned(data, _COMPLETE, [found])
    reasons = _aligned(data, (_REASONS,), [found]).get(_REASONS)
    return not any(row[found.place] is False for row in rows.values()) and not (
        reasons and reasons[found.place] in _CUT_OFF
    )
