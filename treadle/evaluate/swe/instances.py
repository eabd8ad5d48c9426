"""Software-engineering tasks from files: SWE-bench, SWE-smith and the task sets that treadle makes.

A set is read whole or not at all: a rate over tasks of which some were dropped is another rate. A row that repeats
another to the letter is the same task; how often is in its `meta`, under `repeated`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.evaluate.swe.patches import reverse_patch
from treadle.evaluate.swe.records import SweInstance
from treadle.files.literals import parsed_list
from treadle.files.reading import iter_rows
from treadle.files.rows import Row

TASKS = "instances.jsonl"
"""In a folder of tasks that treadle made."""
SOURCES = "sources"
"""Beside them: the releases that they are made from. A file of some of the tasks needs it beside it, too."""

_BEGUN = "journal.jsonl"  # of `treadle swe tasks`, which writes the tasks at its end
_NEEDED = ("instance_id", "repo", "problem_statement", "patch")
_TEXTS = ("base_commit", "test_patch", "version", "created_at", "environment_setup_commit")
_TESTS = ("fail_to_pass", "pass_to_pass")
_SMITH = "swesmith/"
_NO_SPLIT = "no split has this name"
_SHOWN = 60


class _Bad(Exception):
    """What is wrong with a row, begun with the key."""


def read_instances(source: str | Path, split: str | None = None) -> list[SweInstance]:
    """The tasks of a set, in its order.

    Args:
        source: A JSON, JSON lines or parquet file, packed or not; a folder with `instances.jsonl`, as `treadle swe
            tasks` writes it, or with such files; or a data set id of the Hugging Face hub.
        split: Of a hub data set (by default `test`), of a file that holds several, or of made tasks (by default all).

    Raises:
        DataError: Nothing is there, there is no such split, or a row is no task; the message has the first such row and
            their number.
    """
    made = tasks_file(source)
    if made.is_dir() and (made / _BEGUN).is_file():
        raise DataError(f"{made}: tasks that are not finished ({_BEGUN}, no {TASKS}); run its treadle swe tasks again")
    folder = made.parent if made.name == TASKS or (made.parent / SOURCES).is_dir() else None
    found: dict[str, tuple[str, SweInstance]] = {}
    wrong: list[str] = []
    rows = 0
    for row in iter_rows(made, split or "test", unit="task"):
        rows += 1
        try:
            instance = _instance(row, folder)
            where, first = found.setdefault(instance.instance_id, (row.where, instance))
            if instance != first:
                raise _Bad(f"instance_id: {instance.instance_id!r} is that of {where}, which says otherwise")
        except _Bad as error:
            wrong.append(f"{row.where}: {error}")
            continue
        if instance is not first:
            first.meta["repeated"] = first.meta.get("repeated", 0) + 1
    if wrong:
        more = f" ({len(wrong)} such rows of {rows})" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0]}{more}; mend the rows, or leave them out of the file and say so")
    instances = [instance for _, instance in found.values()]
    splits = {own for instance in instances if isinstance(own := instance.meta.get("split"), str)}
    if split is not None and not splits and made.exists() and not _holds_splits(made):
        raise DataError(f"{made}: --split {split}, and no row of it names a split; leave --split out")
    if split is None or not splits:
        return instances
    if split not in splits:
        raise DataError(f"{made}: no task of split {split!r}, found {', '.join(sorted(splits))}")
    return [instance for instance in instances if instance.meta.get("split") == split]


def tasks_file(source: str | Path) -> Path:
    """The file of made tasks in a folder; what holds none is what is read itself."""
    place = Path(source)
    return place / TASKS if (place / TASKS).is_file() else place


def are_tasks(source: str | Path) -> bool:
    """Whether a file or folder of this computer holds tasks, and no mathematics: its first row tells."""
    made = tasks_file(source)
    if made.name == TASKS or (made / _BEGUN).is_file():
        return True
    if not made.exists():
        return False
    with suppress(DataError):  # which its reader says
        first = next(iter(iter_rows(made, "test")), None)
        return first is not None and all(name in first.data for name in _NEEDED)
    return False


def _holds_splits(place: Path) -> bool:
    """Whether a file or folder holds splits by name, so that the reading of one has chosen among them."""
    try:
        next(iter(iter_rows(place, _NO_SPLIT)), None)
    except DataError:
        return True
    return False


def instance_by_id(instances: Iterable[SweInstance], instance_id: str) -> SweInstance:
    """The task with an id.

    Raises:
        DataError: There is none; the message has the most similar id.
    """
    known = {instance.instance_id: instance for instance in instances}
    if instance_id in known:
        return known[instance_id]
    raise DataError(unknown_id(instance_id, known))


def unknown_id(instance_id: str, known: Iterable[str]) -> str:
    """What is said of an id that a set of tasks does not have."""
    names = list(known)
    near = difflib.get_close_matches(instance_id, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"no task {instance_id[:200]!r} among the {len(names)} of the set{hint}"


def _instance(row: Row, folder: Path | None) -> SweInstance:
    data = {name.lower() if name.lower() in _TESTS else name: value for name, value in row.data.items()}
    fields: dict[str, Any] = {name: _text(data, name) for name in _NEEDED}
    fields |= {name: _text(data, name, needed=False) for name in _TEXTS}
    fields |= {name: _tests(data, name) for name in _TESTS}
    if not fields["fail_to_pass"]:
        raise _Bad("FAIL_TO_PASS: an empty list, expected the tests that the gold patch mends")
    bug = _text(data, "bug", needed=False) or None
    meta = {name: value for name, value in data.items() if name not in fields and name != "bug"}
    if bug is None and (fields["repo"].startswith(_SMITH) or ("base_commit" not in data and "test_patch" not in data)):
        return _smith(fields, meta)
    if not fields["base_commit"]:
        raise _Bad("base_commit: missing, expected the commit that the issue is about")
    return SweInstance(**fields, bug=bug, folder=folder if bug else None, meta=meta)


def _smith(fields: dict[str, Any], meta: dict[str, Any]) -> SweInstance:
    """A task of SWE-smith: its `patch` brings the bug in, and `repo` names a mirror with the commit at its end."""
    mirror = fields["repo"]
    name, dot, commit = mirror.removeprefix(_SMITH).rpartition(".")
    if not dot or not name or not commit:
        raise _Bad(
            f"base_commit: missing, and repo {mirror[:_SHOWN]!r} names no commit as SWE-smith's do "
            "(swesmith/OWNER__NAME.COMMIT)"
        )
    try:
        gold = reverse_patch(fields["patch"])
    except DataError as error:
        raise _Bad(f"patch: {error}") from None
    fields |= {"repo": name.replace("__", "/", 1), "base_commit": commit}
    return SweInstance(**{**fields, "patch": gold}, bug=fields["patch"], meta={**meta, "mirror": mirror})


def _text(data: dict[str, Any], name: str, needed: bool = True) -> str:
    value = data.get(name)
    if isinstance(value, date):  # as parquet files have times
        value = value.isoformat()
    if value is None and not needed:
        return ""
    if value is None:
        raise _Bad(f"{name}: missing, expected a text; the row has {', '.join(map(str, data))[:200]}")
    if not isinstance(value, str):
        raise _Bad(f"{name}: found {type(value).__name__} {str(value)[:_SHOWN]!r}, expected a text")
    if needed and not value.strip():
        raise _Bad(f"{name}: empty, expected a text")
    return value


def _tests(data: dict[str, Any], name: str) -> tuple[str, ...]:
    """The names of tests: a list, or one written as text, as JSON or as Python prints it."""
    value, key = data.get(name), name.upper()
    if value is None:
        raise _Bad(f"{key}: missing, expected a list of tests")
    tests = parsed_list(value) if isinstance(value, str) else value
    if tests is None and isinstance(value, str) and not value.lstrip().startswith(("[", "{")):
        tests = [line for line in value.splitlines() if line.strip()]
    if not isinstance(tests, list):
        raise _Bad(f"{key}: found {str(value)[:_SHOWN]!r}, expected a list of tests, or one as JSON")
    for test in tests:
        if not isinstance(test, str) or not test.strip():
            raise _Bad(f"{key}: found {str(test)[:_SHOWN]!r} among the tests, expected names")
    return tuple(dict.fromkeys(tests))
