"""`treadle swe`: software-engineering tasks, made, run by models and graded. One module each for its commands."""

from __future__ import annotations

import typer

from treadle.cli import swe_grade, swe_run, swe_tasks

swe = typer.Typer(
    help="Software engineering: make tasks, run a model on them, grade what it hands in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
swe.command("tasks")(swe_tasks.tasks)
swe.command("validate")(swe_grade.validate)
swe.command("run")(swe_run.run)
swe.command("grade")(swe_grade.grade)
