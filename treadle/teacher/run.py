"""`treadle teach solve` and `rewrite`: from assignments to a folder of trajectories, resumable at any moment.

The folder's files are described in `treadle.teacher.kept`. A run that was stopped, killed, or whose server went away
goes on with the same command: what the store holds is not asked again.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.errors import Interrupted, ModelError
from treadle.files.output import check_out, make_empty, owned
from treadle.scoring.grading import grader_version
from treadle.teacher.asking import Assignment, Wording
from treadle.teacher.assignments import Assignments, refuse_none
from treadle.teacher.checks import Check, SetCheck
from treadle.teacher.checks.agreement import Agreement
from treadle.teacher.checks.answer import Boxed, RightAnswer
from treadle.teacher.checks.duplicates import Duplicates
from treadle.teacher.checks.follows import Follows
from treadle.teacher.checks.form import Form
from treadle.teacher.checks.text import Language, Length, Repetition
from treadle.teacher.costs import Prices
from treadle.teacher.kept import INFO, STORE, write_info, write_report, write_rows
from treadle.teacher.outcomes import Outcomes
from treadle.teacher.report import as_text
from treadle.teacher.rounds import State, Teacher, window_of, works_of
from treadle.teacher.settings import TeachSettings, identity
from treadle.teacher.store import Store, check_same, recorded
from treadle.trajectory import Trajectory

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend

_FROM_BACKEND = ("dtype", "chat.")
"""Keys of an identity that are known when the model is loaded."""


def teach(
    model: str,
    assignments: Assignments[Assignment],
    settings: TeachSettings,
    out: Path,
    kind: str = "openai",
    options: Mapping[str, Any] | None = None,
    prices: Prices | None = None,
    known: Iterable[Trajectory] = (),
    overwrite: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Ask for what `out` does not hold yet, check everything, and write what is kept.

    Args:
        model: Folder or hub id; for a server the name under which it serves the model.
        assignments: Problems to solve or solutions to rewrite, all of one sort.
        kind, options: The back end, see `treadle.evaluate.backends.open_backend`.
        known: Trajectories that are there; what is like one of them is not kept.
        overwrite: Whether the folder of another run is replaced, with its answers.

    Returns:
        The content of report.json. `treadle.teacher.outcomes.missing` counts what the same command would ask again.

    Raises:
        DataError: There is nothing to do.
        ModelError: The model cannot be loaded or reached, refuses, changed under way, or gave no answer at all.
        OutputError: `out` holds something else, its store is of other settings, or it cannot be written.
        Interrupted: The user stopped the run; it can be continued.
    """
    settings.check()
    refuse_none(assignments)
    with owned(out):
        if overwrite or not (out / INFO).is_file():
            check_out(out, overwrite, INFO)
        late = set_checks(settings, known)
        options, prices = dict(options or {}), prices or Prices()
        return _teach(model, assignments, settings, out, kind, options, prices, late, overwrite, progress)


def _teach(
    model: str,
    assignments: Assignments[Assignment],
    settings: TeachSettings,
    out: Path,
    kind: str,
    options: dict[str, Any],
    prices: Prices,
    late: list[SetCheck],
    overwrite: bool,
    progress: bool,
) -> dict[str, Any]:
    from treadle.evaluate.backends import open_backend

    command = assignments.items[0].command
    if not overwrite:  # before a model is loaded
        check_same(out / STORE, identity(model, {"kind": kind}, command, settings), _FROM_BACKEND)
        if (date := recorded(out / STORE, "chat.date")) is not None:  # that a template shows, on another day, too
            options.setdefault("date", date)
    with closing(open_backend(model, kind, **options)) as backend:
        described = backend.describe()
        about = identity(model, described, command, settings)
        if overwrite:
            make_empty(out, INFO)
        check_same(out / STORE, about)
        versions = {"treadle": version("treadle"), "python": platform.python_version(), "grader": grader_version()}
        info = {"command": command, "model": model, "backend": described, "settings": asdict(settings)}
        write_info(out, {**info, "versions": versions})
        with closing(Store(out / STORE, about)) as store:
            if len(store) or store.torn:
                torn = ", the last line was torn and is asked again" if store.torn else ""
                print(f"{out}: {len(store):,} answers are there already{torn}")
            teacher = teacher_of(backend, store, model, settings, prices)
            works = works_of(assignments.items, settings.samples)
            try:
                teacher.work(works, progress)
                outcomes = Outcomes(teacher, works, late)
                report = {
                    **info,
                    "served": store.served,
                    "inputs": assignments.record(),
                    **outcomes.counts(),
                    "tokens": asdict(store.tokens),
                    "prices": asdict(prices),
                    "cost": prices.of(store.tokens),
                    "versions": versions,
                }
                write_rows(out, outcomes.kept_rows(), outcomes.rejected_rows())
                write_report(out, report, as_text(report))
            except KeyboardInterrupt:
                raise Interrupted(f"stopped; {_kept(out, store)}") from None
            except ModelError as error:
                raise ModelError(f"{error}; {_kept(out, store)}") from error
            failed = [work.error for work in works if work.state is State.FAILED]
            if failed and not len(store):
                raise ModelError(
                    f"{out}: none of {len(failed):,} requests gave an answer; the last: {failed[-1]}. The same command "
                    "tries them again"
                )
    return report


def _kept(out: Path, store: Store) -> str:
    return f"{len(store):,} answers are in {out / STORE}, and the same command goes on from there"


def teacher_of(
    backend: Backend, store: Store, model: str, settings: TeachSettings, prices: Prices | None = None
) -> Teacher:
    """A teacher with the prompts and checks of these settings."""
    wording = Wording(settings.min_steps, settings.think, backend.thought_tags)
    checks = checks_of(settings)
    return Teacher(
        backend,
        store,
        model,
        wording,
        settings.sampling,
        checks,
        tries=settings.tries,
        seed=settings.seed,
        prices=prices or Prices(),
        window=window_of(backend),
    )


def checks_of(settings: TeachSettings) -> list[Check]:
    """The checks of single drafts, the cheap and telling first."""
    checks: list[Check] = [Form(settings.min_steps), Length(*settings.chars), Repetition(settings.repetition)]
    checks += [RightAnswer(unverified=settings.unverified), Boxed()]
    if settings.language:
        checks.append(Language(settings.language))
    if settings.follows:
        checks.append(Follows(settings.follows))
    return checks


def set_checks(settings: TeachSettings, known: Iterable[Trajectory] = ()) -> list[SetCheck]:
    """The checks of all drafts together."""
    checks: list[SetCheck] = []
    if settings.agreement:
        checks.append(Agreement(settings.agreement, settings.samples, verified=not settings.unverified))
    if settings.duplicates:
        checks.append(Duplicates(settings.near_threshold, known))
    return checks
