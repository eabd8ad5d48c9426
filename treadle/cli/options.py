"""Options of commands: in a panel of the help, and those that several commands share, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

DOMAIN = "Domain: the folder of one of your own, or a name."
"""Help of `--domain`."""
Domain = Annotated[str | None, typer.Option(metavar="NAME|FOLDER", help=DOMAIN)]


def domain_name(given: str | None) -> str | None:
    """The name of the domain that `--domain` gives; a folder's is known from now on.

    Raises:
        DomainError: There is none.
    """
    from treadle.domains.registry import use

    return None if given is None else use(given).name


def option(help: str, panel: str, *names: str, **settings: object) -> object:
    """For `Annotated`.

    Args:
        panel: The title under which the help lists it.
        names: As typer takes them; by default that of the parameter.
    """
    return typer.Option(*names, help=help, rich_help_panel=panel, **settings)


def taking(
    parameter: str, flags: Callable[..., None], made: Callable[[dict[str, Any]], Any], **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with further options, which it is given together as one keyword parameter.

    Args:
        parameter: Its name.
        flags: Whose signature has the options.
        made: Makes the parameter's value of theirs, by name.
        defaults: Of options, where the command has others than `flags`.
    """

    def wrapped(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        found = {
            name: flag.replace(kind=flag.KEYWORD_ONLY, default=defaults.get(name, flag.default))
            for name, flag in inspect.signature(flags, eval_str=True).parameters.items()
        }

        @wraps(command)
        def with_flags(**values: Any) -> None:
            given = {name: values.pop(name) for name in found}
            command(**values, **{parameter: made(given)})

        others = [other for name, other in own.parameters.items() if name != parameter]
        with_flags.__signature__ = own.replace(parameters=[*others, *found.values()])
        with_flags.__annotations__ = {name: p.annotation for name, p in with_flags.__signature__.parameters.items()}
        return with_flags

    return wrapped
