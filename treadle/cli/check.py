"""`treadle check`: what can be told of a model, its data and a recipe before anything is trained.

Exit codes: 0 without errors, warnings or not; 2 with errors.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli.options import Domain
from treadle.cli.trust import TRUST, trusting
from treadle.errors import RecipeError

if TYPE_CHECKING:
    from treadle.check import Check
    from treadle.recipe.schema import Recipe


def check(
    model: Annotated[str, typer.Argument(help="Model folder or id; or a recipe, whose model it is then.")],
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RECIPE] [KEY=VALUE]...", help="Recipe file (YAML), and changes to it."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Prepared folder, instead of the recipe's.")] = None,
    domain: Domain = None,
    show: Annotated[bool, typer.Option("--show", help="Print a row of each stage as the model is given it.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write checks and rows to this file, too.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Load the model, sample so many rollouts, and say where to begin.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="With --sample: time that rollouts may take.")] = 100.0,
    tokens: Annotated[int, typer.Option(min=1, help="With --sample: tokens of a rollout at most.")] = 512,
    trust_remote_code: Annotated[bool, typer.Option("--trust-remote-code", help=TRUST)] = False,
) -> None:
    """Look at a model, its tokenizer, a recipe and its data before anything is trained.

    Without a recipe the stages of the paper that the data has rows for are looked at: SFT, SRL and RLVR with their
    default settings.
    """
    from treadle.check import Subject, look
    from treadle.check.results import errors
    from treadle.check.rows import shown_rows
    from treadle.check.run import ALL, OF_A_RUN, WITH_SIZES
    from treadle.check.subject import THOROUGH, of_its_data
    from treadle.report.checks import show_checks, show_rows, show_sample
    from treadle.report.console import VisibleConsole

    recipe, has_data, is_given = _recipe(model, [*(more or ()), *trusting(trust_remote_code)], data, domain)
    if sample and not has_data:
        raise RecipeError("--sample: no prompts to sample; give a folder made by `treadle prepare` with --data")
    recipe, not_asked = (recipe, []) if is_given or not has_data else of_its_data(recipe)
    subject = Subject(recipe.model, recipe, has_data, THOROUGH, not_asked=not_asked)
    console = VisibleConsole(highlight=False)
    checks = look(subject, WITH_SIZES if is_given else ALL)
    show_checks(checks, console)
    broken = errors(checks)
    can_be_opened = all(check.id in OF_A_RUN for check in broken)
    rows = {} if not can_be_opened or not (show or out) else shown_rows(subject)
    if show:
        show_rows(rows, console)
    first = None
    if sample and can_be_opened:
        from treadle.check.advice import advise
        from treadle.check.measured import measured
        from treadle.check.sample import sample as sampled

        rollouts = sampled(subject, sample, seconds, tokens)
        found = measured(rollouts, subject.prepared)
        advice = advise(found)
        show_sample(rollouts, found, advice, console)
        first = {**asdict(found), "advice": advice._asdict()}
    if out:
        _write(out, checks, rows, first)
    if broken:
        raise typer.Exit(2)


def _recipe(model: str, more: list[str], data: Path | None, domain: str | None) -> tuple[Recipe, bool, bool]:
    """The recipe to look at, whether its data is, and whether it was given and may be run as it stands."""
    from treadle.check import standard_recipe
    from treadle.recipe.overrides import apply_override
    from treadle.recipe.reading import load_recipe, parse_recipe

    given = {"data": data, "domain": domain}
    changes = [f"{key}={json.dumps(str(value))}" for key, value in given.items() if value is not None]
    if model.endswith((".yaml", ".yml")) and Path(model).is_file():
        return load_recipe(Path(model), [*more, *changes]), True, True
    changes.append(f"model={json.dumps(model)}")
    if more and "=" not in more[0]:
        return load_recipe(Path(more[0]), [*more[1:], *changes]), True, True
    content: dict[str, Any] = standard_recipe(model, data)
    for override in [*more, *changes]:
        apply_override(content, override)
    has_data = data is not None or "data" in {m.partition("=")[0] for m in more}
    return parse_recipe(content, "without a recipe"), has_data, False


def _write(out: Path, checks: list[Check], rows: dict[str, Any], sample: dict[str, Any] | None) -> None:
    from treadle.files.whole import write_whole

    content = {
        "checks": [check._asdict() for check in checks],
        "rows": {stage: row._asdict() for stage, row in rows.items()},
        **({"sample": sample} if sample else {}),
    }
    write_whole(out, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
