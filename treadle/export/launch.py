"""The scripts and the README of an exported run, from templates beside this module and in the engines' folders."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from treadle.export.engine import Engine
from treadle.repository import in_repository


def script(template: str, engine: Engine, **variables: Any) -> str:
    """A script or the README.

    Args:
        template: Its name, without `.j2`; an engine's own goes before one for all.
        variables: What it shows, besides the engine.
    """
    names = [f"{engine.package}/{template}.j2", f"{template}.j2"]
    return _environment().select_template(names).render(engine=engine, **variables)


def lines(overrides: Mapping[str, Any], engine: Engine) -> list[str]:
    """Overrides as words of a shell command."""
    return [_quoted(f"{key}={engine.as_text(value)}") for key, value in overrides.items()]


def _quoted(text: str) -> str:
    """`text` for a shell, in the quotes that can be read: engines' own are mostly single ones."""
    plain = shlex.quote(text)
    return f'"{text}"' if "'" in text and not set('$`"\\!') & set(text) else plain


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("treadle", "export"),
        undefined=StrictUndefined,
        autoescape=False,  # shell and Markdown, no HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.globals["in_repository"] = in_repository
    return found
