"""`treadle grade`: grade model outputs that were generated elsewhere."""

from __future__ import annotations

from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.data import one_of
from treadle.errors import OutputError

if TYPE_CHECKING:
    from treadle.scoring.grading.files import Tally

_KINDS = "math, integer (AMC, AIME), minerva, text or choice."
_GRADER = "treadle: all rules, as in training and evaluation. math_verify: that library alone."
_EXTRACT = (
    "boxed: the last box. phrase: without one, what follows `the answer is`, else the last number. auto: without one, "
    "what the text states as its answer. whole: all."
)


def grade(
    source: Annotated[str, typer.Argument(metavar="FILE", help="JSONL, JSON or parquet file, folder, or -.")],
    column: Annotated[str, typer.Option(help="Column of outputs: a string, chat messages, or a list of samples.")],
    answer: Annotated[str, typer.Option(help="Column of reference answers, or of solutions with a box.")],
    kind: Annotated[str, typer.Option(help=_KINDS)] = "math",
    extract: Annotated[str, typer.Option(help=_EXTRACT)] = "boxed",
    grader: Annotated[str, typer.Option(help=_GRADER)] = "treadle",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File for the rows with model_answer, verdict and why.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default the processors, up to 4.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
) -> None:
    """Grade the final answers of model outputs; exit code 1 if some could not be graded."""
    from treadle.files.locks import alone
    from treadle.files.whole import appearing_file, writing
    from treadle.scoring.extraction import EXTRACTIONS
    from treadle.scoring.grading import GRADERS, KINDS, Grader, Verdict, grader_version
    from treadle.scoring.grading.files import grade_file

    one_of("--kind", kind, KINDS)
    one_of("--grader", grader, GRADERS)
    one_of("--extract", extract, EXTRACTIONS)
    if out is not None:
        with writing(out):
            _check_out(out, source, overwrite)
    pool = Grader(workers)
    try:
        with ExitStack() as stack:
            lines = None
            if out is not None:
                stack.enter_context(alone(out))
                lines = TextIOWrapper(stack.enter_context(appearing_file(out)), encoding="utf-8")
                stack.callback(lines.detach)
            tally = grade_file(source, column, answer, kind, extract, pool, lines, grader)
            if lines is not None:
                lines.flush()
    finally:
        pool.close()
    print(as_table(tally))
    print(f"grader: {grader_version(grader)}")
    if out:
        print(f"written to {out}")
    if count := tally.verdicts[Verdict.UNDECIDED]:
        print(
            f"{count} answers are undecided: they may be right or not, and count as not right; -o shows which and why."
        )
    if tally.ungraded:
        print(
            f"{tally.ungraded} answers were not graded: the grader took too long or died. "
            "They count as not right; -o shows which."
        )
        raise typer.Exit(1)


def _check_out(out: Path, source: str, overwrite: bool) -> None:
    from treadle.files.links import is_device, refuse_link

    if is_device(out):
        return
    refuse_link(out)
    if out.is_dir() or not out.parent.is_dir():
        raise OutputError(f"{out}: expected a file in a folder that exists; name one with -o")
    if out.exists() and Path(source).exists() and out.samefile(source):
        raise OutputError(f"{out}: this is the input; choose another file with -o")
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists already; choose another file with -o, or replace it with --overwrite")


def as_table(tally: Tally) -> str:
    """Counts by verdict, and the accuracy with its 95% interval."""
    import numpy as np

    from treadle.evaluate.metrics import avg_at_k
    from treadle.scoring.grading import Verdict
    from treadle.statistics.estimates import wilson

    total = sum(tally.verdicts.values())
    width = max(len(verdict) for verdict in Verdict if verdict is not Verdict.UNSCORABLE)  # which no answer here is
    lines = [
        f"{verdict:{width}}  {tally.verdicts[verdict]:>9,}  {tally.verdicts[verdict] / total:7.1%}"
        for verdict in Verdict
        if tally.verdicts[verdict] or verdict in (Verdict.RIGHT, Verdict.WRONG)
    ]
    right, samples = np.array(tally.right), np.array(tally.samples)
    if not tally.several:
        name, estimate = f"accuracy of {len(right):,}", wilson(int(right.sum()), len(right))
    else:
        # Only a row's share of right samples matters here, so it stands for its samples.
        k = f"{samples[0]}" if samples.min() == samples.max() else f"{samples.min()} to {samples.max()}"
        name, estimate = f"avg@{k} of {len(right):,} problems", avg_at_k((right / samples)[:, None])
    lines.append(f"{name}: {estimate.value:.1%} (95% interval {estimate.low:.1%} to {estimate.high:.1%})")
    return "\n".join(lines)
