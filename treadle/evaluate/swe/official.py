"""SWE-bench's own harness: predictions and the command for it, and its report as `results.json`.

The harness needs Docker, and an image for each instance; it is not run from here.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.evaluate.store import write_json, write_lines
from treadle.evaluate.swe.grading import by_instance, handed_in_fault
from treadle.evaluate.swe.harness_reports import read_report
from treadle.evaluate.swe.predictions import PREDICTIONS, write_predictions
from treadle.evaluate.swe.records import Graded, Prediction, SweInstance, Verdict
from treadle.evaluate.swe.results import (
    GRADED,
    HARNESS,
    RESULTS,
    begin,
    check_folder,
    digest,
    digest_of,
    digest_of_rows,
    summarise,
)
from treadle.files.output import owned


def command(dataset: str, predictions: Path, run: str, report_folder: Path, split: str = "test") -> str:
    """The line of shell that runs the harness (swebench 5, Docker).

    Args:
        dataset: As the harness names it: a hub id, `verified`, `full`, or a file.
        run: Names its folder of logs and its report.
    """
    words = ["swebench", "eval", dataset, "-p", str(predictions), "--run-id", run, "-s", split]
    return shlex.join([*words, "--report-dir", str(report_folder)])


def report_path(folder: Path, model: str, run: str) -> Path:
    """Where that command writes its report."""
    return folder / f"{model.replace('/', '__')}.{run}.json"


def hand_over(
    predictions: Sequence[Prediction], instances: Sequence[SweInstance], tasks: str, out: Path, split: str = "test"
) -> tuple[str, Path]:
    """Write predictions for the harness.

    Args:
        tasks: Where the instances were read from.

    Returns:
        The command that runs the harness on them, and where it will write its report.

    Raises:
        DataError: Tasks are made from packages, for which the harness has no images, or there is no prediction.
        OutputError: `out` holds something else than grades, or cannot be written.
    """
    if made := [one.instance_id for one in instances if one.bug is not None]:
        raise DataError(
            f"{made[0]} and {len(made) - 1} more: their bugs were put in, and the harness has no images of them; grade "
            "them with --grader local"
        )
    if not predictions:
        raise DataError("no prediction for these tasks; the harness needs one at least")
    check_folder(out)
    with owned(out):
        write_predictions(out / PREDICTIONS, predictions)
    run = f"treadle-{digest_of_rows(predictions)[:12]}"
    report = report_path(out / HARNESS, predictions[0].model_name_or_path, run)
    return command(tasks, out / PREDICTIONS, run, out / HARNESS, split), report


def take_back(
    predictions: Sequence[Prediction],
    instances: Sequence[SweInstance],
    report: Path,
    out: Path,
    known: Collection[str],
    overwrite: bool = False,
    sources: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of `results.json`, of a report of the harness.

    Args:
        known: Ids of all tasks of the set, of which `instances` may be a part.
        sources: Where predictions and tasks were read.

    Raises:
        DataError: There is no such report, or it is of other tasks.
        OutputError: `out` holds something else, or cannot be written.
    """
    reported = read_report(report)
    if other := sorted(reported.keys() - set(known)):
        raise DataError(f"{report}: names {other[0]!r}, which is none of the tasks; give those of its run with --tasks")
    handed_in = by_instance(predictions, instances)
    graded = [_official(one.instance_id, handed_in.get(one.instance_id), reported) for one in instances]
    identity = {
        "predictions": digest_of_rows(predictions),
        "tasks": digest(sorted(map(digest_of, instances))),
        "report": digest(sorted([one.instance_id, one.verdict, one.reason] for one in reported.values())),
    }
    with owned(out):
        begin(out, identity, overwrite)
        results = summarise(graded, instances, {}, predictions, "official", sources)
        write_lines(out / GRADED, map(asdict, graded))
        write_json(out / RESULTS, results)
    return results


def _official(name: str, prediction: Prediction | None, reported: Mapping[str, Graded]) -> Graded:
    """What was handed in without a patch has the verdict that treadle knows, which says more than the harness's."""
    if fault := handed_in_fault(prediction):
        return Graded(name, *fault)
    return reported.get(name, Graded(name, Verdict.ENVIRONMENT, "the harness's report does not name it"))
