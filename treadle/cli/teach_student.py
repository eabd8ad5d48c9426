"""`treadle teach select` and `treadle teach bootstrap`: the commands in which a student works on its own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli import backends, teach_tasks
from treadle.cli.data import one_of
from treadle.cli.options import domain_name, option
from treadle.cli.outcome import how_to_continue
from treadle.cli.teach_tasks import OF_PROBLEMS, ONE_STEP

Problems, Sampling = "Problems", "Sampling"
_NOT_OF_TASKS = {
    **dict.fromkeys(("mode", "columns", "domain", "kind", "choices_seed", "extract", "grader", "top_k"), OF_PROBLEMS),
    "max_new_tokens": ONE_STEP,
}


@backends.takes_back_end()
@teach_tasks.takes_tasks
def select(
    called: typer.Context,
    problems: Annotated[
        str,
        typer.Argument(
            help="[NAME=]PATH of a file of problems with answers, or of a prepared folder, or of software tasks."
        ),
    ],
    model: Annotated[str, typer.Option(help="The student: model folder or id; of a server the model's name there.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write; one that exists is continued.")],
    samples: Annotated[int, typer.Option("-k", "--samples", min=1, help="Solutions sampled of each problem.")] = 8,
    band: Annotated[
        str, typer.Option(help="hard: none of k is right (for SRL). learnable: some, but not all (for RLVR).")
    ] = "learnable",
    mode: Annotated[str, typer.Option(help="whole: a solution at once. loop: step by step.")] = "whole",
    split: Annotated[str, option("Of a prepared folder: train or heldout. Of tasks: their own.", Problems)] = "train",
    columns: Annotated[str | None, option("Of a file: problem=NAME,answer=NAME[,id=NAME].", Problems)] = None,
    domain: Annotated[
        str, option("Of a file of problems: a domain's name, or the folder of one.", Problems, metavar="NAME|FOLDER")
    ] = "math",
    kind: Annotated[str, option("How the answers are graded.", Problems)] = "math",
    choices_seed: Annotated[int, option("Order of choices, where a set has the right one first.", Problems)] = 0,
    limit: Annotated[int | None, option("Only the first problems.", Problems, min=1)] = None,
    extract: Annotated[str, option("What counts as an answer: boxed, phrase, auto or whole.", Problems)] = "boxed",
    grader: Annotated[str, option("treadle: all rules. math_verify: that library alone.", Problems)] = "treadle",
    temperature: Annotated[float, option("Of the samples; above 0.", Sampling, min=0)] = 1.0,
    top_p: Annotated[float, option("Of the samples.", Sampling, min=0, max=1)] = 1.0,
    top_k: Annotated[int, option("Of the samples; 0 for no limit.", Sampling, min=0)] = 0,
    max_new_tokens: Annotated[int, option("Tokens of a whole solution.", Sampling, min=1)] = 4096,
    max_step_tokens: Annotated[int, option("Tokens of one step in the loop.", Sampling, min=1)] = 2048,
    max_steps: Annotated[
        int | None, option("Steps after which the loop gives up; 30, of tasks 40.", Sampling, min=1)
    ] = None,
    seed: Annotated[int, option("Seed of the samples.", Sampling)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a selection with other settings.")] = False,
    *,
    task_options: teach_tasks.TaskOptions,
    back_end: backends.BackEnd,
) -> None:
    """Measure a student's pass rate at each problem, and select those in a band of rates."""
    parameters = dict(locals())
    from treadle.check import check_model, stop_or_warn
    from treadle.evaluate.benchmarks import load_data
    from treadle.evaluate.settings import EvaluateSettings
    from treadle.evaluate.swe.instances import are_tasks
    from treadle.report.evaluation import write_evaluation_report
    from treadle.scoring.extraction import EXTRACTIONS
    from treadle.scoring.grading import GRADERS, KINDS
    from treadle.teacher.bands import BANDS
    from treadle.teacher.select import as_markdown
    from treadle.teacher.select import select as run_select
    from treadle.teacher.source_rows import source_rows

    one_of("--band", band, BANDS)
    if are_tasks(problems):
        teach_tasks.select_tasks(called, parameters, _NOT_OF_TASKS)
        return
    teach_tasks.refuse_task_options(called, problems)
    for flag, value, known in (
        ("--mode", mode, ("whole", "loop")),
        ("--split", split, ("train", "heldout")),
        ("--kind", kind, KINDS),
        ("--extract", extract, EXTRACTIONS),
        ("--grader", grader, GRADERS),
    ):
        one_of(flag, value, known)
    options = back_end.options()
    benchmark = load_data(problems, split, columns, domain_name(domain), kind, choices_seed).first(limit)
    settings = EvaluateSettings(
        modes=(mode,),
        greedy=False,
        samples_of={benchmark.name: samples},
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        max_new_tokens=max_new_tokens,
        max_step_tokens=max_step_tokens,
        max_steps=max_steps or EvaluateSettings.max_steps,
        seed=seed,
        extract=extract,
    )
    settings.check([benchmark])
    rows = source_rows(problems, benchmark, split, columns, kind, choices_seed)
    if back_end.kind != "openai":
        stop_or_warn(check_model(model, options), ("shared_rollout",))
    report = run_select(
        model, benchmark, rows, samples, band, settings, out, back_end.kind, options, overwrite,
        write_evaluation_report, grader,
    )  # fmt: skip
    print(as_markdown(report), end="")
    print(f"written to {out}; the band is {out / 'band.jsonl'}")
    if report["incomplete"]:
        raise typer.Exit(1)


def bootstrap(
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML) with a section `bootstrap`.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For instance bootstrap.rounds=2.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and what is read.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace rounds with other settings.")] = False,
) -> None:
    """Rounds in which a student samples solutions, and trains on its own right ones."""
    from treadle.check import check_model, stop_or_warn
    from treadle.report.bootstrap import write_bootstrap_page
    from treadle.teacher.bootstrap.results import as_markdown
    from treadle.teacher.bootstrap.run import back_end_options
    from treadle.teacher.bootstrap.run import bootstrap as run_bootstrap
    from treadle.teacher.bootstrap.schema import load_bootstrap, resolved
    from treadle.teacher.bootstrap.sets import load_sets

    loaded = load_bootstrap(recipe, overrides or ())
    if dry_run:
        sets = load_sets(loaded.rounds)
        print(resolved(loaded), end="")
        for name, found in (("problems", sets.problems), ("held_out", sets.held_out)):
            print(f"# {name}: {len(found.problems)} of {found.source}")
        return
    stop_or_warn(check_model(loaded.training.model, back_end_options(loaded)), ("shared_rollout",))
    results = run_bootstrap(loaded, overwrite, resume_hint=how_to_continue(), page=write_bootstrap_page)
    out = loaded.training.output
    print(as_markdown(results), end="")
    print(f"written to {out}; the report is {out / 'report.html'}")
