"""The command line: `treadle prepare | inspect | init | check | plan | train | evaluate | compare | swe | teach | ...`.

Errors that a user can mend are printed without a traceback and exit with code 2; a run that stopped itself because
training went wrong exits with code 3, one that Ctrl-C or SIGTERM stopped with code 130. Heavy libraries are imported
inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from treadle.cli import check, compare, data, evaluate, export, grade, init, new_domain, plan, push, swe, teach, view
from treadle.cli.commands import AGENTS, BEGIN, DATA, ENGINES, EVALUATE, TEACHERS, TRAIN, Commands, add
from treadle.cli.data import spread
from treadle.cli.outcome import carry_out, how_to_continue
from treadle.cli.version import print_version
from treadle.errors import TreadleError
from treadle.visible import indented

app = typer.Typer(
    cls=Commands,
    help="Train small open language models on hard multi-step tasks from expert trajectories.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


_format_warning = warnings.formatwarning  # Python's own
SAID_IN_TRAINING = ("prefix_tree", "shared_rollout", "max_length")
"""Checks whose warnings a training run gives itself, when it comes to what they are about."""


@app.callback()
def treadle(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=print_version, help="Show versions of treadle and what it runs on."
        ),
    ] = False,
) -> None:
    """What comes before any command."""


def _print_schema(wanted: bool) -> None:
    if wanted:
        import json

        from treadle.recipe.json_schema import recipe_schema

        print(json.dumps(recipe_schema(), indent=1, ensure_ascii=False))
        raise typer.Exit


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML).")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For instance stages.srl.max_steps=10.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and derived sizes.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output of another recipe.")] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema", is_eager=True, callback=_print_schema, help="Print the JSON Schema of recipes, for editors."
        ),
    ] = False,
) -> None:
    """Run the stages of a recipe; finished stages are not run again, an interrupted one is continued."""
    from treadle.recipe.reading import load_recipe, resolved

    loaded = load_recipe(recipe, overrides or ())
    from treadle.check import check_recipe, stop_or_warn
    from treadle.recipe import stages
    from treadle.recipe.machine import check_packages
    from treadle.recipe.together import together

    check_packages(loaded)  # which takes no look at a model
    main = os.environ.get("RANK", "0") == "0"  # of several processes one speaks
    said_later = () if dry_run else SAID_IN_TRAINING
    with together(loaded):
        stop_or_warn(check_recipe(loaded), said_later, main)
    if dry_run:
        sizes = stages.check(loaded)
        stages.check_output(loaded, overwrite)
        print(resolved(loaded), end="")
        print("\n# derived")
        for stage, size in zip(loaded.stages, sizes, strict=True):
            print(f"# {stage.name}: {size.describe()}")
        return
    model = stages.run(loaded, overwrite=overwrite, resume_hint=how_to_continue())
    if main:
        from treadle.recipe.learned import untrained

        print(untrained(loaded) or f"the trained model is in {model}")


def quickstart(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for results, report and models.")] = Path(
        "runs/quickstart"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds; several give intervals over runs.")] = 1,
    full: Annotated[
        bool, typer.Option("--full", help="Also run the ablations, the oracle, and the main arms on another base.")
    ] = False,
    base: Annotated[
        Path | None, typer.Option("--base", help="With --full: the other base, in place of 25 minutes that make one.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Arms trained side by side, one thread each.")] = 2,
    bootstrap: Annotated[
        bool, typer.Option("--bootstrap", help="Instead: longer problems without an expert, in rounds, and a control.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start over instead of continuing.")] = False,
) -> None:
    """Watch a small model learn hard problems from expert trajectories, beside its baselines."""
    if bootstrap:
        if seeds != 1 or full or base:
            raise TreadleError("--bootstrap runs one seed and no ablations; leave --seeds, --full and --base out")
        from treadle.miniature.longer import run_longer

        run_longer(out, workers, overwrite)
        return
    if base and not full:
        raise TreadleError("--base names the other base of the ablations; add --full, or leave it out")
    from treadle.miniature.quickstart import run

    run(out, seeds=seeds, full=full, workers=workers, overwrite=overwrite, base=base)


add(app, quickstart, "treadle quickstart -o runs/quickstart", BEGIN)
add(app, data.inspect, "treadle inspect solutions.jsonl --limit 3", DATA)
add(app, data.prepare, "treadle prepare solutions.jsonl -o data/mine --duplicates drop", DATA)
add(app, data.merge, "treadle merge shards/1 shards/2 -o data/merged", DATA)
add(app, new_domain.new_domain, "treadle new-domain my_field --environment", DATA)
add(app, init.init, "treadle init --model Qwen/Qwen2.5-0.5B-Instruct --data data/mine -o recipe.yaml", TRAIN)
add(app, check.check, "treadle check recipe.yaml --show", TRAIN)
add(app, plan.plan, "treadle plan recipe.yaml --gpu-memory 80", TRAIN)
add(app, train, "treadle train recipe.yaml stages.srl.max_steps=10 --dry-run", TRAIN)
add(app, evaluate.evaluate, "treadle evaluate runs/mine/1-srl/model --data data/mine -o runs/scores", EVALUATE)
add(app, compare.compare, "treadle compare runs/base runs/scores -o runs/comparison", EVALUATE)
add(app, view.view, "treadle view runs/scores --against runs/base", EVALUATE)
add(app, grade.grade, "treadle grade outputs.jsonl --column response --answer gold", EVALUATE)
add(app, push.push, "treadle push runs/mine/1-srl/model me/my-model", EVALUATE)
app.add_typer(export.export, name="export", rich_help_panel=ENGINES)
app.add_typer(swe.swe, name="swe", rich_help_panel=AGENTS)
app.add_typer(teach.teach, name="teach", rich_help_panel=TEACHERS)


def _as_line(message: Warning | str, category: type[Warning], *where: Any) -> str:
    """A warning of treadle's own as a line of text; others with where they come from, as Python has it."""
    frame = inspect.currentframe()
    while frame and frame.f_globals.get("__name__") in (__name__, "warnings", "_py_warnings"):
        frame = frame.f_back
    own = frame is not None and frame.f_globals.get("__name__", "").startswith("treadle.")
    if own and issubclass(category, UserWarning):
        return indented(f"treadle: warning: {message}") + "\n"
    return _format_warning(message, category, *where)


def main() -> None:
    """Entry point of the `treadle` command."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")  # of tables that are written on the way
    if sys.stderr is None or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # transformers' bars of weights and shards, too
    # TRL 1.16 still uses the old name of a setting that transformers has renamed.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*", category=FutureWarning)
    warnings.formatwarning = _as_line
    sys.argv[1:] = spread(sys.argv[1:])
    sys.exit(carry_out(app))
