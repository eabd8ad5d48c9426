"""The command that shows an evaluation run, a run on software-engineering tasks, its grades, or the rollouts of a
training run: `treadle view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli.options import Domain, domain_name
from treadle.errors import TreadleError

_SWE = "Software engineering"


def view(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder written by `treadle evaluate`, `treadle swe run`, `treadle swe grade` or `treadle train`.",
        ),
    ],
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="Another run over the same problems, to find what flipped.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="What was graded, where it is not where the grades say.", rich_help_panel=_SWE
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="The tasks, where they are not where the run says.", rich_help_panel=_SWE)
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of those tasks.", rich_help_panel=_SWE)] = None,
    experts: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Experts' trajectories for the tasks, beside the agent's steps.", rich_help_panel=_SWE
        ),
    ] = None,
    domain: Domain = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write a folder's report.html: figures with intervals, and all problems or tasks to look through.

    Of a training run, print what its rollouts were rewarded, and what rewards told of them, by step position.
    """
    from treadle.evaluate.swe.folders import Kind, kind_of
    from treadle.files.locks import alone
    from treadle.report.console import VisibleConsole
    from treadle.report.rollouts import rollout_files, show_rollouts

    domain_name(domain)
    if records := rollout_files(run):
        given = {"--against": against, "--predictions": predictions, "--tasks": tasks, "--experts": experts}
        if name := next((name for name, value in given.items() if value is not None), None):
            raise TreadleError(f"{name}: of runs that are evaluated or graded, and {run} is a run of `treadle train`")
        for record in records:
            show_rollouts(record, VisibleConsole())
        return
    kind, swe = kind_of(run), {"--predictions": predictions, "--tasks": tasks, "--split": split, "--experts": experts}
    if kind is Kind.EVALUATION:
        if given := [name for name, value in swe.items() if value is not None]:
            raise TreadleError(
                f"{given[0]}: of `treadle swe run` and `treadle swe grade`, and {run} is no folder of these"
            )
        from treadle.evaluate.runs import read_started
        from treadle.report.evaluation import write_evaluation_report

        read_started(run)  # so that nothing is made beside a folder that is no run
        with alone(run):
            page = write_evaluation_report(run, against)
    else:
        if against is not None:
            raise TreadleError(f"--against: {run} is of `{kind}`; set grades side by side with `treadle compare`")
        if split is not None and tasks is None:
            raise TreadleError("--split: of the tasks that --tasks names; give that, too")
        from treadle.evaluate.swe.sources import TaskSource
        from treadle.report.swe.page import write_swe_report

        with alone(run):
            page = write_swe_report(run, predictions, TaskSource(tasks, split) if tasks else None, experts)
    side = sum(file.stat().st_size for file in (run / "report").rglob("*.js"))
    beside = f" and {side / 1e6:.1f} MB of whole texts in {run / 'report'}" if side else ""
    print(f"written to {page} ({page.stat().st_size / 1e6:.1f} MB){beside}")
    if open_page:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
