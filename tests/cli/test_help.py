"""What the command line says of itself: groups, examples that run, flags without a type, versions, completion."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.core import TyperGroup

import treadle as package
from treadle.cli.commands import AGENTS, BEGIN, DATA, ENGINES, EVALUATE, TEACHERS, TRAIN
from treadle.cli.data import spread
from treadle.cli.main import app

ROOT = typer.main.get_command(app)


def commands(group=ROOT, path=("treadle",)):
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield pytest.param(path, name, command, id=" ".join((*path[1:], name)))


def example_of(command):
    return command.epilog.removeprefix("Example: ")


@pytest.mark.parametrize(("path", "name", "command"), list(commands()))
def test_an_example_is_a_command_line_that_is_taken(path, name, command):
    words = spread(shlex.split(example_of(command)))
    assert words[: len(path) + 1] == [*path, name]
    context = command.make_context(name, words[len(path) + 1 :])  # which parses, and raises what it refuses
    assert all(context.params[p.name] is not None for p in command.params if p.required)


def test_an_example_with_an_option_that_is_gone_is_noticed():
    with pytest.raises(Exception, match="No such option: --shows"):
        ROOT.commands["check"].make_context("check", ["recipe.yaml", "--shows"])


@pytest.mark.parametrize("given", [["--stages.srl.max_steps", "3"], ["--stages.srl.max_steps=3"]])
def test_a_recipes_value_as_an_option_is_told_how_to_stand(treadle, given):
    code, _, err = treadle("train", "recipe.yaml", *given)
    assert code == 2
    assert "without dashes: stages.srl.max_steps=3" in " ".join(err.replace("│", " ").split())


def test_groups_come_in_the_order_of_need(treadle):
    code, out, _ = treadle("--help")
    assert code == 0
    titles = [title for title in re.findall(r"^╭─ (.+?) ─+╮$", out, re.MULTILINE) if title != "Options"]
    assert titles == [BEGIN, DATA, TRAIN, EVALUATE, ENGINES, AGENTS, TEACHERS]
    # Every command is in one of them.
    shown = re.findall(r"^│ ([a-z-]+) +[A-Z]", out.partition(f"─ {BEGIN}")[2], re.MULTILINE)
    assert shown == list(ROOT.commands)


@pytest.mark.parametrize("command", ["prepare", "evaluate", "train", "swe"])
def test_flags_have_no_type_and_values_have_one(treadle, command):
    code, out, _ = treadle(command, "--help")
    assert code == 0
    assert "<bool>" not in out
    assert command == "swe" or "<path>" in out
    assert command == "swe" or re.search(r"Example: treadle " + command, out)


def test_version_is_that_of_what_is_installed(treadle):
    code, out, _ = treadle("--version")
    assert code == 0
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "trl"))
    python = ".".join(map(str, sys.version_info[:3]))
    assert out == f"treadle {package.__version__}, Python {python}, {libraries}\n"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["train", "--help"]])
def test_what_answers_at_once_imports_nothing_heavy(arguments):
    code = (
        "import sys; from treadle.cli.main import main\n"
        f"sys.argv = ['treadle', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'torch', 'transformers', 'trl', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "offered"),
    [("treadle pre", ["prepare"]), ("treadle teach so", ["solve"]), ("treadle train --dry", ["--dry-run"])],
)
def test_completion_of_bash(words, offered):
    code = "import sys; sys.argv = ['treadle']; from treadle.cli.main import main; main()"
    asked = {"_TREADLE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asked})
    assert run.stdout.split() == offered


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["chek"], "'check'"),
        (["swe", "grde"], "'grade'"),
        (["solve"], "'teach solve'"),
        (["validat"], "'swe validate'"),
        (["train", "x.yaml", "--dry-rn"], "--dry-run"),
        (["prepare", "x", "--tokeniser", "y"], "--tokenizer"),
        (["--versoin"], "--version"),
    ],
)
def test_a_slip_is_answered_with_the_nearest_name(treadle, arguments, named):
    code, _, err = treadle(*arguments)
    assert code == 2
    assert named in err


def test_what_is_like_nothing_is_refused_without_a_hint(treadle):
    code, _, err = treadle("qqqq")
    assert code == 2
    assert "No such command 'qqqq'." in err
    assert "Did you mean" not in err
