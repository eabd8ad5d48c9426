"""What a run on tasks says beside what was resolved: faults of edits, localisation, steps, tokens and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from treadle.evaluate.swe.records import Verdict
from treadle.evaluate.swe.wording import counted
from treadle.statistics.clustered import COUNTS, Figure, grouped_mean, grouped_ratio


def run_figures(outcomes: Mapping[str, Mapping[str, Any]], failed: Mapping[str, str]) -> dict[str, Any]:
    """The content of summary.json. Figures are means over tasks, with 95% intervals over tasks.

    Args:
        outcomes: The records of outcomes.jsonl, by instance.
        failed: Instances that the back end did not answer, with its last error.
    """
    rows = list(outcomes.values())
    faults = Counter(row["fault"] for row in rows if row["fault"])
    found: dict[str, Any] = {
        "instances": len(rows) + len(failed),
        "patches": sum(bool(row["patch"]) for row in rows),
        "faults": {str(verdict): faults[verdict] for verdict in Verdict if faults[verdict]},
        "failed": len(failed),
        "figures": {},
    }
    figures = found["figures"]
    _put(figures, "tokens", rows, lambda row: row["tokens"])
    _put(figures, "thought_tokens", rows, lambda row: row["thought_tokens"])
    _put(figures, "seconds", rows, lambda row: row["seconds"])
    _put(figures, "steps", rows, lambda row: row["figures"].get("steps"))
    _put(figures, "tool_seconds", rows, lambda row: row["figures"].get("tool_seconds"))
    _put(figures, "localisation_recall", rows, recall, share=True)
    _ratio(figures, "edit_fault_rate", rows, "edit_faults", "edits")
    _ratio(figures, "faulty_step_rate", rows, "faulty_steps", "steps")
    stops = Counter(row["figures"]["stop"] for row in rows if "stop" in row["figures"])
    if stops:
        found["stops"] = dict(sorted(stops.items()))
    if tolerant := sum(row["figures"].get("tolerant", 0) for row in rows):
        found["edits_that_differ_in_white_space"] = tolerant
    return found


def recall(row: Mapping[str, Any]) -> float | None:
    """The share of the gold patch's files that were found; `None` where nothing was to be found."""
    gold, found = row["figures"].get("gold"), row["figures"].get("found")
    return None if not gold or found is None else len(set(gold) & set(found)) / len(gold)


def _put(
    figures: dict[str, Figure], name: str, rows: Sequence[Mapping[str, Any]], value: Any, share: bool = False
) -> None:
    known = [(row["instance_id"], value(row)) for row in rows]
    known = [(instance, number) for instance, number in known if number is not None]
    if known:
        instances, numbers = zip(*known, strict=True)
        figures[name] = grouped_mean(numbers, instances, share=share, within=COUNTS)


def _ratio(figures: dict[str, Figure], name: str, rows: Sequence[Mapping[str, Any]], above: str, below: str) -> None:
    known = [row for row in rows if row["figures"].get(below)]
    if known:
        numbers = [[row["figures"].get(key, 0) for row in known] for key in (above, below)]
        figures[name] = grouped_ratio(*numbers, [row["instance_id"] for row in known], share=True)


def as_lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary for a terminal."""
    lines = [f"{counted(summary['instances'], 'task')}, {counted(summary['patches'], 'patch')}"]
    if summary["faults"]:
        said = ", ".join(f"{name} {count}" for name, count in summary["faults"].items())
        lines.append(f"without a patch: {said}")
    if summary.get("stops"):
        lines.append("episodes ended: " + ", ".join(f"{name} {count}" for name, count in summary["stops"].items()))
    for name, figure in summary["figures"].items():
        bounds = "" if figure["low"] is None else f"  [{figure['low']:.3g}, {figure['high']:.3g}]"
        lines.append(f"{name.replace('_', ' ')}: {figure['value']:.3g}{bounds}")
    if summary["failed"]:
        failed = counted(summary["failed"], "task")
        lines.append(f"without an answer of the back end: {failed}; the same command tries again")
    return lines
