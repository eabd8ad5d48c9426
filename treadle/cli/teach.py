"""`treadle teach`: expert trajectories from teachers and students. One module each for its commands."""

from __future__ import annotations

import typer

from treadle.cli import teach_rewrite, teach_solve, teach_student
from treadle.cli.commands import Commands, add

_SERVER = "--model teacher --base-url http://localhost:8000/v1"

teach = typer.Typer(
    cls=Commands,
    help="Make expert trajectories: a teacher solves or rewrites, a student's own right solutions, and checks decide.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add(teach, teach_solve.solve, f"treadle teach solve problems.jsonl -o taught {_SERVER}")
add(teach, teach_rewrite.rewrite, f"treadle teach rewrite traces.jsonl -o rewritten {_SERVER}")
add(teach, teach_student.select, "treadle teach select problems.jsonl --model runs/mine/1-srl/model -o band")
add(teach, teach_student.bootstrap, "treadle teach bootstrap rounds.yaml --dry-run")
