"""The command that sets runs, or grades of runs on software-engineering tasks, side by side: `treadle compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli.options import Domain, domain_name
from treadle.errors import TreadleError


def compare(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN...", help="Folders of `treadle evaluate`, or of `treadle swe grade`."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Runs of one recipe with different seeds, as one row: NAME=RUN,RUN.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Row that the others are tested against; the first by default.")
    ] = None,
    benchmark: Annotated[list[str] | None, typer.Option(help="Only this benchmark; may be repeated.")] = None,
    mode: Annotated[list[str] | None, typer.Option(help="Only whole, loop or steps.")] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="The paper's table beside benchmarks that are its own.")
    ] = False,
    any_grader: Annotated[
        bool, typer.Option("--any-grader", help="Compare runs that were graded by different rules, with a note.")
    ] = False,
    domain: Domain = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder for a page, pictures and data.")] = None,
) -> None:
    """Set runs over the same problems or tasks side by side, with intervals, and test them against one of them."""
    from treadle.evaluate.compare.task_arms import one_kind
    from treadle.evaluate.swe.folders import Kind

    domain_name(domain)
    if one_kind(runs or [], group or []) is Kind.GRADES:
        given = {"--benchmark": benchmark, "--mode": mode, "--paper": paper}
        if wrong := [name for name, value in given.items() if value]:
            raise TreadleError(f"{wrong[0]}: of folders of `treadle evaluate`; tasks that were graded have none")
        _tasks(runs or [], group or [], baseline, any_grader, out)
        return
    from treadle.evaluate.compare.arms import read_arms
    from treadle.evaluate.compare.run import compare as run_compare
    from treadle.report.compare import as_markdown, write_comparison

    comparison = run_compare(read_arms(runs or [], group or []), baseline, any_grader, benchmark or (), mode or ())
    print(as_markdown(comparison, paper))
    if out is not None:
        written = write_comparison(comparison, out, paper)
        print(f"\nwritten to {', '.join(map(str, written))}")
    elif comparison.pairs:
        print(
            "\nwith -o FOLDER also a page: what changed, problems that flipped with both texts, where answers were lost"
        )


def _tasks(runs: list[Path], groups: list[str], baseline: str | None, any_grader: bool, out: Path | None) -> None:
    from treadle.evaluate.compare.task_arms import read_task_arms
    from treadle.evaluate.compare.tasks import compare_tasks
    from treadle.report.swe.compare import as_text, write_swe_comparison

    comparison = compare_tasks(read_task_arms(runs, groups), baseline, any_grader)
    print(as_text(comparison))
    if out is not None:
        print(f"\nwritten to {', '.join(map(str, write_swe_comparison(comparison, out)))}")
