"""The folder of `treadle swe grade`: what is in it, when a command goes on in it, and the figures of `results.json`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from treadle.errors import DataError, OutputError
from treadle.evaluate.store import PAGE, SIDE, read_json, write_json
from treadle.evaluate.swe.parsers import PASSED
from treadle.evaluate.swe.predictions import PREDICTIONS, to_row
from treadle.evaluate.swe.records import Graded, Prediction, SweInstance, Verdict
from treadle.evaluate.swe.wording import counted
from treadle.files.links import remove
from treadle.files.output import check_place
from treadle.files.typed import record_of
from treadle.statistics.estimates import wilson

RESULTS, GRADED, INFO, LOGS, HARNESS = "results.json", "graded.jsonl", "grade.json", "logs", "harness"
VALIDATION = "validation.json"
TASK_DIGITS = 16
"""Of the digest of a task that a verdict carries: comparisons see by it whether two tasks of one name are the same."""
_OF_GRADES = (RESULTS, GRADED, LOGS, INFO, PAGE, SIDE)
_OF_ANY = {VALIDATION, f"{VALIDATION}l", PREDICTIONS, HARNESS}


def summarise(
    graded: Iterable[Graded],
    instances: Sequence[SweInstance],
    left_out: Mapping[str, str],
    predictions: Sequence[Prediction],
    grader: str,
    sources: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of `results.json`.

    Args:
        graded: One for each of `instances`.
        instances: Those that were not left out: the denominator.
        sources: Where predictions and tasks were read, see `Sources`.

    Raises:
        DataError: Nothing is left to be graded.
    """
    by_id = {one.instance_id: one for one in graded}
    if not instances:
        why = "".join(f"; {name}: {reason}" for name, reason in [*left_out.items()][:1])
        none = f"{counted(len(left_out), 'instance')}, of which none validates"
        raise DataError(f"nothing to grade: {none}{why}; mend that, and run treadle swe validate again")
    resolved = sorted(name for name, one in by_id.items() if one.verdict == Verdict.RESOLVED)
    rate = wilson(len(resolved), len(instances))
    counts = Counter(one.verdict for one in by_id.values())
    return {
        "grader": grader,
        "models": sorted({one.model_name_or_path for one in predictions}),
        "total": len(instances),
        "resolved": resolved,
        "resolve_rate": rate._asdict(),
        "counts": {verdict: counts[verdict] for verdict in Verdict},
        "left_out": [{"instance_id": name, "reason": reason} for name, reason in left_out.items()],
        "verdicts": {one.instance_id: _record(by_id[one.instance_id], one) for one in instances},
        **({"sources": dict(sources)} if sources else {}),
    }


def _record(graded: Graded, instance: SweInstance) -> dict[str, Any]:
    passed = {test for test, status in graded.after.items() if status == PASSED}
    return {
        "verdict": graded.verdict,
        "reason": graded.reason,
        "rung": graded.rung,
        "seconds": graded.seconds,
        "task": digest_of(instance)[:TASK_DIGITS],
        "fail_to_pass": {"passed": len(passed & {*instance.fail_to_pass}), "listed": len(instance.fail_to_pass)},
        "pass_to_pass": {"passed": len(passed & {*instance.pass_to_pass}), "listed": len(instance.pass_to_pass)},
    }


def read_graded(record: Mapping[str, Any]) -> Graded:
    """A line of `graded.jsonl`.

    Raises:
        OutputError: Its keys or types are others.
    """
    return record_of(Graded, record, GRADED, "remove the folder, and grade again")


def digest_of(instance: SweInstance) -> str:
    """Of all that decides over an instance's verdicts."""
    record = asdict(instance)
    return digest({key: record[key] for key in sorted(record.keys() - {"folder", "meta", "problem_statement"})})


def digest_of_predictions(predictions: Iterable[Prediction]) -> str:
    """Of predictions in any order, as `grade.json` has them where treadle has graded."""
    return digest([asdict(one) for one in sorted(predictions, key=lambda one: one.instance_id)])


def digest_of_rows(predictions: Iterable[Prediction]) -> str:
    """Of predictions in their order, as `grade.json` has them where the harness has graded."""
    return digest([to_row(one) for one in predictions])


def digest(content: Any) -> str:
    """SHA-256 of JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_folder(out: Path) -> None:
    """Raise `OutputError` where a folder holds something else than grades, or none can be made."""
    check_place(out)
    found = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
    if not found <= _OF_ANY and (INFO not in found or not found <= _OF_ANY.union(_OF_GRADES)):
        raise OutputError(f"{out}: holds something else than grades; choose another folder with -o")


def begin(out: Path, identity: Mapping[str, str], overwrite: bool) -> None:
    """Go on in a folder with grades of the same, or begin in one without any. For the holder of its lock.

    Args:
        identity: What changes verdicts, by the word for it.
        overwrite: Whether grades of other things are removed.

    Raises:
        OutputError: The folder holds such, or something else.
    """
    check_folder(out)
    if (out / INFO).exists():
        before = read_json(out / INFO, "grade into another folder", "grade into another folder")
        other = sorted(key for key in before.keys() | identity.keys() if before.get(key) != identity.get(key))
        if other and not overwrite:
            raise OutputError(
                f"{out}: holds grades of other {' and '.join(other)}; choose another folder with -o, or replace them "
                "with --overwrite"
            )
        if other:
            for name in _OF_GRADES:
                remove(out / name)
    write_json(out / INFO, dict(identity))
