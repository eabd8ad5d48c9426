"""The command line: `treadle prepare | train | evaluate | quickstart`.

Errors that a user can mend are printed without a traceback and exit with code 2; an interrupted run exits with
code 130. Heavy libraries are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from treadle.errors import Interrupted, TreadleError

app = typer.Typer(
    help="Train small open language models on hard multi-step tasks from expert trajectories.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def prepare(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="File, folder or Hugging Face data set id.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write.")],
    format: Annotated[str, typer.Option(help="treadle, numbered, or auto.")] = "auto",
    columns: Annotated[
        str | None, typer.Option(help="Preset (plain, s1k-1.1) or problem=NAME,solution=NAME[,answer=NAME,...].")
    ] = None,
    targets: Annotated[str, typer.Option(help="Steps to predict: skip_last (the paper) or all.")] = "skip_last",
    give_title: Annotated[bool, typer.Option("--give-title", help="Show the title of the next step.")] = False,
    context: Annotated[str, typer.Option(help="full, or the number of earlier steps to show.")] = "full",
    untitled: Annotated[str, typer.Option(help="Plain numbered lists without titles: drop or keep.")] = "drop",
    keep_unverified: Annotated[
        bool, typer.Option("--keep-unverified", help="Keep solutions that the source marks as failed.")
    ] = False,
    held_out: Annotated[float, typer.Option(help="Trajectories for validation: a count, or a share below 1.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed of the held-out split.")] = 0,
    split: Annotated[str, typer.Option(help="Split of a hub data set.")] = "train",
    tokenizer: Annotated[
        str | None, typer.Option(help="Model folder or id: report token lengths and show real prompts.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output folder.")] = False,
) -> None:
    """Cut expert solutions into step instances and report what became of each row."""
    from treadle.models import load_tokenizer
    from treadle.prepare import PrepareSettings, as_markdown
    from treadle.prepare import prepare as run_prepare
    from treadle.sources.columns import parse_columns

    _one_of("--targets", targets, ("skip_last", "all"))
    _one_of("--untitled", untitled, ("drop", "keep"))
    if context != "full" and not context.isdecimal():
        raise TreadleError(f"--context {context!r}: expected full or a number of earlier steps")
    if not (0 <= held_out < 1 or (held_out >= 1 and held_out.is_integer())):
        raise TreadleError(f"--held-out {held_out:g}: expected a share below 1 or a whole number of trajectories")
    settings = PrepareSettings(
        format=format,
        columns=parse_columns(columns) if columns else None,
        untitled=untitled,
        keep_unverified=keep_unverified,
        split=split,
        targets=targets,
        give_title=give_title,
        context="full" if context == "full" else int(context),
        held_out=held_out,
        seed=seed,
    )
    report = run_prepare(source, out, settings, load_tokenizer(tokenizer) if tokenizer else None, overwrite)
    print(as_markdown(report))
    print(f"written to {out}")


@app.command(context_settings={"ignore_unknown_options": False})
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML).")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For instance stages.srl.max_steps=10.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and derived sizes.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output of another recipe.")] = False,
) -> None:
    """Run the stages of a recipe; finished stages are not run again, an interrupted one is continued."""
    from treadle.config import load_recipe, resolved

    loaded = load_recipe(recipe, overrides or ())
    from treadle import stages

    if dry_run:
        sizes = stages.check(loaded)
        print(resolved(loaded), end="")
        print("\n# derived")
        for stage, size in zip(loaded.stages, sizes, strict=True):
            print(f"# {stage.name}: {size.describe()}")
        return
    command = shlex.join(["treadle", *sys.argv[1:]])
    model = stages.run(loaded, overwrite=overwrite, resume_hint=f"`{command}`")
    print(f"the trained model is in {model}")


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder or id.")],
    data: Annotated[Path, typer.Option(help="Prepared folder, or a file of problems with answers.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for results.json and attempts.jsonl.")],
    mode: Annotated[str, typer.Option(help="whole, loop, or both.")] = "both",
    split: Annotated[str, typer.Option(help="Of a prepared folder: train or heldout.")] = "heldout",
    columns: Annotated[str | None, typer.Option(help="Of a file: problem=NAME,answer=NAME.")] = None,
    temperature: Annotated[float, typer.Option(min=0, help="0 decodes greedily.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens of a whole solution.")] = 4096,
    max_step_tokens: Annotated[int, typer.Option(min=1, help="Tokens of one step in the loop.")] = 2048,
    max_steps: Annotated[int, typer.Option(min=1, help="Steps after which the loop gives up.")] = 30,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first problems.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts in one forward.")] = 32,
    domain: Annotated[str, typer.Option(help="Prompt templates for a file of problems.")] = "math",
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output folder's results.")] = False,
) -> None:
    """Solve problems with a model and grade the final answers, with 95% intervals."""
    from treadle.evaluate.run import EvaluateSettings, as_table, read_problems
    from treadle.evaluate.run import evaluate as run_evaluate

    _one_of("--mode", mode, ("whole", "loop", "both"))
    _one_of("--split", split, ("train", "heldout"))
    settings = EvaluateSettings(
        modes=("whole", "loop") if mode == "both" else (mode,),
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        max_step_tokens=max_step_tokens,
        max_steps=max_steps,
        batch_size=batch_size,
        seed=seed,
    )
    problems, without_answer = read_problems(data, split, columns, domain)
    results = run_evaluate(model, problems[:limit], settings, out, overwrite, without_answer)
    print(as_table(results))
    print(f"written to {out}")


@app.command()
def quickstart(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for results, report and models.")] = Path(
        "runs/quickstart"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds; several give intervals over runs.")] = 1,
    full: Annotated[bool, typer.Option("--full", help="Also run the ablations and the oracle.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Arms trained side by side, one thread each.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start over instead of continuing.")] = False,
) -> None:
    """Watch a small model learn hard problems from expert trajectories, beside its baselines."""
    from treadle.miniature.quickstart import run

    run(out, seeds=seeds, full=full, workers=workers, overwrite=overwrite)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise TreadleError(f"{option} {value!r}: expected {' or '.join(allowed)}")


def main() -> None:
    """Entry point of the `treadle` command."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # TRL 1.16 still uses the old name of a setting that transformers has renamed.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*", category=FutureWarning)
    try:
        app()
    except Interrupted as stop:
        print(f"treadle: {stop}", file=sys.stderr)
        sys.exit(130)
    except TreadleError as error:
        print(f"treadle: error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
