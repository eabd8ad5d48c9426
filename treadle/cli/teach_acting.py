"""`treadle teach solve` of problems whose domain has an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from treadle.cli import teach_tasks, teaching

if TYPE_CHECKING:
    from treadle.evaluate.benchmarks import Benchmark

_HOLDS = "problems whose domain has an environment"
_OF_TEXTS = "and this is an option of solutions that are written at once; leave it out"
_WITHOUT = {
    **dict.fromkeys(("tries", "think", "unverified", "agreement", "min_steps", "chars", "language"), _OF_TEXTS),
    **dict.fromkeys(("repetition", "against", "price_in", "price_out", "budget"), _OF_TEXTS),
    "max_new_tokens": teach_tasks.ONE_STEP,
}


def solve_by_acting(called: typer.Context, parameters: Mapping[str, Any], found: Benchmark) -> None:
    """The command, for these problems.

    Args:
        parameters: The command's.
    """
    from treadle.data.curate.duplicates import check_threshold
    from treadle.evaluate.settings import EvaluateSettings
    from treadle.report.evaluation import write_evaluation_report
    from treadle.teacher.acting import act, acting_settings
    from treadle.teacher.outcomes import missing
    from treadle.teacher.report import as_text

    teach_tasks.refuse(called, parameters["problems"], _HOLDS, _WITHOUT)
    drop = parameters["duplicates"] == "drop"
    if drop:
        check_threshold(parameters["near_threshold"])
    found = found.first(parameters["limit"])
    settings = acting_settings(
        found,
        parameters["samples"],
        max_steps=parameters["max_steps"] or EvaluateSettings.max_steps,
        max_step_tokens=parameters["max_step_tokens"] or EvaluateSettings.max_step_tokens,
        **{name: parameters[name] for name in ("temperature", "top_p", "top_k", "seed")},
    )
    back_end, out = parameters["back_end"], parameters["out"]
    report = act(
        parameters["model"],
        found,
        settings,
        out,
        back_end.kind,
        back_end.options(),
        parameters["near_threshold"] if drop else None,
        teaching.known_of(parameters["known"]),
        parameters["overwrite"],
        write_evaluation_report,
    )
    print(as_text(report))
    print(f"written to {out}; go on with `treadle prepare {out}{teaching.domain_flag(parameters)} -o DATA`")
    if missing(report):
        raise typer.Exit(1)
