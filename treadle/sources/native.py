"""Trajectories as treadle writes them: one parquet or JSON row each, with all fields, so that nothing is lost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from treadle.errors import DataError
from treadle.trajectory import Step, Trajectory

_STEP = pa.struct([(name, pa.string()) for name in ("action", "title", "thought", "observation")])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("problem", pa.string()),
        ("steps", pa.list_(_STEP)),
        ("answer", pa.string()),
        ("domain", pa.string()),
        ("verified", pa.bool_()),
        ("meta", pa.string()),  # JSON, because its keys differ from row to row
    ]
)


def to_row(trajectory: Trajectory) -> dict[str, Any]:
    """A row of `SCHEMA`; `read_native` is its inverse."""
    return {**asdict(trajectory), "steps": [asdict(s) for s in trajectory.steps], "meta": json.dumps(trajectory.meta)}


def matches(row: dict[str, Any]) -> bool:
    return all(name in row for name in SCHEMA.names)


def read_native(row: dict[str, Any], where: str) -> Trajectory:
    """The trajectory of a row that `to_row` made.

    Raises:
        DataError: A column is missing or has another type.
    """
    if not matches(row):
        missing = [name for name in SCHEMA.names if name not in row]
        raise DataError(f"{where}: not a trajectory of treadle's own form, no column {', '.join(missing)}")
    for name in ("id", "problem", "answer", "domain"):
        if not isinstance(row[name], str) and not (name == "answer" and row[name] is None):
            kind = type(row[name]).__name__
            raise DataError(f"{where}: column {name!r} holds {kind} {row[name]!r}, expected text")
    try:
        meta = row["meta"]
        return Trajectory(
            **{name: row[name] for name in ("id", "problem", "answer", "domain", "verified")},
            steps=tuple(Step(**step) for step in row["steps"]),
            meta=json.loads(meta) if isinstance(meta, str) else dict(meta or {}),
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: not a trajectory of treadle's own form ({error})") from None
