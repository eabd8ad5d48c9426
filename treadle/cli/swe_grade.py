"""`treadle swe validate` and `treadle swe grade`: tasks by their gold patches, and predictions.

Exit codes: 0 if everything has a verdict of its own, 1 if tasks did not validate or the environment of some failed, 2
for errors that a user can mend, 130 for an interrupted run, which the same command continues.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli.data import one_of
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.evaluate.swe.records import SweInstance
    from treadle.evaluate.swe.running import Means
    from treadle.evaluate.swe.validate import Validation

_TASKS = "A folder that `treadle swe tasks` made, a file of instances, or a hub id."
_SHOWN = 20
"""Lines of a list on the terminal; files have them all."""

Split = Annotated[str | None, typer.Option(help="Of the tasks: such as train or test.")]
Only = Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this task; can be repeated.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first tasks.")]
Mirrors = Annotated[Path | None, typer.Option(help="Folder of clones, for issues of real repositories.")]
Cache = Annotated[Path, typer.Option(help="Folder of environments, kept for later runs.")]
Python = Annotated[
    Path | None, typer.Option(help="A virtual environment for all made tasks, instead of one for each package.")
]
Seconds = Annotated[float, typer.Option(min=1, help="Of one run of an instance's tests.")]
Memory = Annotated[int, typer.Option(min=64, help="Megabytes of memory of one run.")]
Workers = Annotated[int, typer.Option(min=1, help="Runs of tests side by side.")]
Unsafe = Annotated[
    bool, typer.Option("--unsafe-local", help="Run what a model wrote without a sandbox, where there is none.")
]
_CACHE, _SECONDS, _MEMORY = Path(".treadle/swe"), 300.0, 4096


def validate(
    tasks: Annotated[str, typer.Argument(help=_TASKS)],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="By default validation.json with the tasks."),
    ] = None,
    split: Split = None,
    instance: Only = None,
    limit: Limit = None,
    mirrors: Mirrors = None,
    cache: Cache = _CACHE,
    python: Python = None,
    seconds: Seconds = _SECONDS,
    memory_mb: Memory = _MEMORY,
    workers: Workers = 1,
    unsafe_local: Unsafe = False,
) -> None:
    """Check tasks: the gold patch resolves each, and the base does not. What fails is left out by name later on."""
    from treadle.evaluate.swe.validate import left_out, validate, validation_file

    file = out or validation_file(tasks)
    means = _means(cache, mirrors, python, seconds, memory_mb, unsafe_local)
    chosen = _chosen(tasks, split, instance, limit)
    _print_submodules(chosen, mirrors)
    found = validate(chosen, file, means, workers=workers)
    wrong = left_out(found)
    _print_reasons("does not validate", wrong)
    took = sum(one.seconds for one in found.values())
    print(f"{len(found) - len(wrong)} of {len(found)} tasks validate; {took:.1f} s of tests; written to {file}")
    if wrong:
        raise typer.Exit(1)


def grade(
    predictions: Annotated[Path, typer.Argument(help="As the official harness takes them, or a run's folder.")],
    tasks: Annotated[str, typer.Option(help=_TASKS)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for results.json; one that exists is continued.")],
    grader: Annotated[str, typer.Option(help="local, or official (swebench's harness, which needs Docker).")] = "local",
    report: Annotated[
        Path | None, typer.Option(help="official: the report of a run, or the folder of its logs, to read back in.")
    ] = None,
    validated: Annotated[
        bool, typer.Option("--validate/--no-validate", help="Check tasks first that have not been.")
    ] = True,
    split: Split = None,
    instance: Only = None,
    limit: Limit = None,
    mirrors: Mirrors = None,
    cache: Cache = _CACHE,
    python: Python = None,
    seconds: Seconds = _SECONDS,
    memory_mb: Memory = _MEMORY,
    workers: Workers = 1,
    unsafe_local: Unsafe = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace grades of other predictions.")] = False,
) -> None:
    """Grade what a model handed in by the tests of each issue; every instance counts, with and without a prediction."""
    from treadle.evaluate.swe.grading import grade_all
    from treadle.evaluate.swe.official import hand_over, take_back
    from treadle.evaluate.swe.predictions import read_predictions
    from treadle.evaluate.swe.results import RESULTS
    from treadle.evaluate.swe.sources import TaskSource, recorded

    one_of("--grader", grader, ("local", "official"))
    every = _chosen(tasks, split)
    given = read_predictions(predictions, {one.instance_id for one in every})
    chosen = _chosen(tasks, split, instance, limit)
    names = {one.instance_id for one in chosen}
    given = [one for one in given if one.instance_id in names]
    sources = {"predictions": recorded(predictions, out), "tasks": TaskSource(tasks, split).recorded(out)}
    if grader == "official" and report is None:
        line, report = hand_over(given, chosen, tasks, out, split or "test")
        print(f"run the harness, where Docker is:\n  {line}\nthen read its report back in with --report {report}")
        return
    if grader == "official":
        results = take_back(given, chosen, report, out, {one.instance_id for one in every}, overwrite, sources)
    elif report is not None:
        raise TreadleError("--report is read by --grader official; leave it out, or name that grader")
    else:
        means = _means(cache, mirrors, python, seconds, memory_mb, unsafe_local)
        known = _validations(tasks, chosen, out, means, workers, validated)
        results = grade_all(
            given,
            chosen,
            out,
            means,
            workers=workers,
            left_out={name: one.reason for name, one in known.items() if not one.valid},
            before={name: one.before for name, one in known.items()},
            overwrite=overwrite,
            sources=sources,
        )
    _print_results(results)
    print(f"written to {out / RESULTS}; look at it with `{shlex.join(['treadle', 'view', str(out)])}`")
    if results["counts"]["environment"]:
        raise typer.Exit(1)


def _chosen(
    tasks: str, split: str | None, instance: Sequence[str] | None = None, limit: int | None = None
) -> list[SweInstance]:
    from treadle.evaluate.swe.instances import instance_by_id, read_instances

    found = read_instances(tasks, split)
    if instance:
        found = [instance_by_id(found, name) for name in dict.fromkeys(instance)]
    return found[:limit]


def _means(
    cache: Path, mirrors: Path | None, python: Path | None, seconds: float, memory_mb: int, unsafe_local: bool
) -> Means:
    from dataclasses import replace

    from treadle.evaluate.swe.environments import check_python
    from treadle.evaluate.swe.running import TEST_LIMITS, Means
    from treadle.evaluate.swe.sandbox import needed

    check_python(python)
    if why := needed(unsafe_local):
        print(f"{why}: tests run without protection, as asked")
    return Means(cache, mirrors, replace(TEST_LIMITS, seconds=seconds, memory_mb=memory_mb), unsafe_local, python)


def _validations(
    tasks: str, chosen: Sequence[SweInstance], out: Path, means: Means, workers: int, asked: bool
) -> dict[str, Validation]:
    """Those that are kept with the tasks; what they lack is validated first and kept with the grades."""
    from treadle.evaluate.swe.results import VALIDATION, check_folder
    from treadle.evaluate.swe.validate import is_of, read_validations, validate, validation_file

    known = read_validations(validation_file(tasks)) if Path(tasks).exists() else {}
    known = {one.instance_id: known[one.instance_id] for one in chosen if is_of(known.get(one.instance_id), one)}
    missing = len(chosen) - len(known)
    if not asked or not missing:
        if missing:
            print(
                f"{missing} of {len(chosen)} tasks have not been validated: their verdicts may be the machine's doing"
            )
        return known
    check_folder(out)
    _print_submodules([one for one in chosen if one.instance_id not in known], means.mirrors)
    print(f"{missing} of {len(chosen)} tasks have not been validated; their gold patches are run first")
    return validate(chosen, out / VALIDATION, means, workers=workers, known=known, retry=False)


def _print_submodules(instances: Sequence[SweInstance], mirrors: Path | None) -> None:
    """Name the instances whose submodules are not there, before their tests fail for that."""
    from treadle.evaluate.swe.checkouts import submodules_of

    found = {}
    for one in instances:
        with suppress(TreadleError):  # which its validation says
            if paths := submodules_of(one, mirrors):
                found[one.instance_id] = ", ".join(paths)
    _print_reasons("submodules are empty folders, as in SWE-bench's images", found)


def _print_results(results: Mapping[str, Any]) -> None:
    _print_reasons("left out", {one["instance_id"]: one["reason"] for one in results["left_out"]})
    unresolved = {
        name: f"{one['verdict']}: {one['reason']}"
        for name, one in results["verdicts"].items()
        if one["verdict"] != "resolved"
    }
    _print_reasons("not resolved", unresolved)
    width = max(map(len, results["counts"]))
    for verdict, count in results["counts"].items():
        if count or verdict == "resolved":
            print(f"{verdict:{width}}  {count:>6,}  {count / results['total']:7.1%}")
    rate = results["resolve_rate"]
    interval = f"{rate['value']:.1%} (95% interval {rate['low']:.1%} to {rate['high']:.1%})"
    print(f"resolved {len(results['resolved'])} of {results['total']}: {interval}, grader: {results['grader']}")


def _print_reasons(kind: str, reasons: Mapping[str, str]) -> None:
    for name, reason in list(reasons.items())[:_SHOWN]:
        print(f"{kind}: {name}: {reason}")
    if len(reasons) > _SHOWN:
        print(f"{kind}: {len(reasons) - _SHOWN} more")
