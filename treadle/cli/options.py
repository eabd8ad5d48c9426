"""An option of a command in a panel of its help."""

from __future__ import annotations

import typer


def option(help: str, panel: str, *names: str, **settings: object) -> object:
    """For `Annotated`.

    Args:
        panel: The title under which the help lists it.
        names: As typer takes them; by default that of the parameter.
    """
    return typer.Option(*names, help=help, rich_help_panel=panel, **settings)
