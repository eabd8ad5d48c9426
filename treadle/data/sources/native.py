"""Trajectories as treadle writes them: one parquet or JSON row each, with all fields, so that nothing is lost.

Columns and fields of steps that came later than a file (`before`, `after`, `call`, `system`, `repo`) may be absent.
Rows that people write may have a column `setup`, which the code of their domain gets and `meta` keeps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from treadle.data.sources.form import Form, expect
from treadle.data.sources.report import DropReason
from treadle.domains.setups import SETUP, setup_of
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

_STEP_FIELDS = ("action", "title", "thought", "observation", "before", "after", "call")
_STEP = pa.struct([(name, pa.string()) for name in _STEP_FIELDS])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("problem", pa.string()),
        ("steps", pa.list_(_STEP)),
        ("answer", pa.string()),
        ("domain", pa.string()),
        ("verified", pa.bool_()),
        ("meta", pa.string()),  # JSON, because its keys differ from row to row
        ("system", pa.string()),
        ("repo", pa.string()),
    ]
)
REQUIRED = ("id", "problem", "steps", "domain")


def to_row(trajectory: Trajectory) -> dict[str, Any]:
    """A row of `SCHEMA`; `read_native` is its inverse."""
    row = {name: getattr(trajectory, name) for name in SCHEMA.names}
    row["steps"] = [{name: getattr(step, name) for name in _STEP_FIELDS} for step in trajectory.steps]
    row["meta"] = json.dumps(trajectory.meta)
    return row


def of_domain(row: Row, domain: str) -> Row:
    """The row with a domain that was given for all of them, and an id made of its place, where it lacks no more than
    these to be of treadle's own form."""
    given = {"id": row.id("id"), "domain": domain}
    missing = {name: value for name, value in given.items() if row.data.get(name) is None}
    named = row._replace(data={**row.data, **missing})
    return named if missing and matches(named) else row


def setup_in(data: Mapping[str, Any]) -> Any:
    """What a row's column `setup` holds.

    Raises:
        Rejected: It is no JSON.
    """
    try:
        return setup_of(data)
    except ValueError as error:
        raise Rejected(DropReason.MALFORMED, str(error)) from None


def matches(row: Row) -> bool:
    """Whether the row has the columns that no other form has together: a domain beside steps with actions."""
    steps = row.data.get("steps")
    return (
        all(name in row.data for name in REQUIRED)
        and isinstance(steps, list)
        and all(isinstance(step, dict) and "action" in step for step in steps[:1])
    )


def read_native(data: dict[str, Any], where: str = "") -> Trajectory:
    """The trajectory of a row that `to_row` made.

    Args:
        where: The row's place, to begin the message with where no report names it.

    Raises:
        Rejected: A column is missing or has another type.
    """
    try:
        return _read(data)
    except Rejected as rejected:
        raise Rejected(rejected.reason, f"{where}: {rejected.detail}" if where else rejected.detail) from None


def _read(data: dict[str, Any]) -> Trajectory:
    if missing := [name for name in REQUIRED if name not in data]:
        raise Rejected(DropReason.MISSING_COLUMN, f"no column {', '.join(missing)} of treadle's own form")
    for name in ("id", "problem", "domain"):
        expect(data[name], str, f"column {name!r}")
    for name in ("answer", "system", "repo"):
        expect(data.get(name), (str, type(None)), f"column {name!r}")
    expect(data.get("verified"), (bool, type(None)), "column 'verified'")
    steps = [_step(step, k) for k, step in enumerate(expect(data["steps"], list, "column 'steps'"), 1)]
    meta = _meta(data.get("meta"))
    if not steps and not (data.get("answer") and meta.get("form") == "answers"):  # of `--answers-only`
        raise Rejected(DropReason.MALFORMED, "column 'steps' is empty, expected at least one step")
    if (setup := setup_in(data)) is not None:
        meta.setdefault(SETUP, setup)
    names = ("id", "problem", "answer", "domain", "verified", "system", "repo")
    return Trajectory(**{name: data.get(name) for name in names}, steps=tuple(steps), meta=meta)


def _step(step: Any, number: int) -> Step:
    expect(step, dict, f"step {number}")
    if unknown := [name for name in step if name not in _STEP_FIELDS]:
        raise Rejected(DropReason.MALFORMED, f"step {number} has the unknown field {unknown[0]!r}")
    given = {name: expect(value, str, f"{name} of step {number}") for name, value in step.items() if value is not None}
    if not given.get("action", "").strip():
        raise Rejected(DropReason.MALFORMED, f"step {number} has no action")
    return Step(**given)


def _meta(meta: Any) -> dict[str, Any]:
    if isinstance(meta, str):
        try:
            meta = json.loads(meta)
        except (ValueError, RecursionError) as error:
            raise Rejected(DropReason.MALFORMED, f"column 'meta' is not readable as JSON ({error})") from None
    return dict(expect({} if meta is None else meta, dict, "column 'meta'"))


FORM = Form(
    name="treadle",
    description="what `treadle prepare` writes",
    matches=matches,
    read=lambda row, options: read_native(row.data),
)
