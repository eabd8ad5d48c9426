"""`treadle swe`: software-engineering tasks, made, run by models and graded. One module each for its commands."""

from __future__ import annotations

import typer

from treadle.cli import swe_grade, swe_run, swe_tasks
from treadle.cli.commands import Commands, add

swe = typer.Typer(
    cls=Commands,
    help="Software engineering: make tasks, run a model on them, grade what it hands in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add(swe, swe_tasks.tasks, "treadle swe tasks toolz==1.0.0 cachetools==5.5.0 -n 20 -o tasks")
add(swe, swe_grade.validate, "treadle swe validate tasks")
add(swe, swe_run.run, "treadle swe run runs/agents/1-srl/model --tasks tasks --mode agent -o runs/agent")
add(swe, swe_grade.grade, "treadle swe grade runs/agent --tasks tasks -o runs/agent-grades")
