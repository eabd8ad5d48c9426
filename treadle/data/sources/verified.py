"""What a source says about success: a flag, an exit status, or a final answer beside its reference."""

from __future__ import annotations

from typing import Any

from treadle.data.sources.columns import as_flag

_FLAGS = ("resolved", "target", "verified", "success", "is_resolved", "completed", "reward")
_ENDED_WELL = ("submitted",)


def verified_flag(data: dict[str, Any]) -> bool | None:
    """`True` or `False` where the row says so, `None` where it says nothing.

    A flag about the result (`resolved`, SWE-Gym's `test_result.report.resolved`) outranks the exit status, which
    tells only whether the agent came to an end: `submitted` counts as success, anything else (`exit_cost`,
    `submitted (exit_cost)`, `LimitsExceeded`) as failure.
    """
    for name in _FLAGS:
        if (flag := as_flag(data.get(name))) is not None:
            return flag
    result = data.get("test_result")
    nested = result.get("report") if isinstance(result, dict) else data.get("report")
    if isinstance(nested, dict) and (flag := as_flag(nested.get("resolved"))) is not None:
        return flag
    info = data.get("info")
    status = info.get("exit_status") if isinstance(info, dict) else data.get("exit_status")
    if isinstance(status, str) and status.strip():
        return status.strip().lower() in _ENDED_WELL
    return None


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
