"""`treadle teach select`: a student's pass rate at each problem, and the problems of one band of rates.

    OUT/run/                the evaluation of the sampled attempts, as `treadle evaluate` writes it; it is continued
    OUT/rates.jsonl         each problem: right of how many samples, rate, 95% interval, where it lies
    OUT/easy.jsonl          problems above the band, as rows of the source
    OUT/band.jsonl          those in it
    OUT/unsolved.jsonl      those below it: none of k samples is right (of band `hard` these are the band itself)
    OUT/report.json, report.md

Another band can be had of the same samples: the same command with another `--band` asks the student nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from treadle.errors import TreadleError
from treadle.evaluate.benchmarks import Benchmark
from treadle.evaluate.run import WritePage, evaluate
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import EvaluateSettings
from treadle.files.links import remove
from treadle.files.output import check_out, make_empty, owned
from treadle.files.whole import write_whole
from treadle.scoring.grading import GraderName
from treadle.statistics.estimates import in_percent, wilson
from treadle.statistics.intervals import mean_interval, scores_of
from treadle.teacher.bands import Band, Place, Rate, pass_rates
from treadle.teacher.source_rows import line_of

MARKER = "select.json"
WORDS = {
    "hard": "none of the samples is right",
    "learnable": "some samples are right and some are not",
}


def select(
    model: str,
    benchmark: Benchmark,
    rows: Mapping[str, Mapping[str, Any]],
    samples: int,
    band: Band,
    settings: EvaluateSettings,
    out: Path,
    kind: str = "transformers",
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    page: WritePage | None = None,
    grader: GraderName = "treadle",
) -> dict[str, Any]:
    """Sample `samples` solutions of each problem, grade them, and write the problems by where they lie.

    Args:
        model: The student: folder, hub id, or a server's name for it.
        rows: What is written of each problem, by its id, see `treadle.teacher.source_rows`.
        settings: How is sampled, in one mode; `greedy`, `samples` and `samples_of` are set here.
        kind, options: The back end, see `treadle.evaluate.backends.open_backend`.
        overwrite: Whether a selection with other settings in `out` is replaced.
        page, grader: As for `treadle.evaluate.run.evaluate`.

    Returns:
        The content of report.json.

    Raises:
        TreadleError: The band is empty; rates and the other files are written all the same.
        OutputError: `out` holds something else, a run with other settings, or cannot be written.
        ModelError, Interrupted: As for `treadle.evaluate.run.evaluate`.
    """
    settings = replace(settings, greedy=False, samples=None, samples_of={benchmark.name: samples})
    about = {"student": model, "problems": benchmark.source, "samples": samples, "band": band}
    with selecting(out, about, overwrite):
        evaluate(model, [benchmark], settings, out / "run", kind, options, page=page, grader=grader)
        rates = pass_rates(benchmark.problems, read_run(out / "run").samples(), samples)
        left_out = {str(reason): count for reason, count in benchmark.left_out.items()}
        return conclude(out, rates, rows, {**about, "left_out": left_out})


@contextmanager
def selecting(out: Path, about: Mapping[str, Any], overwrite: bool) -> Iterator[None]:
    """The folder of a selection, which is made or gone on with, for this process alone.

    Args:
        about: What is selected of what; it becomes the file by which the folder is known.

    Raises:
        OutputError: It holds something else, or cannot be written.
    """
    with owned(out):
        if overwrite:
            check_out(out, overwrite, MARKER)
            make_empty(out, MARKER)
        if not (out / MARKER).is_file():
            check_out(out, False, MARKER)
        write_whole(out / MARKER, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        yield


def conclude(
    out: Path, rates: Sequence[Rate], rows: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the problems by where they lie.

    Args:
        rows: What is written of each problem, by its id.
        about: `student`, `problems`, `samples`, `band`, `left_out`, and what else report.json is to have.

    Returns:
        The content of report.json.

    Raises:
        TreadleError: The band is empty; the files are written all the same.
    """
    band = about["band"]
    report = {**about, **figures(rates, band)}
    _write(out, rates, rows, band, report)
    if not report["places"]["band"]["problems"]:
        raise TreadleError(_empty(out, report))
    return report


def figures(rates: Sequence[Rate], band: Band) -> dict[str, Any]:
    """How many problems lie where, and the rates over all complete ones, with 95% intervals."""
    counts = Counter(rate.place(band) for rate in rates)
    complete = [rate for rate in rates if rate.place(band) is not Place.INCOMPLETE]
    places = {}
    for place in _places(band):
        places[str(place)] = {"problems": counts[place], "share": None}
        if complete:
            places[str(place)]["share"] = wilson(counts[place], len(complete))._asdict()
    means = [rate.right / rate.samples for rate in complete]
    solved = sum(rate.right > 0 for rate in complete)
    return {
        "complete": len(complete),
        "incomplete": counts[Place.INCOMPLETE],
        "places": places,
        "mean_rate": mean_interval([scores_of(means)])._asdict() if complete else None,
        "solved_once": wilson(solved, len(complete))._asdict() if complete else None,
        "undecided": sum(rate.undecided for rate in rates),
    }


def as_markdown(report: Mapping[str, Any]) -> str:
    """The report for people."""
    k, band = report["samples"], report["band"]
    lines = [
        f"# Problems of {report['problems']} by the pass rate of {report['student']}",
        "",
        f"{k} samples of each problem; the band `{band}`: {WORDS[band]}.",
        "",
        "| | problems | share (95% interval) |",
        "|---|---|---|",
    ]
    for place, found in report["places"].items():
        lines.append(f"| {place} | {found['problems']} | {in_percent(found['share'])} |")
    lines += ["", f"Mean pass rate {in_percent(report['mean_rate'])}, pass@{k} {in_percent(report['solved_once'])}."]
    lines.append(f"None of {k} right leaves pass rates of up to {wilson(0, k).high:.0%} possible (95% interval).")
    if report["incomplete"]:
        failed = ", ".join(f"{count} {reason}" for reason, count in report.get("failed", {}).items())
        lacking = (
            f"have samples without a verdict ({failed})" if failed else "lack samples that the back end did not give"
        )
        lines.append(f"{report['incomplete']} problems {lacking}, and lie nowhere.")
    if report["undecided"]:
        lines.append(f"{report['undecided']} samples are undecided by the grader's rules and count as wrong.")
    if report["left_out"]:
        counts = ", ".join(f"{count} {reason}" for reason, count in report["left_out"].items())
        lines.append(f"Rows that are no problems: {counts}.")
    return "\n".join(lines) + "\n"


def _places(band: Band) -> list[Place]:
    """The places that have a file; below `hard` there is nothing."""
    return [Place.EASY, Place.BAND, *([Place.UNSOLVED] if band == "learnable" else [])]


def _write(
    out: Path, rates: Sequence[Rate], rows: Mapping[str, Mapping[str, Any]], band: Band, report: Mapping[str, Any]
) -> None:
    """Files of another band go first, so that a kill leaves none that does not belong to the others."""
    for place in (Place.EASY, Place.BAND, Place.UNSOLVED):
        remove(out / f"{place}.jsonl")
    write_whole(out / "rates.jsonl", (json.dumps(r.record(band), ensure_ascii=False) + "\n" for r in rates))
    for place in _places(band):
        found = [rate for rate in rates if rate.place(band) is place]
        if found or place is not Place.BAND:
            write_whole(out / f"{place}.jsonl", (line_of(rows[rate.id]) for rate in found))
    write_whole(out / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_whole(out / "report.md", as_markdown(report))


def _empty(out: Path, report: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{found['problems']} {place}" for place, found in report["places"].items() if place != "band")
    incomplete = f", {report['incomplete']} without all samples" if report["incomplete"] else ""
    band, easy = report["band"], report["places"]["easy"]["problems"]
    remedy = {
        "hard": "give harder problems, or --band learnable",
        "learnable": "give harder problems" if easy else "give more samples with -k, easier problems, or --band hard",
    }[band]
    return f"{out}: no problem is in the band {band!r} ({WORDS[band]}): {counts}{incomplete}; {remedy}"
