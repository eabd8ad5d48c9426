"""Forms that other packages announce: loaded, looked at, and named with their module where they fail.

A row that `read` cannot read is that row's loss. What keeps any row from being read, a failing import or `matches`,
ends the command.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from treadle.data.sources.form import Form
from treadle.errors import DataError
from treadle.files.rows import Row
from treadle.limits import OutOfTime
from treadle.plugins import NotImported, described, fault, imported
from treadle.trajectory import Step, Trajectory

ENTRY_POINTS = "treadle.forms"


class PluginError(DataError):
    """A form of another package keeps rows from being read."""


@cache
def announced() -> dict[str, tuple[Form, EntryPoint]]:
    """The forms of other packages by name, with what announced them.

    Raises:
        PluginError: One cannot be imported, is no `Form`, or has another's name.
    """
    found: dict[str, tuple[Form, EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        form = _loaded(entry)
        if form.name in found:
            raise _name_taken(entry, form.name, f"taken by {found[form.name][1].value}")
        found[form.name] = form, entry
    return found


def _loaded(entry: EntryPoint) -> Form:
    try:
        form = imported(entry)
    except NotImported as error:
        raise _error(entry, str(error)) from None
    if not isinstance(form, Form):
        raise _error(entry, f"found {type(form).__name__}, expected a treadle.data.sources.form.Form")
    kinds = {"name": str, "description": str}
    for field in fields(Form):
        value = getattr(form, field.name)
        if not (isinstance(value, kinds[field.name]) if field.name in kinds else callable(value)):
            expected = "a string" if field.name in kinds else "a function"
            raise _error(entry, f"its {field.name} is {type(value).__name__}, expected {expected}")
    return form


def name_taken(name: str, by: str) -> PluginError:
    """The error for another package's form whose name is not free.

    Args:
        by: Whose name it is, to follow `is`.
    """
    return _name_taken(announced()[name][1], name, by)


def matches(form: Form, row: Row) -> bool:
    """Whether a form recognises a row.

    Raises:
        PluginError: It is another package's, and raised or took too long.
    """
    if form.name not in announced():
        return bool(form.matches(row))
    try:
        return bool(form.matches(row))
    except OutOfTime:
        said = "took longer than the limit for one row (--row-seconds)"
    except (Exception, SystemExit) as error:
        said = f"raised {described(error)}"
    found = _error(announced()[form.name][1], f"matches {said} on {row.where}, and has to answer for any row")
    raise PluginError(f"{found}, or name the form of your rows with --format")


def checked(form: Form, trajectory: Trajectory) -> Trajectory:
    """What `read` returned.

    Raises:
        TypeError: It is another package's, and returned what nothing can be done with.
    """
    if form.name in announced() and (fault := _fault(trajectory)):
        raise TypeError(f"{announced()[form.name][1].value}: read returned {fault}")
    return trajectory


def origin(form: Form) -> str:
    """Where another package's form is from, for messages; empty for treadle's own."""
    found = announced().get(form.name)
    return found[1].value if found else ""


_TEXT, _TEXT_OR_NONE = (str,), (str, type(None))
_TRAJECTORY = {
    **dict.fromkeys(("id", "problem", "domain"), _TEXT),
    **dict.fromkeys(("answer", "system", "repo"), _TEXT_OR_NONE),
    "verified": (bool, type(None)),
    "meta": (dict,),
}
_STEP = {
    **dict.fromkeys(("action", "before", "after"), _TEXT),
    **dict.fromkeys(("title", "thought", "observation", "call"), _TEXT_OR_NONE),
}


def _fault(trajectory: object) -> str:
    if not isinstance(trajectory, Trajectory):
        return f"{type(trajectory).__name__}, expected a Trajectory"
    for step in trajectory.steps:
        if not isinstance(step, Step):
            return f"a trajectory whose steps hold {type(step).__name__}, expected Step"
    for what, kinds in ((trajectory, _TRAJECTORY), *((step, _STEP) for step in trajectory.steps)):
        for name, allowed in kinds.items():
            value = getattr(what, name)
            if not isinstance(value, allowed):
                expected = " or ".join(kind.__name__ for kind in allowed)
                return f"a {type(what).__name__} whose {name} is {type(value).__name__}, expected {expected}"
    try:
        json.dumps(trajectory.meta)
    except (TypeError, ValueError, RecursionError) as error:
        return f"a trajectory whose meta is no JSON ({described(error)})"
    return ""


def _name_taken(entry: EntryPoint, name: str, by: str) -> PluginError:
    return _error(entry, f"the name {name!r} is {by}")


def _error(entry: EntryPoint, said: str) -> PluginError:
    return PluginError(fault(entry, "form", said))
