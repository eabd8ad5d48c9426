"""`read_trajectories`: rows through their forms, with what the source says about success and a time limit a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from treadle.data.sources.announced import PluginError, checked, origin
from treadle.data.sources.answer_check import graded_by
from treadle.data.sources.columns import Columns
from treadle.data.sources.form import ReadOptions, Segment, Untitled
from treadle.data.sources.line_ends import with_plain_actions, with_plain_line_ends
from treadle.data.sources.math.answers_form import only_answer
from treadle.data.sources.native import of_domain, setup_in
from treadle.data.sources.origin import origin_in
from treadle.data.sources.registry import form_named, forms, recognised
from treadle.data.sources.report import COMPARED, FINAL_ANSWERS, DropReason, ReadReport
from treadle.data.sources.verified import AGENT_FLAGS, SUCCESS_AT, find_mark, math_flags
from treadle.domains.domain import Graded
from treadle.domains.registry import get
from treadle.domains.setups import SETUP
from treadle.files.chunks import Chunk, iter_chunks
from treadle.files.reading import rows_of
from treadle.files.rows import Rejected, Row
from treadle.limits import OutOfTime, time_limit
from treadle.scoring.grading import GraderName
from treadle.scoring.references import doubt_about
from treadle.trajectory import Trajectory


@dataclass(frozen=True)
class ReadSettings:
    """What decides which trajectories come out of a row.

    Args:
        format: A form's name, or `auto` to recognise each row's form by its content.
        keep_unverified: Keep rows that the source marks as failed. Rows that it does not mark are always kept.
        columns: Column names of the numbered form, which is then the form of every row unless `format` names another.
        untitled: `"keep"` accepts plain numbered lists as steps, see `parse_numbered`.
        segment: `"prose"` cuts solutions without numbered steps at their joints, see `segmentation`.
        answers_only: Read problems and answers and leave solutions out, see `answers_form`.
        success_at: The reward from which on a row counts as right, see `as_flag`.
        grader: Who compares final answers with the reference, see `treadle.scoring.grading`.
        domain: Name of the domain that every trajectory gets, whatever its form says; `None` for the form's. Rows in
            treadle's own form need no `domain` then.
        row_seconds: Time limit a row; a row that takes longer is dropped.
    """

    format: str = "auto"
    keep_unverified: bool = False
    columns: Columns | None = None
    untitled: Untitled = "drop"
    row_seconds: float = 20.0
    segment: Segment = "off"
    answers_only: bool = False
    success_at: float = SUCCESS_AT
    grader: GraderName = "treadle"
    domain: str | None = None


class Outcome(NamedTuple):
    """What became of one row: a trajectory, or the reason why there is none and what was found."""

    where: str
    form: str | None
    trajectory: Trajectory | None
    reason: DropReason | None = None
    detail: str = ""
    notes: tuple[tuple[str, str], ...] = ()

    def count_in(self, report: ReadReport) -> None:
        """Add the row to a report."""
        report.read += 1
        if self.form:
            report.forms[self.form] += 1
        for topic, what in self.notes:
            report.note(topic, what)
        if self.reason is None:
            report.kept += 1
        else:
            report.drop(self.reason, self.where, self.detail)


def read_trajectories(
    path: str | Path,
    format: str = "auto",
    keep_unverified: bool = False,
    report: ReadReport | None = None,
    *,
    columns: Columns | None = None,
    untitled: Untitled = "drop",
    segment: Segment = "off",
    answers_only: bool = False,
    success_at: float = SUCCESS_AT,
    domain: str | None = None,
    split: str = "train",
    row_seconds: float = 20.0,
    max_row_mb: float = 64.0,
) -> Iterator[Trajectory]:
    """Iterate over the trajectories of a file, folder, stream or hub data set, in constant memory.

    Args:
        path: See `treadle.files.chunks.iter_chunks`.
        format, keep_unverified, columns, untitled, segment, answers_only, success_at, domain, row_seconds: See
            `ReadSettings`.
        report: Receives the counts; afterwards `report.read == report.kept + sum(report.dropped.values())`.
        split: Split of a hub data set.
        max_row_mb: Rows of more megabytes are dropped unread.

    Raises:
        DataError: Nothing is there, or the format is unknown. What is wrong with a row never raises: it is dropped
            with its reason.
    """
    report = report if report is not None else ReadReport()
    settings = ReadSettings(
        format, keep_unverified, columns, untitled, row_seconds, segment, answers_only, success_at, domain=domain
    )
    check_format(format)
    for chunk in iter_chunks(path, split, max_row_mb, report.skipped_files):
        for outcome in read_chunk(chunk, settings):
            outcome.count_in(report)
            if outcome.trajectory is not None:
                yield outcome.trajectory


def check_format(format: str) -> None:
    """Raise `DataError` unless `format` is `auto` or names a form, or if a form of another package cannot be loaded."""
    forms()
    if format != "auto":
        form_named(format)


def read_chunk(chunk: Chunk, settings: ReadSettings) -> Iterator[Outcome]:
    """What became of each row of a chunk, in order."""
    for row in rows_of(chunk):
        if isinstance(row, Row):
            yield _read_row(row, settings)
        else:
            where, rejected = row
            yield Outcome(where, None, None, DropReason(rejected.reason), rejected.detail)


def _read_row(row: Row, settings: ReadSettings) -> Outcome:
    form = None
    try:
        with time_limit(settings.row_seconds):
            data, line_ends = with_plain_line_ends(row.data)
            row = row._replace(data=data)
            if settings.domain is not None:
                row = of_domain(row, settings.domain)
            if settings.answers_only:
                form = form_named("answers")
            elif settings.format == "auto" and settings.columns is not None:
                form = form_named("numbered")
            elif settings.format == "auto":
                row, form = recognised(row)
            else:
                form = form_named(settings.format)
            options = ReadOptions(settings.columns, settings.untitled, settings.segment, settings.success_at)
            with graded_by(settings.grader):
                trajectory = (
                    only_answer(row, options) if settings.answers_only else checked(form, form.read(row, options))
                )
            trajectory, given = _of_domain(row, trajectory, settings.domain)
    except Rejected as rejected:
        return Outcome(row.where, form and form.name, None, rejected.reason, rejected.detail)
    except OutOfTime:
        detail = f"more than {settings.row_seconds:g} s" + (f" in {origin(form)}" if form and origin(form) else "")
        return Outcome(row.where, form and form.name, None, DropReason.TIMED_OUT, detail)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:  # a form may be another package's; one bad row must not end a run
        said = f"{type(error).__name__}: {error}"
        if form and (package := origin(form)) and package not in said:
            said = f"{package}: {said}"
        return Outcome(row.where, form and form.name, None, DropReason.FORM_FAILED, said)
    if (made := origin_in(row.data)) is not None:
        trajectory.meta["origin"] = made
    trajectory, notes = _noted(row, trajectory, settings, line_ends)
    notes = (*given, *notes)
    if form.name != "treadle":  # whose rows tell where they came from
        trajectory.meta.setdefault("form", form.name)
    if trajectory.verified is False and not settings.keep_unverified:
        found = trajectory.meta.get("final_answer")
        reason, detail = DropReason.MARKED_AS_FAILED, trajectory.problem
        if found is not None:
            reason, detail = DropReason.ANSWER_DIFFERS, f"{found} instead of {trajectory.answer}"
        return Outcome(row.where, form.name, None, reason, detail, notes)
    return Outcome(row.where, form.name, trajectory, notes=notes)


def _of_domain(row: Row, trajectory: Trajectory, domain: str | None) -> tuple[Trajectory, tuple[tuple[str, str], ...]]:
    """The trajectory with the domain that was given for all rows, and the `setup` that its code may need."""
    if domain is None:
        return trajectory, ()
    if (setup := setup_in(row.data)) is not None:
        trajectory.meta.setdefault(SETUP, setup)
    if trajectory.domain == domain:
        return trajectory, ()
    note = ("domain", f"rows given the domain {domain} (--domain), which their form has as {trajectory.domain}")
    return replace(trajectory, domain=domain), (note,)


def _noted(
    row: Row, trajectory: Trajectory, settings: ReadSettings, line_ends: int
) -> tuple[Trajectory, tuple[tuple[str, str], ...]]:
    """The trajectory with the user's reading of rewards, and what is counted of it besides."""
    notes = []
    checked = trajectory.meta.pop("answer_check", "none")
    trajectory, in_calls = with_plain_actions(trajectory)
    if line_ends + in_calls:
        trajectory.meta["line_ends"] = line_ends + in_calls
        notes.append(("line ends", "rows with \\r\\n, \\r or U+2028, which are now \\n"))
    domain = get(trajectory.domain)  # which need not be known here: `treadle inspect` shows such rows
    graded = domain.verdict if domain is not None and isinstance(domain.verdict, Graded) else None
    if graded and trajectory.answer and (doubt := doubt_about(trajectory.answer, graded.kind)):
        notes.append((FINAL_ANSWERS, doubt))
    if settings.answers_only:
        return trajectory, tuple(notes)
    if trajectory.meta.get("passed_numbers"):
        notes.append(("numbers", "rows with `2019.` before a line or `Step 5:` within one that begins no step"))
    column = settings.columns.verified if settings.columns else None
    names = AGENT_FLAGS if domain is not None and domain.of_calls else math_flags(column)
    if (mark := find_mark(row.data, names, settings.success_at)) is not None:
        notes.append(("marked by", mark.note))
        by_default = find_mark(row.data, names)
        if by_default is not None and trajectory.verified is by_default.success is not mark.success:
            trajectory = replace(trajectory, verified=mark.success)
    if domain is not None and domain.written and (mark is None or mark.success is None):
        notes.append((COMPARED, checked))
    return trajectory, tuple(notes)
