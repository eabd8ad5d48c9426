"""The commands that look at and prepare data: `treadle prepare`, `treadle merge` and `treadle inspect`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.options import DOMAIN, Domain, domain_name, option
from treadle.cli.trust import TRUST
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from treadle.data.prepare import PrepareReport

_INPUT = "File, folder, - for standard input, or Hugging Face data set id."
_FORMAT = "Form of the rows, or auto. `treadle inspect --forms` lists them."
_COLUMNS = "Preset (plain, s1k-1.1) or problem=NAME,solution=NAME[,answer=NAME,...]."
_GRADER = "Who compares final answers with the reference: treadle (all rules) or math_verify (that library alone)."
_SEGMENT = "Solutions without numbered steps: off drops them, prose cuts them at their own joints."
_ANSWERS_ONLY = "Problems and answers without steps, for RLVR."
_SUCCESS_AT = "The reward from which on a row counts as right."
_UNTITLED = "Plain numbered lists without titles: drop or keep."

Reading, Instances, Curation, Checks, Output = "Reading", "Instances", "Curation", "Duplicates and overlap", "Output"


def _list_forms(wanted: bool) -> None:
    if wanted:
        from treadle.data.sources.registry import forms

        width = max(map(len, forms()))
        for form in forms().values():
            print(f"{form.name:{width}}  {form.description}")
        raise typer.Exit


def prepare(
    source: Annotated[str, typer.Argument(metavar="INPUT", help=_INPUT)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write.")],
    format: Annotated[str, option(_FORMAT, Reading)] = "auto",
    domain: Annotated[
        str | None,
        option(DOMAIN + " Every trajectory gets it.", Reading, metavar="NAME|FOLDER"),
    ] = None,
    columns: Annotated[str | None, option(_COLUMNS, Reading)] = None,
    untitled: Annotated[str, option(_UNTITLED, Reading)] = "drop",
    segment: Annotated[str, option(_SEGMENT, Reading)] = "off",
    answers_only: Annotated[bool, option(_ANSWERS_ONLY, Reading, "--answers-only")] = False,
    success_at: Annotated[float, option(_SUCCESS_AT, Reading)] = 1.0,
    grader: Annotated[str, option(_GRADER, Reading)] = "treadle",
    keep_unverified: Annotated[
        bool, option("Keep what the source marks as failed.", Reading, "--keep-unverified")
    ] = False,
    split: Annotated[
        str, option("Split of a hub data set, a saved one, or a JSON object of several.", Reading)
    ] = "train",
    row_seconds: Annotated[float, option("Time limit a row.", Reading, min=0.1)] = 20.0,
    max_row_mb: Annotated[float, option("Rows of more megabytes are dropped.", Reading, min=0.001)] = 64.0,
    targets: Annotated[str, option("Steps to predict: skip_last (the paper) or all.", Instances)] = "skip_last",
    give_title: Annotated[bool, option("Show the title of the next step.", Instances, "--give-title")] = False,
    context: Annotated[str, option("full, or the number of earlier steps to show.", Instances)] = "full",
    observation_tokens: Annotated[
        int | None, option("Shorten longer observations in the middle; needs --tokenizer.", Instances, min=1)
    ] = None,
    min_steps: Annotated[int, option("Fewest steps of a trajectory.", Curation, min=1)] = 1,
    max_steps: Annotated[int | None, option("Most steps of a trajectory.", Curation, min=1)] = None,
    min_action_chars: Annotated[int, option("Shorter actions are no targets.", Curation, min=0)] = 0,
    max_action_chars: Annotated[int | None, option("Longer actions are no targets.", Curation, min=1)] = None,
    drop_repeated: Annotated[
        bool, option("Remove steps that repeat the one before.", Curation, "--drop-repeated")
    ] = False,
    drop_noop: Annotated[bool, option("Remove steps that do nothing.", Curation, "--drop-noop")] = False,
    replay: Annotated[
        bool, option("Play trajectories again and judge them, where their domain has code for it.", Curation)
    ] = True,
    language: Annotated[str | None, option("Keep actions in this language, such as en.", Curation)] = None,
    repo_cap: Annotated[int | None, option("Most trajectories of one repository.", Curation, min=1)] = None,
    duplicates: Annotated[str, option("Exact and near duplicates: report, drop or off.", Checks)] = "report",
    near_threshold: Annotated[float, option("Jaccard similarity of near duplicates.", Checks, min=0.5, max=1.0)] = 0.8,
    against: Annotated[
        list[str] | None,
        option(
            "Evaluation sets that problems must not overlap with: amc23, math500 and others by name, or files.", Checks
        ),
    ] = None,
    drop_overlap: Annotated[
        bool, option("Drop problems that overlap, instead of reporting them.", Checks, "--drop-overlap")
    ] = False,
    held_out: Annotated[float, option("Trajectories for validation: a count, or a share below 1.", Output)] = 0.05,
    seed: Annotated[int, option("Seed of the held-out split.", Output)] = 0,
    materialise: Annotated[bool, option("Also write plain rows with their prompts.", Output, "--materialise")] = False,
    tokenizer: Annotated[
        str | None, option("Model folder or id: report token lengths and show real prompts.", Output)
    ] = None,
    trust_remote_code: Annotated[bool, option(TRUST, Output, "--trust-remote-code")] = False,
    workers: Annotated[int | None, option("Processes; by default all processors.", Output, min=1)] = None,
    overwrite: Annotated[bool, option("Replace the output folder.", Output, "--overwrite")] = False,
    shard: Annotated[str | None, option("I/N: read only this share of INPUT, for `treadle merge`.", Output)] = None,
) -> None:
    """Read expert trajectories of any known form, cut them into step instances, report what became of each row."""
    from treadle.data.prepare import PrepareSettings
    from treadle.data.prepare import prepare as run_prepare
    from treadle.data.sources.columns import parse_columns
    from treadle.report.prepared import write_prepare_page

    one_of("--targets", targets, ("skip_last", "all"))
    one_of("--untitled", untitled, ("drop", "keep"))
    one_of("--segment", segment, ("off", "prose"))
    one_of("--grader", grader, ("treadle", "math_verify"))
    one_of("--duplicates", duplicates, ("report", "drop", "off"))
    if context != "full" and not context.isdecimal():
        raise TreadleError(f"--context {context!r}: expected full or a number of earlier steps")
    if not (0 <= held_out < 1 or (held_out >= 1 and held_out.is_integer())):
        raise TreadleError(f"--held-out {held_out:g}: expected a share below 1 or a whole number of trajectories")
    settings = PrepareSettings(
        domain=domain_name(domain),
        format=format,
        columns=parse_columns(columns) if columns else None,
        untitled=untitled,
        answers_only=answers_only,
        success_at=success_at,
        grader=grader,
        segment=segment,
        keep_unverified=keep_unverified,
        split=split,
        row_seconds=row_seconds,
        max_row_mb=max_row_mb,
        targets=targets,
        give_title=give_title,
        context="full" if context == "full" else int(context),
        observation_tokens=observation_tokens,
        min_steps=min_steps,
        max_steps=max_steps,
        min_action_chars=min_action_chars,
        max_action_chars=max_action_chars,
        drop_repeated=drop_repeated,
        drop_noop=drop_noop,
        replay=replay,
        language=language,
        duplicates=duplicates,
        near_threshold=near_threshold,
        against=tuple(against or ()),
        drop_overlap=drop_overlap,
        repo_cap=repo_cap,
        held_out=held_out,
        seed=seed,
        materialise=materialise,
        trust_remote_code=trust_remote_code,
    )
    opened = _tokenizer(tokenizer, trust_remote_code)
    if shard is not None:
        from treadle.data.prepare.shards import parse_shard, prepare_shard

        about = prepare_shard(source, out, parse_shard(shard), settings, opened, overwrite, workers)
        print(f"shard {shard} of {source}: rows read {about['read']:,}, kept {about['kept']:,} so far")
        print(f"{out} is up to date: same input, same settings" if about.get("reused") else f"written to {out}")
        return
    report = run_prepare(source, out, settings, opened, overwrite, workers, write_prepare_page)
    _print_prepared(report, out)


def merge(
    shards: Annotated[list[Path], typer.Argument(metavar="SHARDS...", help="The folders of all shards, in any order.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write.")],
    domain: Domain = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output folder.")] = False,
    trust_remote_code: Annotated[bool, typer.Option("--trust-remote-code", help=TRUST)] = False,
) -> None:
    """Join what `treadle prepare --shard I/N` wrote: the same result as one run over the whole input."""
    from treadle.data.prepare.merge import merge as run_merge
    from treadle.data.prepare.merge import read_shards
    from treadle.report.prepared import write_prepare_page

    domain_name(domain)  # so that it is known; each trajectory has the one that its shard was prepared with
    tokenizer = _tokenizer(read_shards(shards)[0]["tokenizer"], trust_remote_code)
    _print_prepared(run_merge(shards, out, tokenizer, overwrite, write_prepare_page), out)


def _print_prepared(report: PrepareReport, out: Path) -> None:
    from treadle.data.prepare.report import as_printed, floor_sentences
    from treadle.files.splits import LEFT_OUT

    print(as_printed(report))
    if report.floors is not None:
        print(floor_sentences(report.floors)[0])
    done = f"{out} is up to date: same input, same settings" if report.reused else f"written to {out}"
    print(f"{done}; the report is {out / 'report.html'}")
    split, left_out = report.settings.get("split"), report.rows.skipped_files
    if split != "train" and Path(report.source).exists() and not any(name.startswith(LEFT_OUT) for name in left_out):
        warnings.warn(
            f"--split {split}: no other split was found in {report.source}; all of its rows were read", stacklevel=1
        )


def _tokenizer(name: str | None, trust_remote_code: bool) -> PreTrainedTokenizerBase | None:
    if name is None:
        return None
    from treadle.recipe.models import load_tokenizer  # takes seconds, most of them for torch

    return load_tokenizer(name, trust_remote_code)


def inspect(
    source: Annotated[str, typer.Argument(metavar="INPUT", help=_INPUT + " Also a prepared folder.")],
    format: Annotated[str, typer.Option(help=_FORMAT)] = "auto",
    domain: Domain = None,
    columns: Annotated[str | None, typer.Option(help=_COLUMNS)] = None,
    untitled: Annotated[str, typer.Option(help=_UNTITLED)] = "drop",
    segment: Annotated[str, typer.Option(help=_SEGMENT)] = "off",
    answers_only: Annotated[bool, typer.Option("--answers-only", help=_ANSWERS_ONLY)] = False,
    success_at: Annotated[float, typer.Option(help=_SUCCESS_AT)] = 1.0,
    index: Annotated[int | None, typer.Option(min=1, help="The first to show, counted from 1.")] = None,
    id: Annotated[str | None, typer.Option(help="The first to show, by its id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Write them to this page instead.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
    split: Annotated[str, typer.Option(help="Of a data set with several, or of a prepared folder.")] = "train",
    verified_only: Annotated[
        bool, typer.Option("--verified-only", help="Drop what the source marks as failed.")
    ] = False,
    forms: Annotated[
        bool, typer.Option("--forms", is_eager=True, callback=_list_forms, help="List the known forms and stop.")
    ] = False,
) -> None:
    """Show trajectories step by step, as treadle reads them."""
    from treadle.cli.inspect import inspect as run_inspect
    from treadle.data.sources.columns import parse_columns

    one_of("--untitled", untitled, ("drop", "keep"))
    one_of("--segment", segment, ("off", "prose"))
    run_inspect(
        source,
        format,
        parse_columns(columns) if columns else None,
        untitled,
        segment,
        domain=domain_name(domain),
        answers_only=answers_only,
        success_at=success_at,
        index=index,
        id=id,
        limit=limit,
        html=html,
        keep_unverified=not verified_only,
        full=full,
        split=split,
    )


LISTS = ("--against", "--benchmark")
"""Options that people give several names at once."""


def spread(arguments: list[str]) -> list[str]:
    """Command-line arguments with the option before each name that follows one of `LISTS`, up to the next option:
    `--against amc23 aime24` is what people type, and the option parser takes one name an option."""
    result: list[str] = []
    listing = None
    for argument in arguments:
        if listing and not argument.startswith("-") and result[-1] != listing:
            result.append(listing)
        if argument.startswith("-"):
            listing = argument if argument in LISTS else None
        result.append(argument)
    return result


def one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise `TreadleError` unless an option has one of the allowed values."""
    if value not in allowed:
        raise TreadleError(f"{option} {value!r}: expected {' or '.join(allowed)}")
