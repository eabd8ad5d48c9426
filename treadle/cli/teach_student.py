"""`treadle teach select` and `treadle teach bootstrap`: the commands in which a student works on its own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli import backends
from treadle.cli.data import one_of

Problems, Sampling = "Problems", "Sampling"


def _option(help: str, panel: str, *names: str, **settings: object) -> object:
    return typer.Option(*names, help=help, rich_help_panel=panel, **settings)


def select(
    problems: Annotated[
        str, typer.Argument(help="[NAME=]PATH of a file of problems with answers, or of a prepared folder.")
    ],
    model: Annotated[str, typer.Option(help="The student: model folder or id; of a server the model's name there.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write; one that exists is continued.")],
    samples: Annotated[int, typer.Option("-k", "--samples", min=1, help="Solutions sampled of each problem.")] = 8,
    band: Annotated[
        str, typer.Option(help="hard: none of k is right (for SRL). learnable: some, but not all (for RLVR).")
    ] = "learnable",
    mode: Annotated[str, typer.Option(help="whole: a solution at once. loop: step by step.")] = "whole",
    split: Annotated[str, _option("Of a prepared folder: train or heldout.", Problems)] = "train",
    columns: Annotated[str | None, _option("Of a file: problem=NAME,answer=NAME[,id=NAME].", Problems)] = None,
    domain: Annotated[str, _option("Prompt templates for a file of problems.", Problems)] = "math",
    kind: Annotated[str, _option("How the answers are graded.", Problems)] = "math",
    choices_seed: Annotated[int, _option("Order of choices, where a set has the right one first.", Problems)] = 0,
    limit: Annotated[int | None, _option("Only the first problems.", Problems, min=1)] = None,
    extract: Annotated[str, _option("What counts as an answer: boxed, phrase, auto or whole.", Problems)] = "boxed",
    grader: Annotated[str, _option("treadle: all rules. math_verify: that library alone.", Problems)] = "treadle",
    temperature: Annotated[float, _option("Of the samples; above 0.", Sampling, min=0)] = 1.0,
    top_p: Annotated[float, _option("Of the samples.", Sampling, min=0, max=1)] = 1.0,
    top_k: Annotated[int, _option("Of the samples; 0 for no limit.", Sampling, min=0)] = 0,
    max_new_tokens: Annotated[int, _option("Tokens of a whole solution.", Sampling, min=1)] = 4096,
    max_step_tokens: Annotated[int, _option("Tokens of one step in the loop.", Sampling, min=1)] = 2048,
    max_steps: Annotated[int, _option("Steps after which the loop gives up.", Sampling, min=1)] = 30,
    seed: Annotated[int, _option("Seed of the samples.", Sampling)] = 0,
    backend: backends.Backend = "transformers",
    dtype: backends.Dtype = None,
    device: backends.Device = None,
    batch_size: backends.BatchSize = None,
    base_url: backends.BaseUrl = None,
    api_key_env: backends.ApiKeyEnv = None,
    concurrency: backends.Concurrency = None,
    retries: backends.Retries = None,
    timeout: backends.Timeout = None,
    tokenizer: backends.Tokenizer = None,
    gpus: backends.Gpus = None,
    max_model_len: backends.MaxModelLen = None,
    chat_template_kwargs: backends.ChatTemplateKwargs = None,
    system_role: backends.SystemRole = None,
    thought_tags: backends.ThoughtTags = None,
    date: backends.Date = None,
    trust_remote_code: backends.TrustRemoteCode = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a selection with other settings.")] = False,
) -> None:
    """Measure a student's pass rate at each problem, and select those in a band of rates."""
    parameters = dict(locals())
    from treadle.check import check_model, stop_or_warn
    from treadle.evaluate.benchmarks import load_data
    from treadle.evaluate.settings import EvaluateSettings
    from treadle.report.evaluation import write_evaluation_report
    from treadle.scoring.extraction import EXTRACTIONS
    from treadle.scoring.grading import GRADERS, KINDS
    from treadle.teacher.bands import BANDS
    from treadle.teacher.select import as_markdown
    from treadle.teacher.select import select as run_select
    from treadle.teacher.source_rows import source_rows

    for flag, value, known in (
        ("--band", band, BANDS),
        ("--mode", mode, ("whole", "loop")),
        ("--split", split, ("train", "heldout")),
        ("--kind", kind, KINDS),
        ("--extract", extract, EXTRACTIONS),
        ("--grader", grader, GRADERS),
    ):
        one_of(flag, value, known)
    options = backends.options_of(parameters)
    benchmark = load_data(problems, split, columns, domain, kind, choices_seed).first(limit)
    settings = EvaluateSettings(
        modes=(mode,),
        greedy=False,
        samples_of={benchmark.name: samples},
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        max_new_tokens=max_new_tokens,
        max_step_tokens=max_step_tokens,
        max_steps=max_steps,
        seed=seed,
        extract=extract,
    )
    settings.check([benchmark])
    rows = source_rows(problems, benchmark, split, columns, kind, choices_seed)
    if backend != "openai":
        stop_or_warn(check_model(model, options), ("shared_rollout",))
    report = run_select(
        model, benchmark, rows, samples, band, settings, out, backend, options, overwrite, write_evaluation_report,
        grader,
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
    import shlex
    import sys

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
    command = shlex.join(["treadle", *sys.argv[1:]])
    results = run_bootstrap(loaded, overwrite, resume_hint=f"`{command}`", page=write_bootstrap_page)
    out = loaded.training.output
    print(as_markdown(results), end="")
    print(f"written to {out}; the report is {out / 'report.html'}")
