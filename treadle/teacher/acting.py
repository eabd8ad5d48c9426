"""`treadle teach solve` of problems whose domain has an environment: a teacher acts step by step and sees what it does.

The loop, its journals and the verdicts are those of `treadle evaluate --mode loop`; the store is such a run, and it is
gone on with. What the domain's verdict calls right becomes a trajectory with what the environment answered. The folder
is that of `treadle.teacher.kept`.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from treadle.domains.registry import find
from treadle.errors import DataError
from treadle.evaluate.benchmarks import Benchmark, load_data, split_name
from treadle.evaluate.records import Sample
from treadle.evaluate.run import WritePage, evaluate
from treadle.evaluate.runs import GENERATIONS, Run, read_run
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.store import read_lines
from treadle.files.output import check_out, owned
from treadle.statistics.estimates import wilson
from treadle.teacher.asking import prompt_digest
from treadle.teacher.bootstrap.candidates import Candidate, candidate_of, draft_of, row_of
from treadle.teacher.checks import Fault
from treadle.teacher.checks.duplicates import Duplicates
from treadle.teacher.checks.resolved import NoVerdict
from treadle.teacher.drafts import Draft, Origin
from treadle.teacher.kept import INFO, STORE, rejected_row, write_info, write_report, write_rows
from treadle.teacher.report import as_text
from treadle.teacher.tasks.outcomes import acts_alone
from treadle.trajectory import Trajectory

COMMAND = "solve"


def problems_to_act_on(source: str, columns: str | None, kind: str, split: str, domain: str | None) -> Benchmark | None:
    """The problems of a file or prepared folder whose domain has an environment; `None` where it has none.

    Args:
        source, columns, kind, split: See `treadle.evaluate.benchmarks.load_data`.
        domain: Of the rows of a file.

    Raises:
        DataError: It cannot be read, or a prepared folder has problems of both sorts.
    """
    given = domain or Trajectory.domain
    if not split_name(source)[1].is_dir() and find(given).environment is None:
        return None
    found = load_data(source, split, columns, given, kind)
    answered = Counter(find(problem.domain).environment is not None for problem in found.problems)
    if answered[True] and answered[False]:
        raise DataError(
            f"{source}: {answered[True]:,} problems are of a domain with an environment and {answered[False]:,} are "
            "not; prepare them apart"
        )
    return found if answered[True] else None


def act(
    model: str,
    benchmark: Benchmark,
    settings: EvaluateSettings,
    out: Path,
    kind: str,
    options: dict[str, Any],
    near_threshold: float | None = 0.8,
    known: Iterable[Trajectory] = (),
    overwrite: bool = False,
    page: WritePage | None = None,
) -> dict[str, Any]:
    """Act on what `out` does not hold yet, and write the attempts that are right.

    Args:
        model: Folder or hub id; for a server the name under which it serves the model.
        benchmark: See `problems_to_act_on`.
        settings: How is sampled; see `acting_settings`.
        kind, options: The back end, see `treadle.evaluate.backends.open_backend`.
        near_threshold: Similarity from which attempts at one problem are near duplicates; `None` keeps all.
        known: Trajectories that are there; what is like one of them is not kept.
        overwrite: Whether a run with other settings is replaced.
        page: Writes the page of the run, as for `treadle.evaluate.run.evaluate`.

    Returns:
        The content of report.json. `treadle.teacher.outcomes.missing` counts what the same command would try again.

    Raises:
        ModelError, OutputError, Interrupted: As for `treadle.evaluate.run.evaluate`.
    """
    with owned(out):
        if overwrite or not (out / INFO).is_file():
            check_out(out, overwrite, INFO)
        duplicates = None if near_threshold is None else Duplicates(near_threshold, known, acts_alone)
        info: dict[str, Any] = {"command": COMMAND, "model": model, "backend": {"kind": kind}}
        info["settings"] = {"near_threshold": near_threshold, **asdict(settings)}
        versions = {"treadle": version("treadle"), "python": platform.python_version()}
        write_info(out, {**info, "versions": versions})
        evaluate(model, [benchmark], settings, out / STORE, kind, options, overwrite=overwrite, page=page)
        run = read_run(out / STORE)
        samples = list(run.samples())
        kept, rejected = _distinct(_candidates(run, samples, benchmark, model), duplicates)
        report = {
            **info,
            "backend": run.info["backend"],
            **_counts(benchmark, settings, samples, kept, rejected),
            "versions": versions,
        }
        write_rows(out, map(row_of, kept), (rejected_row(draft, fault) for draft, fault in rejected))
        write_report(out, report, as_text(report))
    return report


def acting_settings(benchmark: Benchmark, samples: int, **changes: Any) -> EvaluateSettings:
    """How attempts are sampled.

    Args:
        changes: Other fields of `EvaluateSettings`.
    """
    return EvaluateSettings(modes=("loop",), greedy=False, samples_of={benchmark.name: samples}, **changes)


Found = list[Candidate | tuple[Draft, Fault]]


def _candidates(run: Run, samples: Sequence[Sample], benchmark: Benchmark, model: str) -> Found:
    """Each attempt as a candidate, or what is wrong with it."""
    problems, tags = {problem.id: problem for problem in benchmark.problems}, run.thought_tags
    lines = (line for line in read_lines(run.folder / GENERATIONS) if line["step"] == 1)
    prompts = {(line["problem"], line["index"]): prompt_digest(line["prompt"]) for line in lines}
    found: Found = []
    for sample in samples:
        problem, index = problems[sample.key.problem], sample.key.index
        origin = Origin(COMMAND, model, prompts[problem.id, index], index)
        found.append(candidate_of(sample, draft_of(sample, problem, origin, tags), problem, tags))
    return found


def _distinct(found: Found, duplicates: Duplicates | None) -> tuple[list[Candidate], list[tuple[Draft, Fault]]]:
    """What is like nothing before it, and all the rest with its reason."""
    rejected = [each for each in found if not isinstance(each, Candidate)]
    candidates = [each for each in found if isinstance(each, Candidate)]
    if duplicates is None:
        return candidates, rejected
    problems = {c.draft.id: c.draft.problem_id for c in candidates}
    faults = duplicates.among([(c.draft.id, c.trajectory) for c in candidates], lambda name: problems.get(name, name))
    kept = []
    for candidate, fault in zip(candidates, faults, strict=True):
        if fault is None:
            kept.append(replace(candidate, draft=candidate.draft.passed(duplicates.name)))
        else:
            rejected.append((candidate.draft, fault))
    return kept, rejected


def _counts(
    benchmark: Benchmark,
    settings: EvaluateSettings,
    samples: Sequence[Sample],
    kept: Sequence[Candidate],
    rejected: Sequence[tuple[Draft, Fault]],
) -> dict[str, Any]:
    """`inputs`, `samples`, `problems`, `tokens` and `episodes` of report.json."""
    left_out = {str(reason): count for reason, count in benchmark.left_out.items()}
    given, asked = len(benchmark.problems), len(benchmark.problems) * settings.attempts(benchmark.name, "sampled")
    solved = {candidate.draft.problem_id for candidate in kept}
    stops = {(sample.key.problem, sample.key.index): str(sample.stop) for sample in samples}
    ended = Counter(stops[c.draft.problem_id, c.draft.origin.sample] for c in kept)
    failed = asked - len(samples)
    return {
        "inputs": {
            "source": benchmark.source,
            "read": given + sum(left_out.values()),
            "given": given,
            "left_out": left_out,
        },
        "samples": {
            "all": asked,
            "kept": len(kept),
            "rejected": dict(Counter(str(fault.reason) for _, fault in rejected).most_common()),
            "failed": {str(NoVerdict.NO_REPLY): failed} if failed else {},
            "not_asked": 0,
        },
        "problems": {
            "all": given,
            "with_a_solution": len(solved),
            "share": wilson(len(solved), given)._asdict(),
        },
        "tokens": {"prompt": None, "completion": sum(sample.n_tokens for sample in samples)},
        "episodes": {
            "steps": sum(len(sample.steps) for sample in samples),
            "kept_that_ended": dict(ended.most_common()),
        },
    }
