"""`treadle teach`: expert trajectories from teachers and students. One module each for its commands."""

from __future__ import annotations

import typer

from treadle.cli import teach_student

teach = typer.Typer(
    help="Make expert trajectories: select problems by a student's pass rate, bootstrap a student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
teach.command("select")(teach_student.select)
teach.command("bootstrap")(teach_student.bootstrap)
