"""`treadle init`: a first recipe for a model and data, with comments that say why each line is there."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.data import one_of
from treadle.cli.options import Domain
from treadle.cli.questions import asked_for
from treadle.cli.trust import TRUST
from treadle.errors import OutputError

if TYPE_CHECKING:
    from treadle.check import Subject
    from treadle.check.advice import Advice


def init(
    model: Annotated[str | None, typer.Option(help="Model folder or id; asked for on a terminal.")] = None,
    data: Annotated[Path | None, typer.Option(help="Prepared folder; asked for on a terminal.")] = None,
    domain: Domain = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")] = Path("recipe.yaml"),
    output: Annotated[
        Path | None, typer.Option(help="Folder of the recipe's runs; runs/NAME by default, with the data's name.")
    ] = None,
    size: Annotated[str, typer.Option(help="first (small, to see whether it works) or paper.")] = "first",
    stages: Annotated[
        str | None, typer.Option(help="Kinds of stages, such as srl,rlvr, instead of those that suit the data.")
    ] = None,
    gpu_memory: Annotated[
        float | None, typer.Option(min=1, help="GiB of the GPU that will train, if it is not in this machine.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Load the model, sample so many rollouts, and choose stages by them.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="With --sample: time that rollouts may take.")] = 100.0,
    tokens: Annotated[int, typer.Option(min=1, help="With --sample: tokens of a rollout at most.")] = 512,
    trust_remote_code: Annotated[bool, typer.Option("--trust-remote-code", help=TRUST)] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write a first recipe for a model and data, with the reason of each choice in its comments.

    Stages by what the data holds, or by --sample; sizes by lengths, positions and memory.
    """
    one_of("--size", size, ("first", "paper"))
    from treadle.init.stages import KINDS

    kinds = [kind.strip() for kind in stages.split(",")] if stages else []
    for kind in kinds:
        one_of("--stages", kind, KINDS)
    usage = "treadle init --model MODEL --data FOLDER"
    model = model or asked_for("Model folder or Hugging Face id", "--model", usage)
    data = data or Path(asked_for("Folder that `treadle prepare` wrote", "--data", usage))
    _check_out(out, overwrite)
    from treadle.files.whole import write_whole
    from treadle.init import draft, subject_of
    from treadle.init.pace import pace_told
    from treadle.plan.hardware import this_machine

    subject = subject_of(model, data, trust_remote_code, domain)
    advice, rate = _sampled(subject, sample, seconds, tokens) if sample else (None, None)
    output = output or Path("runs") / data.resolve().name
    command = ["treadle", *sys.argv[1:]]
    made = draft(subject, output, command, out, advice, kinds, size == "paper", gpu_memory)
    write_whole(out, made.text)
    named = " then ".join(stage.name for stage in made.recipe.stages)
    print(f"written to {out}: {named}; memory: {made.memory}")
    if gpu_memory is None and this_machine().device == "cpu" and (told := pace_told(made.recipe, str(out), rate)):
        print(told)
    print(f"the reason of each line is beside it; go on with `treadle train {shlex.quote(str(out))} --dry-run`")


def _check_out(out: Path, overwrite: bool) -> None:
    if out.is_dir():
        raise OutputError(f"{out}: a folder, expected a file to write; choose one with -o")
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists already; choose another file with -o, or replace it with --overwrite")


def _sampled(subject: Subject, count: int, seconds: float, tokens: int) -> tuple[Advice, float]:
    """What to begin with, and the tokens a second that were sampled."""
    from treadle.check.advice import advise
    from treadle.check.measured import measured
    from treadle.check.sample import sample
    from treadle.report.checks import show_sample
    from treadle.report.console import VisibleConsole

    rollouts = sample(subject, count, seconds, tokens)
    found = measured(rollouts, subject.prepared)
    advice = advise(found)
    show_sample(rollouts, found, advice, VisibleConsole(highlight=False))
    return advice, rollouts.rate
