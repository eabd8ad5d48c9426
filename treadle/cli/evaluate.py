"""`treadle evaluate`: solve benchmarks with a model, or grade a run again.

Exit codes: 0 if every attempt has a generation, 1 if some are missing (the same command tries them again), 2 if all are
and for errors that a user can mend, 130 for an interrupted run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli import backends
from treadle.cli.data import one_of
from treadle.cli.options import domain_name, option
from treadle.cli.problems import context_of, instances_of, sample_counts, sets_of
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.data.prompts import Asking

_MODES = {
    "whole": ("whole",),
    "loop": ("loop",),
    "both": ("whole", "loop"),
    "steps": (),
    "all": ("whole", "loop"),
}
_EXTRACT = (
    "What counts as an answer: boxed (default), phrase, whole, or auto (also what the text states). With --regrade RUN "
    "it changes a run."
)
Problems, Decoding = "Problems", "Decoding"


@backends.takes_back_end()
def evaluate(
    model: Annotated[str | None, typer.Argument(help="Model folder or id; of a server the model's name there.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Run folder; one that exists is continued.")] = None,
    regrade: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Grade this run's generations again, and nothing else.")
    ] = None,
    extract: Annotated[str | None, typer.Option(help=_EXTRACT)] = None,
    mode: Annotated[
        str, typer.Option(help="whole, loop, both, steps (the expert's next steps), or all three: all.")
    ] = "both",
    benchmark: Annotated[
        list[str] | None,
        option(
            "amc23, aime24, aime25, minerva, or all (these four); aime26, amc12, gsm8k, math500, olympiadbench, "
            "gpqa_diamond; NAME@HASH pins the content; NAME/SET is a set of a domain. Repeat it, or use commas.",
            Problems,
        ),
    ] = None,
    benchmarks_from: Annotated[
        Path | None, option("Folder with NAME.jsonl for each benchmark, instead of the hub.", Problems)
    ] = None,
    data: Annotated[
        list[str] | None,
        option("[NAME=]PATH of a prepared folder, or of a file of problems with answers; can be repeated.", Problems),
    ] = None,
    split: Annotated[str, option("Of a prepared folder: train or heldout.", Problems)] = "heldout",
    columns: Annotated[str | None, option("Of a file: problem=NAME,answer=NAME[,id=NAME].", Problems)] = None,
    domain: Annotated[
        str, option("Of a file of problems: a domain's name, or the folder of one.", Problems, metavar="NAME|FOLDER")
    ] = "math",
    kind: Annotated[
        str | None, option("How the answers of --data are graded, if not as their domain says.", Problems)
    ] = None,
    choices_seed: Annotated[int, option("Order of choices, where a set has the right one first.", Problems)] = 0,
    drop_unreadable: Annotated[
        bool, option("Leave out problems whose reference no grader reads.", Problems, "--drop-unreadable")
    ] = False,
    grader: Annotated[
        str, typer.Option(help="treadle: all rules, as in training. math_verify: that library alone.")
    ] = "treadle",
    limit: Annotated[int | None, option("Only the first problems of each set.", Problems, min=1)] = None,
    samples: Annotated[
        list[str] | None,
        option(
            "Samples of each problem, K or NAME=K. By default 32 for amc23, aime24 and aime25, as in the paper.",
            Decoding,
        ),
    ] = None,
    greedy: Annotated[bool, option("Whether to decode greedily, too.", Decoding)] = True,
    temperature: Annotated[float, option("Of the samples.", Decoding, min=0)] = 1.0,
    top_p: Annotated[float, option("Of the samples.", Decoding, min=0, max=1)] = 1.0,
    top_k: Annotated[int, option("Of the samples; 0 for no limit.", Decoding, min=0)] = 0,
    max_new_tokens: Annotated[int, option("Tokens of a whole solution.", Decoding, min=1)] = 4096,
    max_step_tokens: Annotated[int, option("Tokens of one step in the loop.", Decoding, min=1)] = 2048,
    max_steps: Annotated[int, option("Steps after which the loop gives up.", Decoding, min=1)] = 30,
    context: Annotated[
        str | None,
        option(
            "full, or the number of earlier steps that the loop shows; by default full, and with an environment as the "
            "prepared folder of --data has it.",
            Decoding,
        ),
    ] = None,
    observation_chars: Annotated[
        int, option("Longer observations of an environment are shown without their middle.", Decoding, min=200)
    ] = 2000,
    seed: Annotated[int, option("Seed of the samples.", Decoding)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run with other settings.")] = False,
    update: Annotated[
        bool, typer.Option("--update-card", help="Put the results into MODEL/README.md, the model's card.")
    ] = False,
    *,
    back_end: backends.BackEnd,
) -> None:
    """Solve problems with a model, grade the final answers, and report with 95% intervals."""
    from treadle.check import check_model, stop_or_warn
    from treadle.evaluate.card import check_card, update_card
    from treadle.evaluate.run import evaluate as run_evaluate
    from treadle.evaluate.run import regrade as run_regrade
    from treadle.evaluate.settings import EvaluateSettings
    from treadle.evaluate.step_floor import floor_of
    from treadle.evaluate.steps import joined
    from treadle.evaluate.summary import failed
    from treadle.evaluate.summary_table import as_table
    from treadle.report.evaluation import write_evaluation_report
    from treadle.scoring.extraction import EXTRACTIONS
    from treadle.scoring.grading import GRADERS, KINDS

    one_of("--grader", grader, GRADERS)
    if extract is not None:
        one_of("--extract", extract, EXTRACTIONS)

    if regrade is not None:
        if model is not None or out is not None:
            raise TreadleError("--regrade RUN takes neither a model nor -o: it grades what RUN holds, in its place")
        results, out = run_regrade(regrade, write_evaluation_report, extract, grader), regrade
    else:
        if model is None or out is None:
            missing = "MODEL" if model is None else "-o FOLDER"
            raise TreadleError(f"{missing} is missing; expected `treadle evaluate MODEL -o FOLDER --benchmark amc23`")
        one_of("--mode", mode, tuple(_MODES))
        one_of("--split", split, ("train", "heldout"))
        if kind is not None:
            one_of("--kind", kind, KINDS)
        options = back_end.options()
        domain = domain_name(domain)  # before a prepared folder of it is looked at
        count, count_of = sample_counts(samples or [])
        settings = EvaluateSettings(
            modes=_MODES[mode],
            steps=mode in ("steps", "all"),
            greedy=greedy,
            samples=count,
            samples_of=count_of,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            max_new_tokens=max_new_tokens,
            max_step_tokens=max_step_tokens,
            max_steps=max_steps,
            context=context_of(context, data),
            observation_chars=observation_chars,
            seed=seed,
            extract=extract or "boxed",
        )
        if benchmark and not _MODES[mode]:
            raise TreadleError(f"--mode {mode}: benchmarks have no expert's steps; leave --benchmark out")
        if update:
            check_card(model)
        given = (benchmark, benchmarks_from, data, split, columns, domain, kind, choices_seed)
        sets = sets_of(*given) if settings.modes else []
        if drop_unreadable:
            sets = [s.readable() for s in sets]
        settings.check(sets)
        asking = _asking(model, back_end.kind, options)
        instances = instances_of(data, split, limit, asking) if settings.steps else {}
        if back_end.kind != "openai":
            stop_or_warn(check_model(model, options), ("shared_rollout",))
        results = run_evaluate(
            model,
            [s.first(limit) for s in sets],
            settings,
            out,
            back_end.kind,
            options,
            joined(instances),
            overwrite,
            write_evaluation_report,
            *floor_of({folder: len(found) for folder, found in instances.items()}),
            grader=grader,
        )
    print(as_table(results))
    print(f"written to {out}; the report is {out / 'report.html'}")
    if update:
        print(f"the results are in the model's card, {update_card(out)}")
    if failed(results):
        raise typer.Exit(1)


def _asking(model: str, backend: str, options: dict[str, Any]) -> Asking:
    """What prompts ask for: as the model was trained, within the thought tags that are given or were then."""
    from treadle.chat.settings import read_settings
    from treadle.data.prompts import Asking
    from treadle.recipe.model_names import resolve
    from treadle.recipe.models import local_folder
    from treadle.recipe.shown import load_asking
    from treadle.scoring.thoughts import tags_of_pair

    chosen = options.get("thought_tags")
    if backend == "openai":
        return Asking(tags=tags_of_pair(chosen).pair)
    local_folder(model)
    return load_asking(model, tags_of_pair(chosen or read_settings(resolve(model)).thought_tags).pair)
