"""`treadle teach`: trajectories made, rewritten and filtered by a teacher. One module each for its commands."""

from __future__ import annotations

import typer

from treadle.cli import teach_rewrite, teach_solve

teach = typer.Typer(
    help="Make expert trajectories: a strong model solves problems or rewrites solutions, and checks decide.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
teach.command("solve")(teach_solve.solve)
teach.command("rewrite")(teach_rewrite.rewrite)
