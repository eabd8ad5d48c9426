"""Templates of `treadle.evaluate.swe` as files beside the modules; rendering is strict."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("treadle.evaluate", "swe"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def worded(name: str, **variables: object) -> str:
    """The text of a template, such as `agent/task.j2`; a variable that it names and is not given is a defect."""
    return _environment().get_template(name).render(**variables)
