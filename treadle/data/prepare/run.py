"""`treadle prepare`: trajectories in, step instances and a report out, in two passes over a bounded memory.

    first pass    chunks of rows -> parts, in all processes         parts.py, workers.py
    decisions     duplicates, caps, the held-out split              selection.py
    second pass   the selected trajectories -> files and figures    writing.py

Everything is written to a folder beside the target, which takes its name when it is whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from treadle.data.curate.duplicates import PERMUTATIONS, check_threshold
from treadle.data.curate.language import check_language
from treadle.data.curate.overlap import EvaluationIndex
from treadle.data.curate.problems import load_problems
from treadle.data.curate.shortening import check_budget
from treadle.data.prepare.parts import Facts, Part, PartMaker
from treadle.data.prepare.report import PrepareReport, as_json, as_markdown
from treadle.data.prepare.reuse import fingerprint, refuse_other, reusable
from treadle.data.prepare.selection import select
from treadle.data.prepare.settings import PrepareSettings
from treadle.data.prepare.workers import available, ordered_map
from treadle.data.prepare.writing import SplitWriter, part_writer, write_outcomes
from treadle.data.sources.columns import PRESETS
from treadle.data.sources.reading import Outcome, check_format
from treadle.data.sources.registry import forms
from treadle.data.sources.report import DETAIL, OF_FORM, ReadReport
from treadle.domains.registry import find
from treadle.errors import DataError, Interrupted
from treadle.files.chunks import iter_chunks
from treadle.files.digests import listed
from treadle.files.inputs import input_files
from treadle.files.output import appearing, check_out, owned
from treadle.files.secrets import refuse_secrets

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SMALL_BYTES = 8_000_000
"""Inputs up to this size are read in one process: starting others takes longer."""
OVERLAP_EXAMPLES = 10

WritePage = Callable[[Mapping[str, Any], Path], None]
"""Writes a page of the content of `report.json` to a file."""


def prepare(
    source: str | Path,
    out: Path,
    settings: PrepareSettings | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    overwrite: bool = False,
    workers: int | None = 1,
    page: WritePage | None = None,
) -> PrepareReport:
    """Read trajectories, curate them, split off the held-out ones, write all of it to `out`.

    Args:
        source: File, folder, `-` or hub data set, see `read_trajectories`.
        out: Folder to write; it appears by rename when everything is in it.
        tokenizer: To shorten observations, to report token lengths and to show prompts as the model will see them.
        overwrite: Replace an existing `out`.
        workers: Processes that read rows; `None` takes all processors for inputs that are worth it. More than one
            needs a script that can be imported, as all of `multiprocessing`'s spawned processes do.
        page: Writes `report.html`, such as `treadle.report.prepared.write_prepare_page`; `None` for no page.

    Returns:
        The report. If `out` was made before from the same input with the same settings, it is left as it is, and
        the report says so.

    Raises:
        DataError: The input is unreadable, or no row of it could be used.
        OutputError: `out` exists and `overwrite` is not set, cannot be written, or is being written by another command.
        Interrupted: Ctrl-C. Nothing is left behind.
    """
    settings = settings or PrepareSettings()
    refuse_secrets(str(source), "INPUT", DataError)
    began = time.monotonic()
    check_settings(settings, tokenizer)
    print_of_input = fingerprint(source, settings, tokenizer)
    if not overwrite and (report := reusable(out, print_of_input)):
        return report
    report = PrepareReport(str(source), asdict(settings), ReadReport(), fingerprint=print_of_input)
    maker = part_maker(settings, tokenizer)
    workers = workers_for(source, settings.split) if workers is None else workers
    try:
        with owned(out):
            if not overwrite and (before := reusable(out, print_of_input)):  # of a command that has just ended
                return before
            if not overwrite:
                refuse_other(out, source, settings)
            check_out(out, overwrite, "report.json", source)
            with appearing(out, overwrite) as folder:
                chunks = iter_chunks(source, settings.split, settings.max_row_mb, report.rows.skipped_files)
                parts = ordered_map(maker, chunks, workers, attrgetter("size"))
                write_prepared(parts, folder, settings, tokenizer, report, page, began)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; nothing was written to {out}. Start again with the same command") from None
    return report


def part_maker(settings: PrepareSettings, tokenizer: PreTrainedTokenizerBase | None) -> PartMaker:
    """What turns chunks into parts under these settings."""
    evaluation = EvaluationIndex({name: load_problems(name) for name in settings.against}) if settings.against else None
    return PartMaker(settings, tokenizer if settings.observation_tokens is not None else None, evaluation)


def write_prepared(
    parts: Iterable[Part],
    folder: Path,
    settings: PrepareSettings,
    tokenizer: PreTrainedTokenizerBase | None,
    report: PrepareReport,
    page: WritePage | None,
    began: float,
) -> None:
    """Decide over all parts, write the files of a prepared folder and fill in its report.

    Args:
        parts: In the order of the input.
        began: When the work began, on the monotonic clock.

    Raises:
        DataError: No row could be used.
    """
    report.overlap.update(dict.fromkeys(settings.against, 0))
    facts, signatures = _first_pass(parts, folder, report)
    selection = select(facts, signatures, settings)
    for number, (reason, detail) in selection.dropped.items():
        report.rows.kept -= 1
        report.rows.drop(reason, facts[number].id, detail)
    if len(selection.dropped) == len(facts):
        raise DataError(_nothing_kept(report.source, report.rows))
    report.duplicates = selection.duplicates
    report.duplicate_examples = selection.duplicate_examples
    SplitWriter(folder, facts, selection, settings, tokenizer).write(folder / _PARTS, report)
    write_outcomes(folder / _OUTCOMES, folder / "rows.jsonl", selection)
    for name in (_PARTS, _OUTCOMES, _SIGNATURES):
        (folder / name).unlink()
    report.seconds = round(time.monotonic() - began, 1)
    _write_report(report, folder, page)


def check_settings(settings: PrepareSettings, tokenizer: PreTrainedTokenizerBase | None) -> None:
    """Raise `DataError` for settings that cannot work, `DomainError` for an unknown domain, before anything is read."""
    check_format(settings.format)
    if settings.domain is not None:
        find(settings.domain)
    if settings.language:
        check_language(settings.language)
    if settings.observation_tokens is not None:
        if tokenizer is None:
            raise DataError("--observation-tokens counts tokens: name the model's tokenizer with --tokenizer")
        check_budget(settings.observation_tokens, tokenizer)
    if settings.duplicates != "off":
        check_threshold(settings.near_threshold)


_PARTS = ".parts.parquet"
_OUTCOMES = ".outcomes.jsonl"
_SIGNATURES = ".signatures"


def workers_for(source: str | Path, split: str) -> int:
    """Processes that are worth their start: all processors, or one for a small input."""
    files = input_files(source, split)
    small = files is not None and sum(file.stat().st_size for file in files) <= SMALL_BYTES
    return 1 if small else available()


def _first_pass(parts: Iterable[Part], folder: Path, report: PrepareReport) -> tuple[list[Facts], np.ndarray]:
    """Write the parts to one file, count their rows, and keep what decisions need: facts and `[N, P]` signatures.

    The signatures, half a kilobyte a row, lie in a file that is mapped into memory.
    """
    facts: list[Facts] = []
    file = folder / _SIGNATURES
    with (
        part_writer(folder / _PARTS) as table,
        (folder / _OUTCOMES).open("w", encoding="utf-8") as outcomes,
        file.open("wb") as signatures,
    ):
        for part in parts:
            if part.facts:
                table.write_table(part.table)
                signatures.write(part.signatures.tobytes())
            kept = iter(part.facts)
            for outcome in part.outcomes:
                outcome.count_in(report.rows)
                fact = next(kept) if outcome.reason is None else None
                outcomes.write(json.dumps(_line(outcome, fact), ensure_ascii=False) + "\n")
                if fact and fact.overlap:
                    _count_overlap(report, outcome.where, fact)
            facts += part.facts
            report.curated.update(part.changes)
    if not file.stat().st_size:
        return facts, np.empty((0, PERMUTATIONS), np.uint32)
    return facts, np.memmap(file, np.uint32, "r").reshape(-1, PERMUTATIONS)


def _line(outcome: Outcome, fact: Facts | None) -> dict[str, str | None]:
    if fact:
        return {"where": outcome.where, "form": outcome.form, "id": fact.id}
    text = " ".join(outcome.detail.split())[:DETAIL].encode(errors="replace").decode()
    return {"where": outcome.where, "form": outcome.form, "dropped": str(outcome.reason), "detail": text}


def _count_overlap(report: PrepareReport, where: str, fact: Facts) -> None:
    report.overlap[fact.overlap.set] += 1
    if len(report.overlap_examples) < OVERLAP_EXAMPLES:
        report.overlap_examples.append(
            (where, f"{fact.overlap.set}, problem {fact.overlap.problem}", str(fact.overlap.kind))
        )


def _write_report(report: PrepareReport, folder: Path, page: WritePage | None) -> None:
    (folder / "report.md").write_text(as_markdown(report), encoding="utf-8", errors="replace")
    if page is not None:
        page(as_json(report), folder / "report.html")
    report.files = listed(folder, folder.iterdir())
    text = json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8", errors="replace")


def _nothing_kept(source: str | Path, rows: ReadReport) -> str:
    lines = [f"{source}: none of {rows.read} rows could be used"]
    for reason, count in rows.dropped.most_common():
        lines.append(f"  {count} x {reason}: {reason.explanation}")
    lines += rows.example_lines()
    if rows.dropped.keys() & OF_FORM:
        columns = "; ".join(f"{name} ({c.problem}, {c.solution})" for name, c in PRESETS.items())
        lines.append(
            f"Understood are the forms {', '.join(forms())} (`treadle inspect --forms`). Numbered solutions have steps "
            "numbered from 1, as '1. **Title** body', '**1. Title**', '### Step 1: Title' or 'Step 1: ...', columns "
            f"{columns}, or --columns."
        )
    return "\n".join(lines)
