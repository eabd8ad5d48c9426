"""How the command line shows itself: groups of commands in the order of need, and with each command an example.

Flags are shown without a type, as they take no value. A command that is looked for outside of its group is found there.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from treadle.errors import Interrupted

BEGIN, DATA, TRAIN, EVALUATE, ENGINES, AGENTS, TEACHERS = (
    "Begin",
    "Data",
    "Train",
    "Evaluate",
    "Other engines",
    "Agents for software engineering",
    "Teachers and students",
)
"""The groups of `treadle --help`, in the order in which a user needs them."""


class _PlainFlags:
    """For classes of commands: options without a value have none in the help."""

    def get_params(self, ctx: typer.Context) -> list[Any]:
        found = super().get_params(ctx)
        for parameter in found:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return found


class Command(_PlainFlags, TyperCommand):
    """One command; a value of a recipe that is given as an option, as other trainers take it, is told how to stand."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        if any(parameter.name == "overrides" for parameter in self.params):
            for word, following in pairwise([*args, ""]):
                key, _, value = word.removeprefix("--").partition("=")
                if word.startswith("--") and "." in key:
                    ctx.fail(f"{word}: a recipe's values stand without dashes: {key}={value or following or 'VALUE'}")
        return super().parse_args(ctx, args)


class Commands(_PlainFlags, TyperGroup):
    """Commands; Ctrl-C in one that has nothing more to say about it ends with a line, too."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:
        """The command that is called; where one of a group below has the nearest name, it is named with its group."""
        if args and args[0] not in self.commands and not ctx.resilient_parsing:
            below = [
                (group, name) for group, commands in self.commands.items() for name in getattr(commands, "commands", {})
            ]
            nearest = difflib.get_close_matches(args[0], [*self.commands, *(name for _, name in below)], n=1)
            if nearest and nearest[0] not in self.commands:
                meant = " or ".join(repr(f"{group} {name}") for group, name in below if name == nearest[0])
                ctx.fail(f"No such command {args[0]!r}. Did you mean {meant}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("stopped; the same command starts again") from None


def add(
    group: typer.Typer, function: Callable[..., None], example: str, panel: str | None = None, name: str | None = None
) -> None:
    """Make a function a command.

    Args:
        group: Whose command it is.
        example: A command line that works, shown below the help.
        panel: The title under which the group's help lists it.
        name: That of the function by default.
    """
    group.command(name, cls=Command, epilog=f"Example: {example}", rich_help_panel=panel)(function)
