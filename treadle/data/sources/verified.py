"""What the source of a trajectory says about success: a flag, a reward, an exit status.

A reward is success from a threshold on (`--success-at`, 1) and failure below, see `as_flag`. Of a list of numbers, the
rewards of the steps, the last counts: it is what the task gave when it was over.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

SUCCESS_AT = 1.0
"""The reward from which on a row counts as right."""
AGENT_FLAGS = (
    "resolved",
    "target",
    "verified",
    "success",
    "is_success",
    "is_resolved",
    "completed",
    "passed",
    "is_correct",
    "correct",
    "reward",
    "rewards",
    "score",
    "label",
    "kto_tag",
)
_ANSWERS_TOO = ("target", "label")  # names of a reference answer, too, where they hold a text
_MATH_FLAGS = ("verified", "final_answer_correct", "correct", "is_correct", "correctness", "deepseek_grade", "passed")
_VALID = ("problem_is_valid", "solution_is_valid")  # NuminaMath 1.5: "Yes" is no proof that the answer is right
_REWARDS = ("reward", "score")
_GRADES = {"C": True, "I": False, "N": False}  # correct, incorrect, no answer
_ENDED_WELL = ("submitted",)
_YES = ("true", "yes", "correct", "right", "passed", "success", "resolved")
_NO = ("false", "no", "incorrect", "wrong", "failed", "failure", "unresolved", "incomplete", "problem not solved")


class Mark(NamedTuple):
    """What a column says about success.

    Args:
        success: `None` where its value says nothing.
        value: As the source has it.
    """

    column: str
    success: bool | None
    value: Any

    @property
    def note(self) -> str:
        """The line under which it is counted."""
        if self.success is not None:
            return f"{self.column}: {'right' if self.success else 'failed'}"
        number = isinstance(self.value, int | float)
        why = "no reward from -1 to 1; set --success-at to read it" if number else "says nothing"
        return f"{self.column}: unmarked ({why})"


def math_flags(column: str | None = None) -> tuple[str, ...]:
    """Columns that mark a solution, the user's first.

    `target`, `success`, `completed` and `label`, flags of agent rows, are left out: there they are names of answers and
    of generations that came to an end.
    """
    return (*((column,) if column else ()), *_VALID, *_MATH_FLAGS, *_REWARDS, "kto_tag")


def as_flag(value: Any, success_at: float = SUCCESS_AT) -> bool | None:
    """What a cell says about success, as sources write it; `None` where it says nothing.

    A number is success from `success_at` on and failure below. Above 1 or below -1 it is no reward (but a score from 1
    to 5, a count, what a reward model gives), and says nothing unless `success_at` is out there too.
    """
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        return None
    text = str(value).strip().lower()
    if text in _YES:
        return True
    if text in (
        "false",
        "no",
        "incorrect",
        "wrong",
        "failed",
        "failure",
        "unresolved",
        "incomplete",
        "problem not solved",
    ):
        return False
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number) or (number > 1 and success_at <= 1) or (number < -1 and success_at >= -1):
        return None
    return number >= success_at


def find_mark(data: dict[str, Any], names: tuple[str, ...], success_at: float = SUCCESS_AT) -> Mark | None:
    """The first column that tells, else the first that has a value which does not; `None` where none has any."""
    silent = None
    for name in names:
        value = data.get(name)
        if isinstance(value, list) and value and all(type(item) in (int, float) for item in value):
            value = value[-1]
        if value is None or isinstance(value, list | dict) or (isinstance(value, str) and not value.strip()):
            continue
        if name in _ANSWERS_TOO and isinstance(value, str) and value.strip().lower() not in ("true", "false"):
            continue
        success = as_flag(value, success_at)
        if name in _VALID and success is not False:
            continue
        if success is not None:
            return Mark(name, success, value)
        silent = silent or Mark(name, None, value)
    return silent


def verified_flag(data: dict[str, Any]) -> bool | None:
    """`True` or `False` where the row says so, `None` where it says nothing.

    A flag about the result (`resolved`, SWE-Gym's `test_result.report.resolved`) outranks the exit status, which
    tells only whether the agent came to an end: `submitted` counts as success, anything else (`exit_cost`,
    `submitted (exit_cost)`, `LimitsExceeded`) as failure.
    """
    mark = find_mark(data, AGENT_FLAGS)
    if mark is not None and mark.success is not None:
        return mark.success
    result = data.get("test_result")
    nested = result.get("report") if isinstance(result, dict) else data.get("report")
    if isinstance(nested, dict) and (flag := as_flag(nested.get("resolved"))) is not None:
        return flag
    if (flag := _scored(data.get("scores"))) is not None:
        return flag
    info = data.get("info")
    status = info.get("exit_status") if isinstance(info, dict) else data.get("exit_status")
    if isinstance(status, str) and status.strip():
        return status.strip().lower() in _ENDED_WELL
    return None


def _scored(scores: Any) -> bool | None:
    """What the scores of an evaluation by inspect_ai say: `C`, `I` or a number under each scorer's name; right where
    all are."""
    if not isinstance(scores, dict):
        return None
    values = [score.get("value") for score in scores.values() if isinstance(score, dict)]
    flags = [_GRADES.get(value) if isinstance(value, str) else as_flag(value) for value in values]
    return all(flags) if flags and None not in flags else None


def repository(instance_id: str) -> str | None:
    """`owner/name` of an instance id as SWE-bench and its relatives write them; `None` if it is not one.

    `django__django-11099`, SWE-Gym's `python__mypy-15976_0`, SWE-smith's `arrow-py__arrow.1d70d009.lm_rewrite__x`.
    """
    owner, found, rest = instance_id.partition("__")
    if not found or not owner or not rest:
        return None
    name = rest.partition(".")[0] if rest.count(".") >= 2 else rest
    head, dash, number = name.rpartition("-")
    if dash and number.partition("_")[0].isdigit():
        name = head
    return f"{owner}/{name}" if name else None
