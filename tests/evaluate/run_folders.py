"""Run folders written from given answers, with the run's own writers and readers, for tests of what reads runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from treadle.evaluate.averages import averages
from treadle.evaluate.metrics import avg_at_k, maj_at_k, pass_at_k
from treadle.evaluate.records import Key, Problem, Sample, StepSample, Stop
from treadle.evaluate.runs import INFO, PROBLEMS, RESULTS, SAMPLES, STEPS
from treadle.evaluate.sample_lines import sample_record
from treadle.evaluate.step_view import step_view
from treadle.evaluate.store import write_json, write_lines
from treadle.scoring.grading import Verdict
from treadle.statistics.estimates import wilson

Right = Mapping[tuple[str, str, str], Any]
"""(benchmark, mode, decoding) -> 0 or 1, [P, K]."""


def problems_of(benchmark: str, count: int, first: int = 1) -> list[Problem]:
    """Problems whose answer is their number."""
    return [
        Problem(f"{benchmark}-{i}", f"What is {i}?", str(i), benchmark=benchmark) for i in range(first, first + count)
    ]


def write_run(
    folder: Path,
    right: Right,
    model: str = "org/model",
    grader: str = "rules 1",
    sha256: Mapping[str, str] | None = None,
    problems: Mapping[str, Sequence[Problem]] | None = None,
    settings: Mapping[str, Any] | None = None,
    failed: int = 0,
) -> Path:
    """Write a finished run in which each sample is right or wrong as told; a wrong one answers 0.

    Args:
        sha256: Of a benchmark; by default a hash of the problems' texts.
        failed: The last attempts, which the back end did not give: they have no line in samples.jsonl.
    """
    right = {key: np.asarray(values) for key, values in right.items()}
    sizes = {benchmark: len(values) for (benchmark, _, _), values in right.items()}
    problems = {name: list((problems or {}).get(name) or problems_of(name, size)) for name, size in sizes.items()}
    hashes = {
        name: (sha256 or {}).get(name) or hashlib.sha256("".join(p.problem for p in found).encode()).hexdigest()
        for name, found in problems.items()
    }
    chosen = {"max_new_tokens": 4096, "max_step_tokens": 2048, "temperature": 1.0, "seed": 0, **(settings or {})}
    samples = [
        sample
        for (benchmark, mode, decoding), right_PK in right.items()
        for problem, right_K in zip(problems[benchmark], right_PK, strict=True)
        for index, is_right in enumerate(right_K)
        for sample in [_sample(Key(benchmark, problem.id, mode, decoding, index), problem.answer, bool(is_right))]
    ]
    results: dict[str, Any] = {
        "model": model,
        "backend": {"kind": "transformers", "dtype": "float32"},
        "grader": grader,
        "settings": chosen,
    }
    results["benchmarks"] = {
        name: {"problems": len(found), "sha256": hashes[name], "left_out": {}, "modes": {}}
        for name, found in problems.items()
    }
    for (benchmark, mode, decoding), right_PK in right.items():
        modes = results["benchmarks"][benchmark]["modes"]
        modes.setdefault(mode, {})[decoding] = _figures(right_PK, problems[benchmark], decoding)
    if failed:
        modes[mode][decoding]["failed"] = failed
    results["averages"] = averages(results)
    counts = {f"samples of {b}": v.shape[1] for (b, _, decoding), v in right.items() if decoding == "sampled"}
    info = {
        "model": model,
        "settings": chosen,
        "benchmarks": [{"name": name, "count": len(found), "sha256": hashes[name]} for name, found in problems.items()],
        "identity": {"model": model, **{f"settings.{k}": v for k, v in chosen.items()}, **counts},
    }
    folder.mkdir(parents=True)
    write_json(folder / INFO, info)
    write_lines(folder / PROBLEMS, (asdict(p) for found in problems.values() for p in found))
    write_lines(folder / SAMPLES, map(sample_record, samples[: len(samples) - failed]))
    write_json(folder / RESULTS, results)
    return folder


def with_steps(
    folder: Path,
    similarities: Sequence[Sequence[float]],
    floor: Mapping[str, Any] | None = None,
    no_floor: str = "",
    digest: str = "same",
    failed: int = 0,
) -> Path:
    """Add next steps to a run: of each trajectory the similarities of its steps."""
    steps = [
        StepSample(f"t{t}", k, len(values), [], "expert's", "written", "", "written", None, value, False, 5, 1)
        for t, values in enumerate(similarities)
        for k, value in enumerate(values, 1)
    ]
    return with_step_samples(folder, steps, floor, no_floor, digest, failed)


def with_step_samples(
    folder: Path,
    steps: Sequence[StepSample],
    floor: Mapping[str, Any] | None = None,
    no_floor: str = "",
    digest: str = "same",
    failed: int = 0,
) -> Path:
    """Add these next steps to a run."""
    write_lines(folder / STEPS, map(asdict, steps))
    info = json.loads((folder / INFO).read_text())
    info["identity"]["step instances"] = digest
    write_json(folder / INFO, info)
    results = json.loads((folder / RESULTS).read_text())
    results["steps"] = {**step_view(steps, floor, no_floor), "failed": failed}
    write_json(folder / RESULTS, results)
    return folder


def _sample(key: Key, reference: str, right: bool) -> Sample:
    answer = reference if right else "0"
    return Sample(
        key,
        reference,
        text=f"<think>so</think> \\boxed{{{answer}}}",
        thoughts=["so"],
        n_tokens=20,
        thought_tokens=1,
        stop=Stop.ENDED,
        answer=answer,
        verdict=Verdict.RIGHT if right else Verdict.WRONG,
        why="equal text" if right else "unequal",
    )


def _figures(right_PK: np.ndarray, problems: Sequence[Problem], decoding: str) -> dict[str, Any]:
    samples, count = right_PK.shape[1], right_PK.size
    figures = {
        "samples": samples,
        "tokens": 20.0,
        "thought_tokens": 1.0,
        "truncated": 0,
        "stops": {"ended": count},
        "verdicts": {"right": int(right_PK.sum()), "wrong": int(count - right_PK.sum())},
        "format_faults": {},
        "failed": 0,
    }
    if decoding == "greedy":
        return {**figures, "accuracy": wilson(int(right_PK.sum()), len(right_PK))._asdict()}
    votes_PK = [[p.answer if r else "0" for r in right_K] for p, right_K in zip(problems, right_PK, strict=True)]
    return {
        **figures,
        "accuracy": avg_at_k(right_PK)._asdict(),
        "pass_at": {str(k): pass_at_k(right_PK, k)._asdict() for k in (1, 8, samples) if k <= samples},
        "maj_at": {str(samples): maj_at_k(votes_PK, right_PK)._asdict()},
    }
