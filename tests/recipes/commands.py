"""The commands in docs/launch.md and the comments of recipes/launch/, parsed by the programs that would read them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer
from accelerate.commands.launch import launch_command_parser

from treadle.cli.main import app
from treadle.recipe.arguments import check_trl_keys
from treadle.recipe.reading import load_recipe
from treadle.recipe.schema import Recipe, RLStage
from treadle.recipe.sizes import derive_sizes

ROOT = Path(__file__).parent.parent.parent
LAUNCH = ROOT / "recipes" / "launch"
STARTS = ("accelerate ", "sbatch ", "bash ", "treadle ", "VLLM_SERVER_DEV_MODE", "CONFIG=")


def commands() -> list[str]:
    """Every command, each as one line; of a file its comments, of the document its blocks of code."""
    found = re.findall(r"```\n(.*?)```", (ROOT / "docs" / "launch.md").read_text(), re.DOTALL)
    for path in sorted(LAUNCH.glob("*.[ys]*")):
        found += re.findall(r"^#   (.*)", path.read_text(), re.MULTILINE)
    lines = "\n".join(found).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith(STARTS)]


def train(words: list[str], processes: int) -> Recipe:
    """Parse the arguments of `treadle train` by its own parser, read recipe and overrides, divide the batches."""
    assert words[0] == "train"
    context = typer.main.get_command(app).commands["train"].make_context("train", words[1:])
    recipe = load_recipe(ROOT / context.params["recipe"], context.params["overrides"] or ())
    for stage in recipe.stages:
        check_trl_keys(stage, "command")
        derive_sizes(stage, 10**6, processes)
        if isinstance(stage, RLStage) and stage.dynamic_sampling:  # whole groups in every process
            assert stage.prompts_per_step % processes == 0
    return recipe


def parse(command: str) -> str:
    """Parse a command as far as a parser is at hand; returns the program, for counting."""
    words = shlex.split(command)
    while re.match(r"[A-Z_]+=", words[0]):
        if words[0].startswith("CONFIG="):
            assert (ROOT / words[0].removeprefix("CONFIG=")).is_file()
        words.pop(0)
    program, *words = words
    if program == "accelerate":
        args = launch_command_parser().parse_args(words[1:])
        assert words[0] == "launch"
        assert args.module
        assert args.training_script == "treadle.cli"
        if args.config_file:
            assert (ROOT / args.config_file).is_file()
        train(args.training_script_args, args.num_processes)
    elif program in ("sbatch", "bash"):
        script = next(i for i, word in enumerate(words) if word.endswith(".sh"))
        assert all(word.startswith("--") for word in words[:script:2])
        if words[script].endswith("slurm.sh"):
            train(["train", *words[script + 1 :]], processes=16)
        assert (ROOT / words[script]).is_file()
    else:
        assert program == "vllm", command  # compared with what TRL builds in test_scripts.py
    return program
