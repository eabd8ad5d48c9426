"""The work of one seed: hard problems, demonstrations, and each arm trained and scored, as jobs for `run_jobs`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from treadle.files.whole import write_whole
from treadle.miniature.arms import ARMS, SOLUTION_TOKENS, Arm, Demonstrations, recipe_of
from treadle.miniature.jobs import Job
from treadle.miniature.products import read_choice, read_hard, read_score, trained_seconds
from treadle.miniature.worksheets import PretrainSettings
from treadle.recipe.model_names import BASE, resolve


@dataclass(frozen=True)
class Scale:
    """How much is run; tests run less.

    Args:
        screened: Candidates that the base tries, an even number; enough to leave `training` hard ones.
        training: Expert solutions to learn from.
        held_out: Problems to test on.
        validation: Other problems, by which the best of several arms is chosen.
        pretraining: Of the other base.
    """

    arms: tuple[Arm, ...] = ARMS
    screened: int = 128
    training: int = 100
    held_out: int = 200
    validation: int = 100
    pretraining: PretrainSettings = field(default_factory=PretrainSettings)


@dataclass(frozen=True)
class Start:
    """The base that arms begin with.

    Args:
        model: Its folder, or the name of the shipped one.
        name: Before the names of its jobs.
        title: After their titles.
        needs: Jobs that make it.
    """

    model: str = BASE
    name: str = ""
    title: str = ""
    needs: tuple[str, ...] = ()


SHIPPED = Start()


def arm_jobs(arms: Sequence[Arm], scale: Scale, seed: int, folder: Path, start: Start = SHIPPED) -> list[Job]:
    """The jobs of one seed, the longest chains first."""
    half = scale.screened // 2
    prefix = f"{start.name}{seed}/"
    after = start.title + (f", seed {seed}" if seed else "")
    jobs = [
        Job(
            f"{prefix}screen-{part}",
            f"finding hard problems, part {part + 1} of 2{after}",
            screen,
            (seed, part * half, (part + 1) * half, folder / f"hard-{part}.json", start.model),
            folder / f"hard-{part}.json",
            needs=start.needs,
        )
        for part in range(2)
    ]
    screens = tuple(job.name for job in jobs)
    for reads in dict.fromkeys(arm.reads for arm in arms if arm.stage):
        data = folder / reads.name
        jobs.append(
            Job(
                f"{prefix}{reads.name}",
                f"{reads.title}{after}",
                demonstrations,
                (seed, scale, folder, data, reads),
                data / "report.json",
                needs=screens,
            )
        )
    for arm in arms:
        output = folder / arm.name
        needs = [f"{prefix}{arm.reads.name}"] if arm.stage else []
        needs += [f"{prefix}{before}" for before in arm.after]
        kind = arm.stage["kind"] if arm.stage else ""
        jobs.append(
            Job(
                f"{prefix}{arm.name}",
                arm.title + after,
                train_and_score,
                (arm, seed, folder, scale, start.model),
                output / "score.json",
                needs=(*needs, *start.needs),
                metrics=output / f"1-{kind}" / "metrics.jsonl" if arm.stage else None,
                steps=(arm.stage or {}).get("max_steps", 0),
            )
        )
    return jobs


def screen(seed: int, start: int, stop: int, product: Path, base: str = BASE) -> str:
    """Worker: find hard problems among the candidates `start` to `stop`."""
    from treadle.miniature.problems import candidates, hard_ones
    from treadle.recipe.models import load_model, load_tokenizer

    drawn = candidates(seed, start, stop)
    hard = hard_ones(load_model(base), load_tokenizer(base), drawn, SOLUTION_TOKENS, seed)
    keep = {p.text for p in hard}
    write_json(product, {"candidates": len(drawn), "hard": [start + i for i, p in enumerate(drawn) if p.text in keep]})
    return f"the base never solves {len(hard)} of {len(drawn)} in 16 tries"


def demonstrations(seed: int, scale: Scale, folder: Path, data: Path, reads: Demonstrations) -> str:
    """Worker: write the expert's solutions of the hard problems."""
    from treadle.miniature.problems import candidates, write_data

    hard = [read_hard(folder / f"hard-{part}.json", scale.screened) for part in range(2)]
    numbers = [*hard[0], *hard[1]][: scale.training]
    drawn = candidates(seed, 0, scale.screened)
    write_data([drawn[i] for i in numbers], data, reads)
    return f"{len(numbers)} expert solutions"


def train_and_score(arm: Arm, seed: int, folder: Path, scale: Scale, base: str = BASE) -> str:
    """Worker: run an arm's stage, score its model on the held-out problems."""
    from treadle.miniature.problems import held_out_problems
    from treadle.miniature.scoring import score
    from treadle.recipe import stages
    from treadle.recipe.models import load_model, load_tokenizer
    from treadle.recipe.reading import parse_recipe

    output = folder / arm.name
    model, seconds = resolve(base), 0.0
    if arm.after:
        before = read_score(folder / best_before(arm, folder, scale) / "score.json", scale.held_out)
        model, seconds = before["model"], before["seconds"]
    if arm.stage:
        recipe = parse_recipe(recipe_of(arm, model, folder / arm.reads.name, output, seed))
        model = str(stages.run(recipe, quiet=True))
        seconds += trained_seconds(Path(model).parent / "metrics.jsonl")
    scored = score(load_model(model), load_tokenizer(model), held_out_problems(scale.held_out))
    write_json(output / "score.json", {**scored, "model": model, "seconds": round(seconds, 1)})
    shares = {mode: sum(scored[mode]["right"]) / len(scored[mode]["right"]) for mode in ("whole", "loop")}
    return f"whole solutions {shares['whole']:.0%}, loop {shares['loop']:.0%}, trained {seconds:.0f} s"


def best_before(arm: Arm, folder: Path, scale: Scale) -> str:
    """The arm that `arm` goes on from: of several the one that solves most validation problems whole, the first of
    equal ones.

    The test problems choose nothing.
    """
    from treadle.miniature.problems import held_out_problems
    from treadle.miniature.scoring import solved_whole
    from treadle.recipe.models import load_model, load_tokenizer

    if len(arm.after) == 1:
        return arm.after[0]
    file = folder / choice_name(arm)
    if not file.is_file():
        problems, solved = held_out_problems(scale.validation, "validation"), {}
        for name in arm.after:
            model = read_score(folder / name / "score.json", scale.held_out)["model"]
            solved[name] = solved_whole(load_model(model), load_tokenizer(model), problems)
        best = max(arm.after, key=lambda name: solved[name])
        write_json(file, {"chosen": best, "solved": solved, "problems": scale.validation})
    return read_choice(file, arm.after)["chosen"]


def choice_name(arm: Arm) -> str:
    """Of the file that says from which of several arms this one goes on."""
    return f"{arm.name}-choice.json"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON so that the file appears whole: its presence marks a job as done."""
    write_whole(path, json.dumps(content, indent=1) + "\n")
