"""Templates of `treadle.evaluate.swe` as files beside the modules; rendering is strict."""

from __future__ import annotations

from treadle.data.prompts import templates


def worded(name: str, **variables: object) -> str:
    """The text of a template, such as `agent/task.j2`; a variable that it names and is not given is a defect."""
    return templates("treadle.evaluate", "swe").get_template(name).render(**variables)
