"""Run folders written from given attempts, with the run's own writers, for tests of its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from treadle.evaluate.records import Key, Problem, Sample, StepSample, Stop
from treadle.evaluate.runs import INFO, PROBLEMS, RESULTS, SAMPLES, STEPS
from treadle.evaluate.sample_lines import sample_record
from treadle.evaluate.step_view import step_view
from treadle.evaluate.store import write_json, write_lines
from treadle.evaluate.summary import summarise
from treadle.scoring.grading import Verdict
from treadle.scoring.rewards import step_similarity

VERDICTS = {"r": Verdict.RIGHT, "w": Verdict.WRONG, "n": Verdict.NO_ANSWER, "h": Verdict.HUNG, "c": Verdict.CRASHED}


def attempt(benchmark: str, problem: str, mode: str, decoding: str, index: int, verdict: str = "r", **fields) -> Sample:
    """An attempt by the first letter of its verdict; `f` is one that the back end did not give."""
    key = Key(benchmark, problem, mode, decoding, index)
    if verdict == "f":
        return Sample(key, "7")
    answer = {"r": "7", "n": None}.get(verdict, "8")
    defaults = {
        "text": f"<think>so</think>\\boxed{{{answer}}}",
        "thoughts": ["so"],
        "n_tokens": 20,
        "thought_tokens": 5,
        "stop": Stop.ENDED,
        "answer": answer,
        "verdict": VERDICTS[verdict],
        "why": f"rule {verdict}",
    }
    return Sample(key, "7", **{**defaults, **fields})


def step(trajectory: str, number: int, action: str | None, expert: str, fault=None, **fields) -> StepSample:
    """A next step of a trajectory of four."""
    similarity = step_similarity(action, expert) if action is not None else 0.0
    text = fields.pop("text", f"<think>hm</think>{action}")
    prompt = fields.pop("prompt", [{"role": "user", "content": "Next step?"}])
    return StepSample(
        trajectory, number, 4, prompt, expert, text, "hm", action, fault, similarity, action == expert, 30, 10
    )


def write_run(
    folder: Path,
    problems: Sequence[Problem],
    attempts: Sequence[Sample],
    steps: Sequence[StepSample] = (),
    model: str = "org/model",
    left_out: dict[str, int] | None = None,
    floor: dict[str, Any] | None = None,
) -> Path:
    """Write a finished run."""
    by_benchmark: dict[str, list[Problem]] = {}
    for problem in problems:
        by_benchmark.setdefault(problem.benchmark, []).append(problem)
    info = {
        "model": model,
        "backend": {"kind": "transformers", "dtype": "float32"},
        "settings": {"seed": 3, "temperature": 1.0},
        "versions": {"torch": "2.13"},
        "steps": len(steps),
        "benchmarks": [
            {"name": n, "count": len(p), "sha256": f"{k:064x}", "left_out": left_out or {}}
            for k, (n, p) in enumerate(by_benchmark.items())
        ],
        "identity": {"model": model},
    }
    folder.mkdir(parents=True)
    write_json(folder / INFO, info)
    write_lines(folder / PROBLEMS, map(asdict, problems))
    write_lines(folder / SAMPLES, (sample_record(a) for a in attempts if a.stop is not None))
    view = None
    if steps:
        write_lines(folder / STEPS, map(asdict, steps))
        view = {**step_view(steps, floor), "failed": 0}
    failures = {a.key: "no answer from the server" for a in attempts if a.stop is None}
    write_json(folder / RESULTS, summarise(info, by_benchmark, attempts, failures, view))
    return folder
