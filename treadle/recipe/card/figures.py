"""Training metrics as a card shows them: their means over the last steps, and the validation that chose the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from treadle.training.metric_lines import Log

LAST_STEPS = 10
"""Steps at the end of a stage over which its metrics are averaged: those of one step are noise."""

_SHOWN = {
    "reward": "reward of a completion",
    "similarity": "similarity of completions in the format to the expert's action",
    "loss": "loss",
    "mean_token_accuracy": "share of tokens predicted",
    "sampling/kept_share": "share of groups with a signal",
    "completions/clipped_ratio": "share of completions cut off",
    "completions/mean_length": "tokens of a completion",
    "thought_tokens": "tokens of its thought",
    "kl": "KL divergence from the model that the stage began with",
    "entropy": "entropy of a token",
}


def training_figures(steps: Sequence[Log]) -> list[str]:
    """Markdown: a table of the means over the last steps, with the floor beside similarities.

    Args:
        steps: What metrics.jsonl says of each optimizer step.
    """
    last = steps[-LAST_STEPS:]
    rows = []
    for name, meaning in _SHOWN.items():
        mean = _mean(last, name)
        if mean is None:
            continue
        floor = _mean(last, "similarity_floor") if name == "similarity" else None
        beside = "" if floor is None else f"{floor:.4g}"
        rows.append(f"| `{name}` | {meaning} | {mean:.4g} | {beside} |")
    if not rows:
        return ["No step was made."]
    return [
        f"Means over the last {len(last):,} of {steps[-1]['step']:,} optimizer steps, on training prompts and with "
        "weights that change from step to step. They have no interval and say nothing of other problems.",
        "",
        "| metric | of | value | floor: what a policy that has learned nothing earns |",
        "|---|---|---|---|",
        *rows,
    ]


def validation_figures(best: Mapping[str, Any] | None) -> list[str]:
    """Markdown: which weights were kept by validation, where there was one."""
    if best is None:
        return []
    floor = best.get("similarity_floor")
    beside = "" if floor is None else f" (floor {floor:.4g})"
    return [
        "",
        f"The weights are those of step {best['step']:,}, the best by `{best['metric']}` on held-out rows: "
        f"{best['value']:.4g}{beside}. It was chosen by that value, which is therefore too good rather than too bad.",
    ]


def _mean(logs: Sequence[Log], name: str) -> float | None:
    values = [log[name] for log in logs if log.get(name) is not None]
    return sum(values) / len(values) if values else None
