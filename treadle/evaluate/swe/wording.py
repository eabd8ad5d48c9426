"""Texts of `treadle.evaluate.swe`: its templates, files beside the modules that are rendered strictly, and counts."""

from __future__ import annotations

from treadle.data.prompts import templates


def counted(count: int, noun: str) -> str:
    """`1 task`, `2 tasks`, `1,000 patches`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}{'es' if noun.endswith('ch') else 's'}"


def worded(name: str, **variables: object) -> str:
    """The text of a template, such as `agent/task.j2`; a variable that it names and is not given is a defect."""
    return templates("treadle.evaluate", "swe").get_template(name).render(**variables)
