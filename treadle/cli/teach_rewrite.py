"""`treadle teach rewrite`: solutions or reasoning traces rewritten into numbered, titled steps that follow them.

Version 3 of the paper has a strong model rewrite the expert's answers so, and discards what fails the check of the
form. Exit codes as for `treadle teach solve`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli import backends, teaching
from treadle.cli.data import one_of
from treadle.cli.options import domain_name, option
from treadle.cli.teaching import ASKING, CHECKS

PARTS = ("solution", "thought", "both")


@backends.takes_back_end("openai")
def rewrite(
    solutions: Annotated[str, typer.Argument(help="File, folder or hub id, in any form that `treadle prepare` reads.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder; one that exists is continued.")],
    model: Annotated[str, typer.Option(help="Model folder or id; of a server the model's name there.")],
    original: Annotated[str, option("What is rewritten: solution, thought, or both.", ASKING)] = "solution",
    columns: Annotated[str | None, option("A preset, or problem=NAME,solution=NAME[,answer=NAME ...].", ASKING)] = None,
    domain: teaching.Domain = None,
    limit: teaching.Limit = None,
    tries: teaching.Tries = 3,
    temperature: teaching.Temperature = 0.0,
    top_p: teaching.TopP = 1.0,
    top_k: teaching.TopK = 0,
    max_new_tokens: teaching.MaxNewTokens = 8192,
    seed: teaching.Seed = 0,
    kind: teaching.Kind = "math",
    unverified: teaching.Unverified = False,
    follows: Annotated[
        float, option("Least share of a step's formulas and numbers that the original has.", CHECKS, min=0, max=1)
    ] = 0.5,
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
    *,
    back_end: backends.BackEnd,
) -> None:
    """Have solutions rewritten into numbered, titled steps that follow them, and keep what checks out."""
    parameters = dict(locals())
    one_of("--duplicates", duplicates, ("drop", "keep"))
    one_of("--original", original, PARTS)
    options, prices = back_end.options(), teaching.prices_of(parameters)
    from treadle.scoring.grading import KINDS
    from treadle.teacher.assignments import solutions_to_rewrite

    one_of("--kind", kind, KINDS)
    settings = teaching.settings_of(parameters | {"samples": 1})
    given = solutions_to_rewrite(solutions, columns, kind, original, unverified, domain_name(domain))
    teaching.carry_out(given, settings, parameters, options, prices)
