"""`treadle new-domain`: a domain's folder that runs, to put one's own field into."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def new_domain(
    name: Annotated[str, typer.Argument(help="Of the domain, as trajectories and problems name it.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder to write; NAME by default.")] = None,
    environment: Annotated[
        bool, typer.Option("--environment", help="With a world that answers to actions (world.py).")
    ] = False,
) -> None:
    """Write a folder for a field of your own: prompts, a verdict, problems, experts, a test; it runs as it is."""
    from treadle.scaffold.new_domain import write_domain

    out = out or Path(name)
    files = write_domain(name, out, environment)
    print(f"written to {out}: {', '.join(files)}")
    print(f"go on with `pytest {shlex.quote(str(out))}`; {out / 'README.md'} has the commands in order")
