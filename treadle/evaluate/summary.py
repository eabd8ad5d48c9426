"""The figures of a run from its attempts: results.json.

A problem of which an attempt is missing, because the back end gave no generation for it, is kept out of the figures
of that mode and decoding, with the number of such attempts beside them. The lengths and counts are over all attempts
that came to an end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from treadle.data.sources.math.numbered import NumberedSolution, parse_numbered
from treadle.evaluate.averages import averages
from treadle.evaluate.behaviours import behaviours_by_group
from treadle.evaluate.extraction import accuracy, extraction_figures
from treadle.evaluate.metrics import maj_at_k, pass_at_k
from treadle.evaluate.records import Doubt, Key, Problem, Sample, Stop
from treadle.evaluate.settings import EvaluateSettings, read_tags
from treadle.evaluate.summary_table import figures_of
from treadle.scoring.grading import GRADER_VERSION, canonical
from treadle.scoring.thoughts import ThoughtTags
from treadle.statistics.estimates import Estimate


def summarise(
    info: Mapping[str, Any],
    problems: Mapping[str, Sequence[Problem]],
    samples: Iterable[Sample],
    failures: Mapping[Key, str],
    steps: Mapping[str, Any] | None = None,
    doubts: Mapping[Key, Counter[Doubt]] | None = None,
) -> dict[str, Any]:
    """All figures of a run.

    Args:
        info: run.json.
        problems: By benchmark, in order.
        samples: All graded attempts, and those that are not at their end.
        failures: Why attempts are not at their end.
        steps: The per-step view, where single steps were evaluated.
        doubts: See `Turns`; counted beside the figures where there are any.

    Returns:
        The content of results.json.
    """
    tags = read_tags(info["settings"])
    arms: dict[tuple[str, str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        arms[sample.key.benchmark, sample.key.mode, sample.key.decoding].append(sample)
    results: dict[str, Any] = {
        "model": info.get("model", ""),
        "backend": info.get("backend", {}),
        "grader": GRADER_VERSION,
        "settings": info["settings"],
        "benchmarks": {
            b["name"]: {
                "problems": b["count"],
                "sha256": b["sha256"],
                "left_out": b.get("left_out", {}),
                "unread_references": b.get("unread_references", {}),
                "modes": {},
            }
            for b in info["benchmarks"]
        },
    }
    for (benchmark, mode, decoding), found in arms.items():
        modes = results["benchmarks"][benchmark]["modes"]
        figures = _figures(found, problems[benchmark], failures, tags)
        whole = _whole_rows(found, figures["samples"])
        if whole and any(sample.boxed_verdict for row in whole for sample in row):
            figures["extraction"] = extraction_figures(whole, decoding, EvaluateSettings.read(info["settings"]))
        if doubted := sum(((doubts or {}).get(sample.key, Counter()) for sample in found), Counter()):
            figures["doubts"] = {str(doubt): count for doubt, count in doubted.items()}
        modes.setdefault(mode, {})[decoding] = figures
    results["averages"] = averages({"benchmarks": _with_accuracy(results["benchmarks"])})
    ended = (sample for found in arms.values() for sample in found if sample.stop is not None)
    results["behaviours"] = behaviours_by_group(ended, thought_tags=tags)
    if steps is not None:
        results["steps"] = dict(steps)
    return results


def failed(results: Mapping[str, Any]) -> int:
    """Number of attempts and single steps that are missing."""
    missing = sum(figures["failed"] for *_, figures in figures_of(results))
    return missing + (results.get("steps") or {}).get("failed", 0)


def _with_accuracy(benchmarks: Mapping[str, Any]) -> dict[str, Any]:
    """Without the modes and decodings of which no problem is complete."""
    return {
        name: {
            **benchmark,
            "modes": {
                mode: {decoding: figures for decoding, figures in decodings.items() if figures["accuracy"]}
                for mode, decodings in benchmark["modes"].items()
            },
        }
        for name, benchmark in benchmarks.items()
    }


def _figures(
    samples: Sequence[Sample], problems: Sequence[Problem], failures: Mapping[Key, str], tags: ThoughtTags
) -> dict[str, Any]:
    """Of one benchmark, mode and decoding: `samples` are K attempts of each problem, in order."""
    count = len(samples) // len(problems)
    mode, decoding = samples[0].key.mode, samples[0].key.decoding
    rows = [samples[i : i + count] for i in range(0, len(samples), count)]
    whole_rows = _whole_rows(samples, count)
    ended = [s for s in samples if s.stop is not None]
    unfinished = [s for s in samples if s.stop is None]
    steps = (
        [len(s.steps) for s in ended] if mode == "loop" else [n for s in ended if (n := _numbered_steps(s.text, tags))]
    )
    figures = {
        "samples": count,
        **_accuracies(whole_rows, count, decoding),
        "tokens": _mean([s.n_tokens for s in ended]),
        "thought_tokens": _mean([s.thought_tokens for s in ended]),
        "steps": _mean(steps),
        "truncated": sum(s.stop is Stop.TRUNCATED for s in ended),
        "empty": sum(not s.text.strip() for s in ended),
        "stops": dict(Counter(str(s.stop) for s in ended)),
        "verdicts": dict(Counter(str(s.verdict) for s in ended)),
        "format_faults": dict(Counter(str(s.fault) for s in ended if s.fault)),
        "failed": len(unfinished),
        "problems_kept_out": len(rows) - len(whole_rows),
    }
    if mode == "whole":
        figures["in_numbered_steps"] = len(steps)
    if unfinished:
        figures["errors"] = dict(Counter(failures.get(s.key, "not generated") for s in unfinished).most_common(5))
    return figures


def _whole_rows(samples: Sequence[Sample], count: int) -> list[Sequence[Sample]]:
    """The attempts of each problem of which all are at their end."""
    rows = [samples[i : i + count] for i in range(0, len(samples), count)]
    return [row for row in rows if all(s.stop is not None for s in row)]


def _accuracies(rows: Sequence[Sequence[Sample]], count: int, decoding: str) -> dict[str, Any]:
    if not rows:
        return {"accuracy": None}
    right_PK = np.array([[int(s.right) for s in row] for row in rows])
    if decoding == "greedy":
        return {"accuracy": accuracy(right_PK, decoding)}
    sizes = sorted({2**i for i in range(count.bit_length()) if 2**i <= count} | {count})
    votes = {answer: canonical(answer) for row in rows for answer in {s.answer for s in row} if answer is not None}
    votes_PK = [[None if s.answer is None else votes[s.answer] for s in row] for row in rows]
    return {
        "accuracy": accuracy(right_PK, decoding),
        "pass_at": {str(k): _estimate(pass_at_k(right_PK, k)) for k in sizes},
        "maj_at": {str(count): _estimate(maj_at_k(votes_PK, right_PK))},
    }


def _numbered_steps(text: str, thought_tags: ThoughtTags) -> int:
    """Numbered steps of a whole solution outside its thoughts, 0 if it is not in that form."""
    found = parse_numbered(thought_tags.pattern.sub("", thought_tags.restored(text)))
    return len(found.steps) if isinstance(found, NumberedSolution) else 0


def _estimate(estimate: Estimate) -> dict[str, float]:
    return {name: float(getattr(estimate, name)) for name in ("value", "low", "high")}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
