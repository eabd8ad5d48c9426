"""Every `treadle` command of the documents is one of the command line, with options and recipe keys that exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from tests.docs.commands import RUN, all_commands, commands_of
from treadle.cli.data import spread
from treadle.cli.main import app
from treadle.recipe.reading import load_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "math_qwen2.5_7b.yaml"
COMMANDS = all_commands()
UsageError = typer.BadParameter.__base__
"""Of typer's click, which need not be the package `click`."""


def parsed(arguments):
    """The context of a command that is not carried out."""
    command = typer.main.get_command(app)
    context, rest = None, spread(list(arguments))
    name = "treadle"
    while True:
        context = command.make_context(name, rest, parent=context)
        if not isinstance(command, TyperGroup):
            return context
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: f"{c.document}: {c}")
def test_commands_are_understood(command):
    try:
        context = parsed(command.arguments)
    except typer.Exit as answered:  # an option such as --schema, which is carried out where it is parsed
        if answered.exit_code:
            raise
        return
    assert context.command.callback is not None
    overrides = [o for o in context.params.get("overrides") or () if not o.startswith("bootstrap.")]
    if overrides:
        load_recipe(RECIPE, overrides)


def test_commands_are_run_or_need_what_a_test_does_not_have():
    assert len(COMMANDS) > 60
    texts = {str(command) for command in COMMANDS}
    assert [text for text in RUN if text not in texts] == [], "gone from the documents"
    assert [str(command) for command in COMMANDS if command.need is None and str(command) not in RUN] == []


def test_commands_by_hand():
    text = """
```bash
treadle prepare a.jsonl -o data \\
    --workers $N   # as many
until treadle train r.yaml max_hours=1; [ $? -ne 130 ]; do :; done
accelerate launch --num_processes 2 -m treadle.cli train r.yaml
treadle train --schema > r.json
treadle: error: no command
```
treadle outside of blocks
```yaml
treadle no --command
```
"""
    assert [(c.arguments, c.launched) for c in commands_of(text)] == [
        (("prepare", "a.jsonl", "-o", "data", "--workers", "1"), False),
        (("train", "r.yaml", "max_hours=1"), False),
        (("train", "r.yaml"), True),
        (("train", "--schema"), False),
    ]


@pytest.mark.parametrize("wrong", ["prepar a", "prepare a -o b --colums x", "swe run", "plan r --gpus many"])
def test_what_the_command_line_does_not_have_is_found(wrong):
    with pytest.raises(UsageError):
        parsed(wrong.split())
