"""`treadle teach`: expert trajectories from teachers and students. One module each for its commands."""

from __future__ import annotations

import typer

from treadle.cli import teach_rewrite, teach_solve, teach_student

teach = typer.Typer(
    help="Make expert trajectories: a teacher solves or rewrites, a student's own right solutions, and checks decide.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
teach.command("solve")(teach_solve.solve)
teach.command("rewrite")(teach_rewrite.rewrite)
teach.command("select")(teach_student.select)
teach.command("bootstrap")(teach_student.bootstrap)
