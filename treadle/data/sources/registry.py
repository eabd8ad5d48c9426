"""All forms, in the order in which they are asked: the more particular first."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from treadle.data.sources.announced import announced, matches, name_taken
from treadle.data.sources.columns import with_usual_names
from treadle.data.sources.form import Form
from treadle.data.sources.unread import why_unread
from treadle.errors import DataError
from treadle.files.rows import Row

_BUILT_IN = (
    "native",
    "agents.swe_agent",
    "agents.openhands",
    "agents.claude_code",
    "agents.codex",
    "agents.mini_swe_agent_responses",
    "agents.mini_swe_agent",
    "agents.preference",
    "agents.dataclaw",
    "agents.sharegpt_calls",
    "agents.anthropic",
    "agents.responses",
    "agents.atif",
    "agents.tau_bench",
    "agents.langchain",
    "agents.smolagents",
    "agents.notebook",
    "agents.terminus",
    "agents.tool_calls",
    "agents.tagged_calls",
    "agents.xml_calls",
    "agents.react",
    "math.tora",
    "agents.fenced",
    "math.lean",
    "agents.step_records",
    "math.step_lists",
    "known_unread",
    "math.gsm8k",
    "math.reasoning",
    "math.numbered_form",
    "agents.text_game",
    "math.answers_form",
    "agents.plain_chat",
)


@cache
def forms() -> dict[str, Form]:
    """Forms by name, those of other packages first, because they know their own rows better.

    Raises:
        DataError: A package announces what cannot be loaded, is not a `Form`, or has a name that is taken.
    """
    found = {name: form for name, (form, _) in announced().items()}
    for name in _BUILT_IN:
        form = import_module(f"treadle.data.sources.{name}").FORM
        if form.name in found:
            raise name_taken(form.name, "a built-in form's")
        found[form.name] = form
    return found


def form_named(name: str) -> Form:
    """The form that `--format` names.

    Raises:
        DataError: There is none; the message lists them.
    """
    if name not in forms():
        raise DataError(f"format {name!r}: expected auto or one of {', '.join(forms())}")
    return forms()[name]


def detect(row: Row) -> Form:
    """The first form that recognises the row.

    Raises:
        Rejected: None does.
    """
    return recognised(row)[1]


def recognised(row: Row) -> tuple[Row, Form]:
    """The row, with usual names of columns where only those tell what it is (`Question` for `question`), and its form.

    Raises:
        Rejected: None recognises it.
    """
    form = _first(row)
    if (form is None or form.name == "answers") and (data := with_usual_names(row.data)) is not None:
        renamed = row._replace(data=data)
        other = _first(renamed)
        row, form = (row, form) if other is None else (renamed, other)
    if form is None:
        raise why_unread(row.data)
    return row, form


def _first(row: Row) -> Form | None:
    return next((form for form in forms().values() if matches(form, row)), None)
