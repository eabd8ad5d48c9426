"""The figures of `swe_loop.py`: what the files of each arm say of each task, with intervals and tests in pairs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from treadle.evaluate.swe.agent.prompts import Call, parse_call
from treadle.statistics.intervals import mean_interval
from treadle.statistics.paired import corrected, paired_test

BASE, SFT, SRL = "base", "SFT", "SFT, then SRL"
HALF = "SFT, half the time"  # where SRL begins
MOST_STEPS = 10  # of an episode, as the longest of an expert
CLAIMS = [
    ("SRL resolves more than SFT", SRL, SFT),
    ("SFT resolves more than base", SFT, BASE),
    ("SRL resolves more than the SFT that it began with", SRL, HALF),
]
FIGURES = {
    "similarity": "next-step similarity",
    "exact": "next step exact",
    "format": "next step a well-formed call",
    "calls": "well-formed calls in episodes",
    "steps": "steps of an episode",
    "file": "the right file changed",
    "resolved": "resolved",
}
TESTED = ("resolved", "similarity", "format")
Values = dict[str, dict[str, float]]
"""Of each figure a value for each task."""


def lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file."""
    return map(json.loads, filter(str.strip, file.open(encoding="utf-8")))


def values(steps: Path, agent: Path, grades: Path, chosen: list[str]) -> Values:
    """Of each figure a value for each task, from the folders of `treadle evaluate`, `swe run` and `swe grade`."""
    found: dict[str, dict[str, list[float]]] = {figure: defaultdict(list) for figure in FIGURES}
    for step in lines(steps / "steps.jsonl"):
        task = step["trajectory_id"].rpartition(".")[0]
        found["similarity"][task].append(step["similarity"])
        found["exact"][task].append(float(step["exact"]))
        found["format"][task].append(float(isinstance(parse_call(step["action"] or ""), Call)))
    for step in lines(agent / "steps.jsonl"):
        found["calls"][step["instance_id"]].append(float(not step["fault"]))
    for outcome in lines(agent / "outcomes.jsonl"):
        figures, task = outcome["figures"], outcome["instance_id"]
        found["steps"][task].append(figures["steps"])
        found["file"][task].append(float(set(figures["gold"]) <= set(figures["found"])))
    resolved = json.loads((grades / "results.json").read_text())["resolved"]
    for task in chosen:
        found["resolved"][task].append(float(task in resolved))
        found["calls"][task] = found["calls"][task] or [0.0]
    return {figure: {task: float(np.mean(of[task])) for task in chosen} for figure, of in found.items()}


def show(scores: dict[str, Values], tasks: int) -> None:
    """Print the table, the tests and a sentence for each claim."""
    print("| arm | " + " | ".join(FIGURES.values()) + " |")
    print("|---" * (len(FIGURES) + 1) + "|")
    for name, arm in scores.items():
        print(f"| {name} | " + " | ".join(_cell(figure, arm[figure]) for figure in FIGURES) + " |")
    claims = [claim for claim in CLAIMS if claim[1] in scores and claim[2] in scores]
    tests = [
        (text, figure, a, b, paired_test([_row(scores[a][figure])], [_row(scores[b][figure])]))
        for text, a, b in claims
        for figure in TESTED
    ]
    if not tests:
        return
    adjusted = corrected([test for *_, test in tests])
    print("\n| arms | figure | difference | p, corrected |\n|---|---|---|---|")
    for (_, figure, a, b, _), test in zip(tests, adjusted, strict=True):
        d = test.difference
        difference = f"{d.value:+.3f} ({d.low:+.3f} to {d.high:+.3f})"
        print(f"| {a} less {b} | {FIGURES[figure]} | {difference} | {test.adjusted_p:.3f} |")
    print()
    for (text, figure, a, b, _), test in zip(tests, adjusted, strict=True):
        if figure == "resolved":
            shown = {"first_better": "SHOWN", "second_better": "CONTRARY"}.get(test.verdict, "NOT SHOWN")
            counts = [f"{name} {sum(scores[name][figure].values()):.0f} of {tasks}" for name in (a, b)]
            print(f"{shown:10} {text}. Resolved: {counts[0]}, {counts[1]}.")
    if not any(value for arm in scores.values() for value in arm["resolved"].values()):
        print("Nothing was resolved by any arm: only the figures of steps can tell the arms apart.")


def _row(by_task: dict[str, float]) -> np.ndarray:
    return np.array([list(by_task.values())])


def _cell(figure: str, by_task: dict[str, float]) -> str:
    most = MOST_STEPS if figure == "steps" else 1
    value, low, high = (most * bound for bound in mean_interval([_row(by_task) / most]))
    return f"{value:.1f} ({low:.1f} to {high:.1f})" if most > 1 else f"{value:.3f} ({low:.3f} to {high:.3f})"
