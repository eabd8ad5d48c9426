"""Static pages: templates beside the modules that fill them, rendered so that text from data stays text, in UTF-8."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from treadle.files.whole import write_whole
from treadle.report.text import number
from treadle.visible import pieces, visible

_CODE = re.compile("`([^`\n]+)`")


def write_page(path: Path, template: str, **variables: Any) -> None:
    """Render a template and write it to `path`, so that it appears whole; its folder is made where it is missing.

    Args:
        template: Its place in the package, such as `report/prepared.html.j2`.

    Raises:
        OutputError: The place cannot be written to, or is a link.
    """
    page = _environment().get_template(template).render(**variables)
    write_whole(path, page)


def markup(text: str) -> Markup:
    """`text` as HTML, with the names of unseen characters set off from the rest."""
    return Markup("").join(
        Markup('<span class="unseen">{}</span>').format(piece) if unseen else escape(piece)
        for piece, unseen in pieces(text)
    )


def with_code(text: str) -> Markup:
    """A sentence as HTML, with what stands in it between backticks as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(visible(piece)) if k % 2 else escape(visible(piece))
        for k, piece in enumerate(_CODE.split(text))
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("treadle", ""),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # Applied to whatever a template prints, before it is escaped.
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters["number"] = number
    environment.filters["with_code"] = with_code
    return environment
