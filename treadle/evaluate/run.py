"""`treadle evaluate`: solve problems in one or both modes, or score next steps, and write a run folder.

What was generated is in the folder's journal and is never generated again. Attempts, grades and figures are made from
the journal each time, so that a run continues where it stopped and can be graded again without a model.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from treadle.errors import Interrupted, ModelError, OutputError
from treadle.evaluate.benchmarks import Benchmark
from treadle.evaluate.kept import check_journal, lost_generations, written_files
from treadle.evaluate.observations import Observations
from treadle.evaluate.records import Decoding, Mode, Problem, Sample
from treadle.evaluate.runs import (
    ANEW,
    GENERATIONS,
    INFO,
    OBSERVATIONS,
    RESULTS,
    SAMPLES,
    Run,
    check_same,
    open_run,
    read_started,
    record_extract,
    recorded_date,
)
from treadle.evaluate.sample_lines import sample_record
from treadle.evaluate.settings import CHAT, EvaluateSettings, identity
from treadle.evaluate.solving import begin, judge, next_steps, solve
from treadle.evaluate.step_scores import instances_digest, score_steps, step_figures
from treadle.evaluate.store import Journal, write_json, write_lines
from treadle.evaluate.summary import summarise
from treadle.evaluate.turns import Turns
from treadle.files.locks import alone
from treadle.files.output import owned
from treadle.files.typed import record_of
from treadle.scoring.extraction import Extraction
from treadle.scoring.grading import GraderName, grader_version
from treadle.scoring.verdicts import check_verdicts
from treadle.trajectory import StepInstance

WritePage = Callable[[Path], object]
"""Writes the page of a run folder."""

DECODINGS: tuple[Decoding, ...] = ("greedy", "sampled")


def evaluate(
    model: str,
    benchmarks: Sequence[Benchmark],
    settings: EvaluateSettings,
    out: Path,
    kind: str = "transformers",
    options: Mapping[str, Any] | None = None,
    instances: Sequence[StepInstance] = (),
    overwrite: bool = False,
    page: WritePage | None = None,
    floor: Mapping[str, Any] | None = None,
    no_floor: str = "",
    grader: GraderName = "treadle",
) -> dict[str, Any]:
    """Generate what `out` does not hold yet, grade everything, and write figures and page.

    Args:
        model: Folder or hub id; for a server the name under which it serves the model.
        kind, options: The back end, see `treadle.evaluate.backends.open_backend`.
        instances: Next steps to score, where the settings ask for that.
        overwrite: Whether a run with other settings in `out` is replaced.
        page: Writes the run's page, such as `treadle.report.evaluation.write_evaluation_report`; `None` for none.
        floor: Of the similarity of `instances`, as `Prepared.floors` has it under this name; `None` if not known.
        grader: Who judges, see `treadle.scoring.grading`.
        no_floor: Why it is not known, for the page and the figures.

    Returns:
        The content of results.json. `treadle.evaluate.summary.failed` counts what the back end did not give.

    Raises:
        DomainError: Nobody can judge a problem's domain, or its own code cannot be used.
        ModelError: The model cannot be loaded, or nothing was generated: neither now nor before.
        OutputError: `out` holds another run or something else, cannot be written, or another command writes it.
        Interrupted: The user stopped the run; it can be continued.
    """
    settings.check(benchmarks)
    check_verdicts(problem.domain for benchmark in benchmarks for problem in benchmark.problems)
    with owned(out):
        return _evaluate(
            model, benchmarks, settings, out, kind, options, instances, overwrite, page, floor, no_floor, grader
        )


def _evaluate(
    model: str,
    benchmarks: Sequence[Benchmark],
    settings: EvaluateSettings,
    out: Path,
    kind: str,
    options: Mapping[str, Any] | None,
    instances: Sequence[StepInstance],
    overwrite: bool,
    page: WritePage | None,
    floor: Mapping[str, Any] | None,
    no_floor: str,
    grader: GraderName,
) -> dict[str, Any]:
    from treadle.evaluate.backends import open_backend

    steps = instances_digest(instances)
    problems = [problem for b in benchmarks for problem in b.problems]
    if "loop" in settings.modes:
        Observations(problems).set_up()
    options = dict(options or {})
    trusted = {"trust_remote_code": True} if options.get("trust_remote_code") else {}
    if not overwrite:  # before a model is loaded; its dtype is known after, and its chat template
        check_same(out, identity(model, {"kind": kind, **trusted}, settings, benchmarks, steps), but=("dtype", CHAT))
        if (date := recorded_date(out)) is not None:
            options.setdefault("date", date)
    with closing(open_backend(model, kind, **options)) as backend:
        described = {**backend.describe(), **trusted}
        settings = replace(settings, thought_tags=backend.thought_tags)
        info = {
            "model": model,
            "backend": described,
            "settings": asdict(settings),
            "benchmarks": [
                {
                    "name": b.name,
                    "count": len(b.problems),
                    "sha256": b.sha256,
                    "source": b.source,
                    "left_out": {str(reason): count for reason, count in b.left_out.items()},
                    "unread_references": b.unread(),
                }
                for b in benchmarks
            ],
            "steps": len(instances),
            **({"similarity_floor": dict(floor)} if floor else {"no_similarity_floor": no_floor} if instances else {}),
            "grader": grader_version(grader),
            "versions": {"treadle": version("treadle"), "python": platform.python_version()},
            "identity": identity(model, described, settings, benchmarks, steps),
        }
        with (
            closing(open_run(out, info, problems, overwrite)) as journal,
            closing(Observations(problems, out / OBSERVATIONS)) as observations,
        ):
            turns = Turns(journal)
            if (lost := lost_generations(out)) is not None:
                print(f"{out}: {lost} of those in {RESULTS}; the others are generated again")
            if len(turns) or journal.torn:
                torn = ", the last line was torn and is generated again" if journal.torn else ""
                print(f"{out}: {len(turns)} generations are there already{torn}")
            try:
                for mode in settings.modes:
                    for decoding in DECODINGS:
                        solve(
                            backend, problems, mode, decoding, settings, turns, progress=True, observations=observations
                        )
                failures = score_steps(backend, out, settings, instances)
            except KeyboardInterrupt:
                raise Interrupted(f"stopped; {_kept(out, turns)}") from None
            except ModelError as error:
                raise ModelError(f"{error}; {_kept(out, turns)}") from error
            results = _conclude(read_started(out), settings, turns, observations, page, grader)
            if not len(turns) and not (results.get("steps") or {}).get("steps"):
                failures += turns.failed.values()
            else:
                failures.clear()
    if failures:
        raise ModelError(
            f"{out}: none of {len(failures):,} requests gave a text; the last: {failures[-1]}. The same command tries "
            "them again"
        )
    return results


def regrade(
    folder: Path,
    page: WritePage | None = None,
    extract: Extraction | None = None,
    grader: GraderName = "treadle",
) -> dict[str, Any]:
    """Grade a run's generations again and write its figures and page anew, without a model.

    Args:
        page, grader: As for `evaluate`.
        extract: What counts as an answer from now on; by default what the run says.

    Raises:
        OutputError: `folder` is no run, has lost generations, or is being written by another command.
    """
    read_started(folder)
    with alone(folder):
        run = read_started(folder)
        check_journal(folder)
        if extract is not None and extract != run.info["settings"].get("extract", "boxed"):
            record_extract(run, extract)
        problems = [problem for found in run.problems.values() for problem in found]
        with (
            closing(Journal(folder / GENERATIONS)) as journal,
            closing(Observations(problems, folder / OBSERVATIONS)) as observations,
        ):
            return _conclude(run, _settings_of(run), Turns(journal), observations, page, grader)


def _settings_of(run: Run) -> EvaluateSettings:
    where, settings = str(run.folder / INFO), run.info["settings"]
    if "modes" not in settings:
        raise OutputError(f"{where}: settings.modes: field required; {ANEW}")
    return record_of(EvaluateSettings, settings, where, ANEW, "settings")


def _kept(out: Path, turns: Turns) -> str:
    return f"{len(turns)} generations are in {out / GENERATIONS}, the same command continues from there"


def _conclude(
    run: Run,
    settings: EvaluateSettings,
    turns: Turns,
    observations: Observations,
    page: WritePage | None,
    grader: GraderName,
) -> dict[str, Any]:
    """Samples, figures and page from what was generated."""
    problems = [problem for found in run.problems.values() for problem in found]
    samples: list[Sample] = []
    for mode in settings.modes:
        for decoding in DECODINGS:
            samples += _attempts(problems, mode, decoding, settings, turns, observations)
    judge(samples, problems, settings=settings, name=grader)
    write_lines(run.folder / SAMPLES, (sample_record(s) for s in samples if s.stop is not None))
    steps = step_figures(run) if settings.steps else None
    results = summarise(run.info, run.problems, samples, turns.failed, steps, turns.doubts)
    results["grader"] = grader_version(grader)
    results["files"] = written_files(run.folder)
    write_json(run.folder / RESULTS, results)
    if page is not None:
        page(run.folder)
    return results


def _attempts(
    problems: Sequence[Problem],
    mode: Mode,
    decoding: Decoding,
    settings: EvaluateSettings,
    turns: Turns,
    observations: Observations,
) -> list[Sample]:
    samples = begin(problems, mode, decoding, settings)
    next_steps(samples, turns, settings, None, observations)  # answers that were lost are asked for again
    return samples
