"""The figures of a run from its attempts: results.json, and the table that the terminal shows.

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
from treadle.evaluate.averages import TITLES, averages
from treadle.evaluate.behaviours import behaviours_by_group
from treadle.evaluate.extraction import accuracy, extraction_figures, extraction_note, lenient_text
from treadle.evaluate.metrics import maj_at_k, pass_at_k
from treadle.evaluate.records import Doubt, Key, Problem, Sample, Stop
from treadle.evaluate.settings import EvaluateSettings, read_tags
from treadle.evaluate.step_calls import call_notes
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
        "model": info["model"],
        "backend": info["backend"],
        "grader": GRADER_VERSION,
        "settings": info["settings"],
        "benchmarks": {
            b["name"]: {
                "problems": b["count"],
                "sha256": b["sha256"],
                "left_out": b["left_out"],
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


_DOUBTS = {
    Doubt.USAGE: "{count} answers with a number of tokens that cannot be theirs (usage not believed), counted anew",
    Doubt.SURROGATES: "{count} answers with halves of characters, which were replaced",
}


def failed(results: Mapping[str, Any]) -> int:
    """Number of attempts and single steps that are missing."""
    missing = sum(figures["failed"] for *_, figures in _arms(results))
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


def _arms(results: Mapping[str, Any]) -> Iterable[tuple[str, str, str, dict[str, Any]]]:
    for name, benchmark in results["benchmarks"].items():
        for mode, decodings in benchmark["modes"].items():
            for decoding, figures in decodings.items():
                yield name, mode, decoding, figures


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


def as_table(results: Mapping[str, Any]) -> str:
    """The results as Markdown: a row for each benchmark and mode, then what was left out and what is missing."""
    both_rules = any(figures.get("extraction") for *_, figures in _arms(results))
    lines = [
        "| benchmark | problems | mode | greedy | Avg@k | tokens | cut off | no answer |"
        + " without a box |" * both_rules,
        "|---|---|---|---|---|---|---|---|" + "---|" * both_rules,
    ]
    notes = []
    for name, benchmark in results["benchmarks"].items():
        for mode, decodings in benchmark["modes"].items():
            greedy, sampled = decodings.get("greedy"), decodings.get("sampled")
            both = [figures for figures in (greedy, sampled) if figures]
            average = f"{_percent(sampled['accuracy'])} (k={sampled['samples']})" if sampled else "-"
            cells = [
                name,
                str(benchmark["problems"]),
                mode,
                _percent(greedy["accuracy"]) if greedy else "-",
                average,
                " / ".join("-" if f["tokens"] is None else f"{f['tokens']:.0f}" for f in both),
                " / ".join(str(f["truncated"]) for f in both),
                " / ".join(str(f["verdicts"].get("no_answer", 0)) for f in both),
            ]
            if both_rules:
                cells.append(" / ".join(map(lenient_text, both)))
            lines.append(f"| {' | '.join(cells)} |")
        if benchmark["left_out"]:
            counts = ", ".join(f"{count} {reason}" for reason, count in benchmark["left_out"].items())
            notes.append(f"{name}: left out of the set: {counts}")
        if unread := benchmark.get("unread_references"):
            (first, reason), *_ = unread.items()
            notes.append(
                f"{name}: {len(unread)} references are read by no grader, so every answer is wrong there; the first is "
                f"that of {first!r} ({reason}); results.json lists them, --drop-unreadable leaves them out"
            )
    for name, mode, decoding, figures in _arms(results):
        if figures["failed"]:
            (error, _), *_ = figures["errors"].items()
            notes.append(
                f"{name}, {mode}, {decoding}: {figures['failed']} attempts are missing ({error}), "
                f"{figures['problems_kept_out']} problems kept out of the figures; the same command tries them again"
            )
        for doubt, count in figures.get("doubts", {}).items():
            notes.append(f"{name}, {mode}, {decoding}: {_DOUBTS[doubt].format(count=count)}")
        if note := extraction_note(figures):
            notes.append(f"{name}, {mode}, {decoding}: {note}")
        if figures["empty"]:
            notes.append(f"{name}, {mode}, {decoding}: {figures['empty']} attempts are empty text")
    for mode, named in results["averages"].items():
        for average, estimate in named.items():
            shown = _percent(estimate) if estimate["value"] is not None else estimate["reason"]
            notes.append(f"{TITLES[average]}, {mode}: {shown}")
    if steps := results.get("steps"):
        notes += _step_notes(steps)
    if not any(benchmark["modes"] for benchmark in results["benchmarks"].values()):
        lines = []
    return "\n".join([*lines, *[""] * bool(lines and notes), *notes])


def _step_notes(steps: Mapping[str, Any]) -> list[str]:
    notes = [f"next steps: {steps['steps']} of {steps['trajectories']} trajectories"]
    if steps["steps"]:
        floor = steps.get("floor")
        beside = f"floor {floor['value']:.1%}" if floor else "floor not known"
        notes[0] += f", similarity {_percent(steps['similarity'])} ({beside}), exact {_percent(steps['exact'])}"
        if floor:
            above = _percent(steps["above_floor"])
            notes.append(
                f"next steps: a policy that has learned nothing earns {_percent(floor)}; above that by {above}"
            )
        elif why := steps.get("no_floor"):
            notes.append(f"next steps: the floor of their similarity is not known: {why}")
    if calls := steps.get("calls"):
        notes += call_notes(calls)
    if steps["failed"]:
        notes.append(f"next steps: {steps['failed']} are missing; the same command tries them again")
    return notes


def _percent(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None or estimate.get("value") is None:
        return "-"
    interval = f" [{estimate['low']:.1%}, {estimate['high']:.1%}]" if estimate.get("low") is not None else ""
    return f"{estimate['value']:.1%}{interval}"
