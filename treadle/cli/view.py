"""The command that shows an evaluation run: `treadle view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder written by `treadle evaluate`.")],
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="Another run over the same problems, to find what flipped.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write a run's report.html: figures with intervals, plots, and all problems and attempts to look through."""
    from treadle.evaluate.runs import read_started
    from treadle.files.locks import alone
    from treadle.report.evaluation import write_evaluation_report

    read_started(run)  # so that nothing is made beside a folder that is no run
    with alone(run):
        page = write_evaluation_report(run, against)
    side = sum(file.stat().st_size for file in (run / "report").rglob("*.js"))
    beside = f" and {side / 1e6:.1f} MB of whole texts in {run / 'report'}" if side else ""
    print(f"written to {page} ({page.stat().st_size / 1e6:.1f} MB){beside}")
    if open_page:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
