"""Tools and files of agents' next steps as rows of tables: on the page of a run, and of several models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADS = {
    "similarity": "similarity",
    "tool": "exact tool",
    "command": "exact command",
    "file": "exact file",
    "action": "exact action",
}
"""Figures of `treadle.evaluate.step_calls` in the order of the tables."""


def call_rows(calls: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """All steps, by position and by repository; of each group its name and its figures.

    Args:
        calls: What `treadle.evaluate.step_calls.call_view` gives.
    """
    if not calls:
        return []
    rows = [{"group": "", "name": "all steps", "figures": calls}]
    if calls["over_repositories"]:
        rows.append({"group": "", "name": "intervals over repositories", "figures": calls["over_repositories"]})
    for key, title in (("by_position", "by place in the trajectory"), ("by_repository", "by repository")):
        rows += [{"group": title, "name": name, "figures": found} for name, found in calls[key].items()]
    return rows


def calls_beside(arms: Sequence[tuple[str, Mapping[str, Any] | None]]) -> list[dict[str, Any]]:
    """The rows of `call_rows` of several models, each group's next to one another.

    Returns:
        `group` and `name`; `models`, from the name of a model that has such steps to its figures.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for model, calls in arms:
        for row in call_rows(calls):
            found.setdefault((row["group"], row["name"]), {})[model] = row["figures"]
    titles = dict.fromkeys(group for group, _ in found)
    in_order = [(title, name) for title in titles for group, name in found if group == title]
    return [{"group": group, "name": name, "models": found[group, name]} for group, name in in_order]


def calls_markdown(arms: Sequence[tuple[str, Mapping[str, Any] | None]]) -> list[str]:
    """The same as a table for the terminal; nothing where there are no such steps."""
    rows = calls_beside(arms)
    if not rows:
        return []
    lines = [
        "**tools and files of agents' steps** (percent of steps, 95% interval)",
        "",
        f"| steps | | number | {' | '.join(HEADS.values())} |",
        "|---" * (len(HEADS) + 3) + "|",
    ]
    for row in rows:
        for model, figures in row["models"].items():
            cells = [
                row["name"],
                model,
                f"{figures['similarity']['count']:,}",
                *(percent(figures[name]) for name in HEADS),
            ]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def percent(figure: Mapping[str, Any] | None) -> str:
    """A figure with its interval, as in the tables of a comparison."""
    if figure is None:
        return "–"
    interval = f" ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})" if figure["low"] is not None else ""
    return f"{100 * figure['value']:.1f}{interval}"
