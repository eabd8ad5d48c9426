"""`treadle swe tasks`: make software-engineering tasks from packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def tasks(
    packages: Annotated[
        list[str], typer.Argument(metavar="PACKAGE==VERSION...", help="Releases, or source archives (.tar.gz).")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tasks.")],
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Tasks to make, over all packages.")] = 30,
    seed: Annotated[int, typer.Option(help="Other seeds make other tasks.")] = 0,
    trajectories: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write an expert's trajectory for each task (JSONL).")
    ] = None,
    unsafe_local: Annotated[
        bool, typer.Option("--unsafe-local", help="Run the packages' tests without a sandbox, where there is none.")
    ] = False,
) -> None:
    """Make tasks from packages: one bug each, that tests tell, with an issue text and the tests that must pass."""
    raise typer.Exit(1)
