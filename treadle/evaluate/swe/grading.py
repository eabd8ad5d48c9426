"""Verdicts: what a prediction is worth, from the fault that it was handed in with to the last test.

Every failure of the model counts as not resolved; an instance without a prediction is `empty`. What the machine lacks
is `environment`, stays in the denominator, too, and is graded anew by the next run of the same command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from treadle.errors import DataError, OutputError, TreadleError
from treadle.evaluate.store import Journal, write_json
from treadle.evaluate.swe.parsers import PASSED
from treadle.evaluate.swe.records import Graded, MissingError, Prediction, SweInstance, Verdict
from treadle.evaluate.swe.results import (
    GRADED,
    LOGS,
    RESULTS,
    begin,
    digest,
    digest_of,
    digest_of_predictions,
    read_graded,
    summarise,
)
from treadle.evaluate.swe.running import Means, TestRun, run_tests
from treadle.evaluate.swe.sandbox import SandboxError
from treadle.evaluate.swe.working import in_turn, log_file
from treadle.files.output import owned
from treadle.files.whole import write_whole

_NAMED = 3
"""Tests that a reason names."""
_OF_TESTS = (Verdict.RESOLVED, Verdict.UNRESOLVED)


def grade(
    prediction: Prediction | None,
    instance: SweInstance,
    means: Means,
    before: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Graded:
    """The verdict on one prediction.

    Args:
        prediction: `None` where the model handed in nothing.
        before: Status of the listed tests at the base, where a validation has found them.
        log: File for what the tests printed.

    Raises:
        SandboxError: No sandbox can be had.
        MissingError: What all instances need is not here.
        OutputError: The disk is full, or cannot be written to.
    """
    name = instance.instance_id
    if fault := handed_in_fault(prediction):
        return Graded(name, *fault, before=dict(before or {}))
    assert prediction is not None
    try:
        run = run_tests(instance, prediction.model_patch, means)
    except (SandboxError, MissingError, OutputError):
        raise
    except TreadleError as error:
        return Graded(name, Verdict.ENVIRONMENT, " ".join(str(error).split()), dict(before or {}))
    if log is not None and run.log:
        write_whole(log, run.log)
    return judged(instance, run, before)


def handed_in_fault(prediction: Prediction | None) -> tuple[Verdict, str] | None:
    """The verdict that needs no tests, and its reason; `None` for a patch that is there.

    Raises:
        DataError: The prediction names a fault that is none.
    """
    if prediction is None:
        return Verdict.EMPTY, "no prediction"
    if prediction.fault:
        known = [verdict.value for verdict in Verdict if verdict not in _OF_TESTS]
        if prediction.fault not in known:
            raise DataError(f"{prediction.instance_id}: fault {prediction.fault!r}, expected one of {', '.join(known)}")
        return Verdict(prediction.fault), prediction.reason
    return None if prediction.model_patch.strip() else (Verdict.EMPTY, "an empty patch")


def judged(instance: SweInstance, run: TestRun, before: Mapping[str, str] | None = None) -> Graded:
    """The verdict on a run of the tests."""
    if run.resolved:
        verdict, reason = Verdict.RESOLVED, ""
    elif run.fault:
        verdict, reason = run.fault, run.reason
    else:
        verdict, reason = Verdict.UNRESOLVED, run.reason or failed_tests(instance, run.statuses)
    if verdict == Verdict.UNRESOLVED and run.restored:
        reason += f"; put back before the tests: {_some(run.restored)}"
    rung = run.applied.rung if run.applied else ""
    return Graded(instance.instance_id, verdict, reason, dict(before or {}), run.statuses, rung, round(run.seconds, 3))


def failed_tests(instance: SweInstance, statuses: Mapping[str, str]) -> str:
    """Which listed tests have not passed, in a line."""
    said = []
    for tests, kind in ((instance.fail_to_pass, "FAIL_TO_PASS"), (instance.pass_to_pass, "PASS_TO_PASS")):
        if failed := [f"{test} ({statuses[test]})" for test in tests if statuses.get(test) != PASSED]:
            said.append(f"{len(failed)} of {len(tests)} {kind} not passed: {_some(failed)}")
    return "; ".join(said)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def grade_all(
    predictions: Sequence[Prediction],
    instances: Sequence[SweInstance],
    out: Path,
    means: Means,
    *,
    workers: int = 1,
    left_out: Mapping[str, str] | None = None,
    before: Mapping[str, Mapping[str, str]] | None = None,
    overwrite: bool = False,
    sources: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Grade predictions, each as soon as it can be; a run that was stopped goes on.

    Args:
        out: Folder for `results.json`, `graded.jsonl` and the tests' `logs`.
        workers: Runs of tests side by side.
        left_out: Instances that are not graded, and why: they have not validated.
        before: Status of each listed test at the base, by instance.
        overwrite: Replace grades of other predictions in `out`.
        sources: Where predictions and tasks were read, for `results.json`: `treadle view` finds them there.

    Returns:
        The content of `results.json`.

    Raises:
        DataError: A prediction is for no instance, or there are no instances.
        OutputError: `out` holds something else, or cannot be written.
        SandboxError: No sandbox can be had.
    """
    left_out = {name: left_out[name] for name in sorted(left_out or {})}
    by_id = by_instance(predictions, instances)
    kept = [instance for instance in instances if instance.instance_id not in left_out]
    with owned(out):
        begin(out, _identity(by_id, instances, means), overwrite)
        journal = Journal(out / GRADED)
        try:
            done = {graded.instance_id: graded for graded in map(read_graded, journal)}
            retried = [name for name, graded in done.items() if graded.verdict == Verdict.ENVIRONMENT]
            todo = [one for one in kept if one.instance_id not in done or one.instance_id in retried]

            def work(instance: SweInstance) -> Graded:
                name = instance.instance_id
                return grade(by_id.get(name), instance, means, (before or {}).get(name), log_file(out / LOGS, name))

            for graded in in_turn(work, todo, workers):
                journal.append(asdict(graded))
                done[graded.instance_id] = graded
        finally:
            journal.close()
        results = summarise([done[one.instance_id] for one in kept], kept, left_out, predictions, "local", sources)
        write_json(out / RESULTS, results)
    return results


def by_instance(predictions: Sequence[Prediction], instances: Sequence[SweInstance]) -> dict[str, Prediction]:
    """Predictions by the id of their instance.

    Raises:
        DataError: One is for no instance.
    """
    known = {instance.instance_id for instance in instances}
    if unknown := [one.instance_id for one in predictions if one.instance_id not in known]:
        raise DataError(
            f"{len(unknown)} predictions are for no instance of these tasks, the first for {unknown[0]!r}; give the "
            "tasks that they were made for with --tasks"
        )
    return {one.instance_id: one for one in predictions}


def _identity(predictions: Mapping[str, Prediction], instances: Sequence[SweInstance], means: Means) -> dict[str, str]:
    """What of a run changes its verdicts."""
    return {
        "predictions": digest_of_predictions(predictions.values()),
        "tasks": digest(sorted(digest_of(instance) for instance in instances)),
        "limits": digest(asdict(means.limits)),
    }
