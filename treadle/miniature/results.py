"""From the scores of all arms to tables, with a 95% interval on every accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from treadle.data.prepared import Prepared
from treadle.miniature.arms import ARMS, Demonstrations
from treadle.statistics.estimates import Estimate, wilson
from treadle.statistics.intervals import mean_over_runs, paired_difference

Scores = Mapping[str, Sequence[Mapping[str, Any]]]
"""Arm name -> one score a seed, as `treadle.miniature.scoring.score` returns it, with `seconds` added."""

Mode = Literal["whole", "loop"]
MODES: tuple[Mode, ...] = ("whole", "loop")

TITLES = {arm.name: arm.title for arm in ARMS}


def accuracy(scores: Scores, arm: str, mode: Mode) -> Estimate:
    """Mean accuracy over seeds with its 95% interval."""
    return mean_over_runs([run[mode]["right"] for run in scores[arm]])


def difference(scores: Scores, first: str, second: str, mode: Mode) -> Estimate:
    """Accuracy of `first` minus that of `second` on the same problems and seeds."""
    return paired_difference([r[mode]["right"] for r in scores[first]], [r[mode]["right"] for r in scores[second]])


def floors(out: Path, seeds: int) -> list[dict[str, Any] | None]:
    """The floor of each seed's demonstrations. Their actions are the same in every style of thoughts.

    Args:
        out: Folder of the seeds' folders.
    """
    data = Demonstrations().name
    return [(Prepared(out / f"seed-{seed}" / data).floors or {}).get("floor") for seed in range(seeds)]


def floor_words(floors: Sequence[Mapping[str, Any] | None]) -> str:
    """What stands beside a similarity: the floor of the demonstrations, of several seeds the lowest and the highest."""
    values = [floor["value"] for floor in floors if floor is not None]
    if not values or len(values) < len(floors):
        return "floor not known"
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return f"floor {low}" if low == high else f"floor {low} to {high}"


def arm_rows(scores: Scores) -> list[dict[str, Any]]:
    """One row an arm, seed and mode, for `results.json`."""
    rows = []
    for arm, runs in scores.items():
        for seed, run in enumerate(runs):
            for mode in MODES:
                share = wilson(sum(run[mode]["right"]), len(run[mode]["right"]))
                rows.append(
                    {
                        "name": arm,
                        "seed": seed,
                        "mode": mode,
                        "accuracy": share.value,
                        "low": share.low,
                        "high": share.high,
                        "next_step_exact": run["steps"]["exact"],
                        "next_step_similarity": run["steps"]["similarity"],
                        "thought_tokens": run[mode]["thought_tokens"],
                        "seconds": run["seconds"],
                    }
                )
    return rows


def table(scores: Scores) -> list[dict[str, Any]]:
    """One row an arm, means over seeds, in the order in which the arms build on each other."""
    order = ["base", "sft_actions", "sft_traces", "rlvr", "srl", "srl_continued", "srl_rlvr"]
    names = [a for a in order if a in scores] + [a for a in scores if a not in order]
    rows = []
    for arm in names:
        runs = scores[arm]
        mean = lambda pick, runs=runs: sum(map(pick, runs)) / len(runs)  # noqa: E731
        rows.append(
            {
                "arm": TITLES[arm],
                "whole": accuracy(scores, arm, "whole"),
                "loop": accuracy(scores, arm, "loop"),
                "next_step_exact": mean(lambda run: run["steps"]["exact"]),
                "next_step_similarity": mean(lambda run: run["steps"]["similarity"]),
                "thought_whole": mean(lambda run: run["whole"]["thought_tokens"]),
                "thought_loop": mean(lambda run: run["loop"]["thought_tokens"]),
                "seconds": mean(lambda run: run["seconds"]),
            }
        )
    return rows


def as_markdown(rows: Sequence[Mapping[str, Any]], floors: Sequence[Mapping[str, Any] | None]) -> str:
    """The table for the terminal and the README.

    Args:
        floors: Of the demonstrations' steps, one a seed.
    """
    lines = [
        "| arm | whole solutions | think-act loop | next step exact | next step similarity "
        "| thought tokens (whole, loop) | training s |",
        "|---|---|---|---|---|---|---|",
    ]
    floor = floor_words(floors)
    for r in rows:
        shares = [f"{e.value:.0%} ({e.low:.0%} to {e.high:.0%})" for e in (r["whole"], r["loop"])]
        lines.append(
            f"| {r['arm']} | {shares[0]} | {shares[1]} | {r['next_step_exact']:.0%} "
            f"| {r['next_step_similarity']:.2f} ({floor}) "
            f"| {r['thought_whole']:.0f}, {r['thought_loop']:.0f} | {r['seconds']:.0f} |"
        )
    return "\n".join(lines)
