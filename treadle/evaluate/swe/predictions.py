"""Predictions as SWE-bench's harness takes them: an object for each task, with a patch."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.evaluate.store import write_lines
from treadle.evaluate.swe.instances import unknown_id
from treadle.evaluate.swe.records import Prediction, Verdict
from treadle.files.reading import iter_rows

PREDICTIONS = "predictions.jsonl"
"""In a run's folder."""

_FAULTS = tuple(verdict.value for verdict in Verdict if verdict not in (Verdict.RESOLVED, Verdict.UNRESOLVED))


def read_predictions(path: str | Path, known: Collection[str] | None = None) -> list[Prediction]:
    """Predictions in their order.

    Args:
        path: JSON lines, a JSON list, a JSON object with the id of a task for each prediction, or the folder of a run.
        known: Ids of the tasks that are graded.

    Raises:
        DataError: Nothing is there; a row is no prediction; a task has two, or is none of `known`. The message has the
            first such row and their number.
    """
    place = Path(path)
    if place.is_dir():
        place = place / PREDICTIONS
    if not place.is_file():
        raise DataError(f"{place}: no such file; expected predictions as `treadle swe run` writes them")
    found: dict[str, tuple[str, Prediction]] = {}
    wrong: list[str] = []
    rows = 0
    for where, row, key in _rows(place):
        rows += 1
        said, prediction = _prediction(row, key)
        if prediction is not None and prediction.instance_id in found:
            said = (
                f"instance_id: {prediction.instance_id!r} has a prediction in {found[prediction.instance_id][0]}, too"
            )
        elif prediction is not None and known is not None and prediction.instance_id not in known:
            said = f"instance_id: {unknown_id(prediction.instance_id, known)}"
        if said or prediction is None:
            wrong.append(f"{where}: {said}")
        else:
            found[prediction.instance_id] = where, prediction
    if wrong:
        more = f" ({len(wrong)} such rows of {rows})" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0]}{more}; one prediction for each task is expected, of this set of tasks")
    return [prediction for _, prediction in found.values()]


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write predictions as JSON lines, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    write_lines(path, map(to_row, predictions))


def to_row(prediction: Prediction) -> dict[str, str]:
    """A prediction in the harness's fields, with treadle's where there is a fault."""
    row = {
        "instance_id": prediction.instance_id,
        "model_name_or_path": prediction.model_name_or_path,
        "model_patch": prediction.model_patch,
    }
    return row | ({"fault": prediction.fault, "reason": prediction.reason} if prediction.fault else {})


def _rows(place: Path) -> Iterable[tuple[str, dict[str, Any], str]]:
    """Rows with the key under which they stand; of most forms there is none."""
    if (by_id := _by_id(place)) is not None:
        for name, value in by_id.items():
            yield f"{place}, key {name!r}", {"instance_id": name, **value}, name
        return
    for row in iter_rows(place, unit="prediction"):
        yield row.where, {"instance_id": row.data.get("id"), **row.data}, ""


def _by_id(place: Path) -> dict[str, dict[str, Any]] | None:
    """The object that a file holds whose values are predictions; `None` for any other file."""
    if place.suffix != ".json":
        return None
    try:
        found = json.loads(place.read_bytes())
    except (ValueError, RecursionError):
        return None
    is_one = isinstance(found, dict) and found and all(isinstance(value, dict) for value in found.values())
    return found if is_one else None


def _prediction(row: dict[str, Any], key: str) -> tuple[str, Prediction | None]:
    """What is wrong with a row, or the prediction that it is."""
    if key and row["instance_id"] != key:
        return f"instance_id: found {_shown(row['instance_id'])}, expected its key", None
    for name in ("instance_id", "model_name_or_path"):
        value = row.get(name)
        if not isinstance(value, str) or not value.strip():
            return f"{name}: found {_shown(value)}, expected a text; the row has {', '.join(map(str, row))[:200]}", None
    patch = row.get("model_patch", row)
    if patch is not None and not isinstance(patch, str):
        return f"model_patch: found {'nothing' if patch is row else _shown(patch)}, expected a text", None
    fault, reason = row.get("fault") or "", row.get("reason") or ""
    if fault and fault not in _FAULTS:
        return f"fault: found {_shown(fault)}, expected one of {', '.join(_FAULTS)}", None
    if not isinstance(reason, str):
        return f"reason: found {_shown(reason)}, expected a text", None
    return "", Prediction(row["instance_id"], row["model_name_or_path"], patch or "", fault, reason)


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {str(value)[:60]!r}"
