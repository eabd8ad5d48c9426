"""The figures of a run as the table and the notes that the terminal shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from treadle.evaluate.averages import TITLES, several
from treadle.evaluate.extraction import extraction_note, lenient_text
from treadle.evaluate.records import Doubt
from treadle.evaluate.step_calls import call_notes

_DOUBTS = {
    Doubt.USAGE: "{count} answers with a number of tokens that cannot be theirs (usage not believed), counted anew",
    Doubt.SURROGATES: "{count} answers with halves of characters, which were replaced",
}


def figures_of(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Benchmark, mode, decoding and figures of all that was solved."""
    for name, benchmark in results["benchmarks"].items():
        for mode, decodings in benchmark["modes"].items():
            for decoding, figures in decodings.items():
                yield name, mode, decoding, figures


def as_table(results: Mapping[str, Any]) -> str:
    """The results as Markdown: a row for each benchmark and mode, then what was left out and what is missing.

    Averages over benchmarks are for several.
    """
    both_rules = any(figures.get("extraction") for *_, figures in figures_of(results))
    lines = [
        "| benchmark | problems | mode | greedy | Avg@k | tokens | cut off | no answer |"
        + " without a box |" * both_rules,
        "|---|---|---|---|---|---|---|---|" + "---|" * both_rules,
    ]
    notes = []
    for name, benchmark in results["benchmarks"].items():
        for mode, decodings in benchmark["modes"].items():
            greedy, sampled = decodings.get("greedy"), decodings.get("sampled")
            average = f"{_percent(sampled['accuracy'])} (k={sampled['samples']})" if sampled else "-"
            cells = [
                name,
                str(benchmark["problems"]),
                mode,
                _percent(greedy["accuracy"]) if greedy else "-",
                average,
                _of_each(decodings, lambda f: "-" if f["tokens"] is None else f"{f['tokens']:,.0f}"),
                _of_each(decodings, lambda f: f"{f['truncated']:,} of {sum(f['stops'].values()):,}"),
                _of_each(decodings, lambda f: f"{f['verdicts'].get('no_answer', 0):,} of {sum(f['stops'].values()):,}"),
            ]
            if both_rules:
                cells.append(_of_each(decodings, lenient_text))
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
    for name, mode, decoding, figures in figures_of(results):
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
        if undecided := figures["verdicts"].get("undecided", 0):
            notes.append(
                f"{name}, {mode}, {decoding}: {undecided} answers are undecided by the grader: they may be right or "
                "not, and count as not right; samples.jsonl says why"
            )
        if unscorable := figures["verdicts"].get("unscorable", 0):
            notes.append(
                f"{name}, {mode}, {decoding}: {unscorable} attempts cannot be scored by their domain's verdict, and "
                "count as not right; samples.jsonl says why"
            )
        if broken := sum(figures["verdicts"].get(verdict, 0) for verdict in ("crashed", "hung")):
            notes.append(
                f"{name}, {mode}, {decoding}: the verdict crashed or hung on {broken} attempts, which count as not "
                "right; samples.jsonl says why"
            )
        if figures["empty"]:
            notes.append(f"{name}, {mode}, {decoding}: {figures['empty']} attempts are empty text")
    for mode, average, estimate in several(results) if len(results["benchmarks"]) > 1 else ():
        shown = _percent(estimate) if estimate["value"] is not None else estimate["reason"]
        notes.append(f"{TITLES[average]}, {mode}: {shown}")
    if steps := results.get("steps"):
        notes += _step_notes(steps)
    if not any(benchmark["modes"] for benchmark in results["benchmarks"].values()):
        lines = []
    return "\n".join([*lines, *[""] * bool(lines and notes), *notes])


def _of_each(decodings: Mapping[str, Any], shown: Callable[[Mapping[str, Any]], str]) -> str:
    """A cell of both decodings, each named where there are two."""
    found = {name: shown(decodings[name]) for name in ("greedy", "sampled") if name in decodings}
    return ", ".join(found.values() if len(found) < 2 else (f"{name} {text}" for name, text in found.items()))


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
