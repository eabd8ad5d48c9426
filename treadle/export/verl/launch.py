"""The scripts and the README of an exported run, from templates beside this module."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from treadle.export.verl.overrides import as_text
from treadle.repository import in_repository

VERSION = "0.9"
"""Of verl, whose keys `overrides` has."""


def script(template: str, **variables: Any) -> str:
    """A script or the README.

    Args:
        template: Its name, without `.j2`.
        variables: What it shows, besides verl's version.
    """
    return _environment().get_template(f"{template}.j2").render(version=VERSION, **variables)


def lines(overrides: Mapping[str, Any]) -> list[str]:
    """Overrides as words of a shell command."""
    return [_quoted(f"{key}={as_text(value)}") for key, value in overrides.items()]


def _quoted(text: str) -> str:
    """`text` for a shell, in the quotes that can be read: Hydra's own are single ones."""
    plain = shlex.quote(text)
    return f'"{text}"' if "'" in text and not set('$`"\\!') & set(text) else plain


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("treadle", "export/verl"),
        undefined=StrictUndefined,
        autoescape=False,  # shell and Markdown, no HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.globals["in_repository"] = in_repository
    return found
