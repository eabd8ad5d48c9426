"""`treadle teach solve`: a teacher solves problems in numbered steps, or tasks of software; what is right is kept.

Exit codes: 0 if every sample came to its end, 1 if the back end did not answer some or the budget ended before (the
same command goes on), 2 for errors that a user can mend, 130 for an interrupted run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli import backends, teach_tasks, teaching
from treadle.cli.data import one_of
from treadle.cli.options import domain_name, option
from treadle.cli.teach_tasks import OF_PROBLEMS, ONE_STEP, PANEL
from treadle.cli.teaching import ASKING, CHECKS

UNVERIFIED_AGREEMENT = 0.5
_NO_BUDGET = "whose episodes have no count of the tokens that are sent; --max-tokens bounds each episode"
_NOT_OF_TASKS = {
    **dict.fromkeys(("columns", "domain", "tries", "think", "top_k", "kind", "unverified", "agreement"), OF_PROBLEMS),
    **dict.fromkeys(("min_steps", "chars", "language", "repetition", "against"), OF_PROBLEMS),
    **dict.fromkeys(("price_in", "price_out", "budget"), _NO_BUDGET),
    "max_new_tokens": ONE_STEP,
}


@backends.takes_back_end("openai")
@teach_tasks.takes_tasks
def solve(
    called: typer.Context,
    problems: Annotated[
        str, typer.Argument(help="File of problems with answers, a prepared folder, or software-engineering tasks.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder; one that exists is continued.")],
    model: Annotated[str, typer.Option(help="Model folder or id; of a server the model's name there.")],
    samples: Annotated[int, option("Solutions of each problem.", ASKING, "-n", "--samples", min=1)] = 4,
    columns: Annotated[str | None, option("Of a file: problem=NAME,answer=NAME[,id=NAME].", ASKING)] = None,
    domain: teaching.Domain = None,
    split: Annotated[str, option("Of a prepared folder: train or heldout. Of tasks: their own.", ASKING)] = "train",
    limit: teaching.Limit = None,
    tries: teaching.Tries = 1,
    think: Annotated[bool, option("Ask for thoughts before the solution.", ASKING, "--think")] = False,
    temperature: teaching.Temperature = 1.0,
    top_p: teaching.TopP = 1.0,
    top_k: teaching.TopK = 0,
    max_new_tokens: teaching.MaxNewTokens = 8192,
    seed: teaching.Seed = 0,
    kind: teaching.Kind = "math",
    unverified: teaching.Unverified = False,
    agreement: Annotated[
        float | None,
        option("Share of a problem's samples that have to agree; 0.5 with --unverified.", CHECKS, min=0, max=1),
    ] = None,
    min_steps: teaching.MinSteps = 2,
    chars: teaching.Chars = "100:20000",
    language: teaching.Language = None,
    repetition: teaching.Repetition = 0.4,
    duplicates: teaching.Duplicates = "drop",
    near_threshold: teaching.NearThreshold = 0.8,
    known: teaching.Known = None,
    against: teaching.Against = None,
    price_in: teaching.PriceIn = None,
    price_out: teaching.PriceOut = None,
    budget: teaching.Budget = None,
    overwrite: teaching.Overwrite = False,
    max_steps: Annotated[int | None, option("After which an episode ends; 40.", PANEL, min=1)] = None,
    max_step_tokens: Annotated[int | None, option("Of one step of an episode; 2048.", PANEL, min=1)] = None,
    *,
    task_options: teach_tasks.TaskOptions,
    back_end: backends.BackEnd,
) -> None:
    """Ask a teacher for solutions in numbered, titled steps, and keep those whose final answer is right.

    Of software-engineering tasks, episodes of an agent whose patch resolves the task.
    """
    parameters = dict(locals())
    one_of("--duplicates", duplicates, ("drop", "keep"))
    from treadle.evaluate.swe.instances import are_tasks

    if are_tasks(problems):
        teach_tasks.solve_tasks(called, parameters, _NOT_OF_TASKS)
        return
    teach_tasks.refuse_task_options(called, problems, "max_steps", "max_step_tokens")
    one_of("--split", split, ("train", "heldout"))
    options, prices = back_end.options(), teaching.prices_of(parameters)
    from treadle.scoring.grading import KINDS
    from treadle.teacher.assignments import problems_to_solve

    one_of("--kind", kind, KINDS)
    if agreement is None:
        agreement = UNVERIFIED_AGREEMENT if unverified else 0.0
    settings = teaching.settings_of(parameters | {"agreement": agreement, "follows": 0.0})
    given = problems_to_solve(problems, columns, kind, split, unverified, domain_name(domain))
    teaching.carry_out(given, settings, parameters, options, prices)
