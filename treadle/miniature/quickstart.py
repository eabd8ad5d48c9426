"""`treadle quickstart`: all arms on the miniature world, through the same stages and evaluation as real runs.

Arms that do not wait for each other run side by side, one process and one thread each. What is finished is
kept: a second call continues, or only prints the results again.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from treadle.data.prepared import Prepared
from treadle.errors import OutputError
from treadle.files.locks import INSIDE
from treadle.files.output import check_out, make_empty, owned
from treadle.files.typed import read_object
from treadle.files.whole import write_whole, writing
from treadle.miniature.arms import ARMS, SOLUTION_TOKENS, Arm, recipe_of
from treadle.miniature.board import Board, Line
from treadle.miniature.jobs import Job, run_jobs
from treadle.miniature.products import read_hard, read_score, trained_seconds
from treadle.recipe.model_names import BASE, resolve

MARKER = "quickstart.json"
_ANOTHER = "choose another folder with -o, or replace it with --overwrite"


@dataclass(frozen=True)
class Scale:
    """How much is run; tests run less.

    Args:
        screened: Candidates that the base tries, an even number; enough to leave `training` hard ones.
        training: Expert solutions to learn from.
        held_out: Problems to test on.
    """

    arms: tuple[Arm, ...] = ARMS
    screened: int = 128
    training: int = 100
    held_out: int = 200


def run(
    out: Path,
    seeds: int = 1,
    full: bool = False,
    workers: int = 2,
    overwrite: bool = False,
    scale: Scale | None = None,
) -> dict[str, Any]:
    """Run the quick start and write `results.json`, `report.html` and all models into `out`.

    Args:
        seeds: Independent runs: other training problems, other sampling; the base and the test stay.
        full: Also the ablations and the oracle.
        workers: Processes, each with one thread.
        overwrite: Start over.
        scale: How much is run.

    Returns:
        What `results.json` holds.

    Raises:
        OutputError: `out` holds something else, cannot be written, or is being written by another command.
    """
    started = time.monotonic()
    with owned(out), writing(out, "What is finished is kept"):
        if overwrite:
            check_out(out, overwrite, MARKER)
            make_empty(out, MARKER)
        return _run(out, seeds, full, workers, scale or Scale(), started)


def _run(out: Path, seeds: int, full: bool, workers: int, scale: Scale, started: float) -> dict[str, Any]:
    from treadle.miniature.problems import write_held_out
    from treadle.miniature.report import write_report

    claim_folder(out, scale)
    write_held_out(out / "held-out.jsonl", scale.held_out)
    arms = [arm for arm in scale.arms if full or not arm.full]
    jobs = [job for seed in range(seeds) for job in arm_jobs(arms, scale, seed, out / f"seed-{seed}")]
    _check_done(jobs, scale)
    resumed = any(job.done() for job in jobs)
    with Board({job.name: Line(job.title, job.metrics, job.steps) for job in jobs}) as board:
        run_jobs(jobs, workers, board)
    from treadle.miniature import results

    scores = {
        arm.name: [read_score(out / f"seed-{s}" / arm.name / "score.json", scale.held_out) for s in range(seeds)]
        for arm in arms
    }
    floors = [_floor(out / f"seed-{seed}") for seed in range(seeds)]
    summary = {
        "arms": results.arm_rows(scores),
        "similarity_floor": floors,
        "claims": results.claims(scores),
        "seconds": round(time.monotonic() - started, 1),
        "resumed": resumed,
        "seeds": seeds,
        "versions": {name: version(name) for name in ("treadle", "torch", "transformers", "trl")}
        | {"python": platform.python_version()},
        "commit": _commit(),
    }
    _write(out / "results.json", summary)
    write_report(out, scores, summary)
    print(f"\n{results.as_markdown(results.table(scores), floors)}\n")
    for claim in summary["claims"]:
        print(f"{claim['verdict'].upper():9}  {claim['claim']}. {claim['sentence']}")
    print(f"\n{summary['seconds']:.0f} s in all; figures in {out / 'results.json'}, pictures in {out / 'report.html'}")
    return summary


def arm_jobs(arms: list[Arm], scale: Scale, seed: int, folder: Path) -> list[Job]:
    """The jobs of one seed, the longest chains first."""
    half = scale.screened // 2
    prefix = f"{seed}/"
    jobs = [
        Job(
            f"{prefix}screen-{part}",
            f"hard problems, part {part + 1}",
            screen,
            (seed, part * half, (part + 1) * half, folder / f"hard-{part}.json"),
            folder / f"hard-{part}.json",
        )
        for part in range(2)
    ]
    screens = tuple(job.name for job in jobs)
    styles = sorted({arm.thoughts for arm in arms if arm.stage})
    for style in styles:
        data = folder / f"data-{style}"
        jobs.append(
            Job(
                f"{prefix}data-{style}",
                f"{style} demonstrations",
                demonstrations,
                (seed, scale, folder, data, style),
                data / "report.json",
                needs=screens,
            )
        )
    for arm in arms:
        output = folder / arm.name
        needs = [f"{prefix}data-{arm.thoughts}"] if arm.stage else []
        needs += [f"{prefix}{arm.after}"] if arm.after else []
        kind = arm.stage["kind"] if arm.stage else ""
        jobs.append(
            Job(
                f"{prefix}{arm.name}",
                arm.title + (f", seed {seed}" if seed else ""),
                train_and_score,
                (arm, seed, folder, scale.held_out),
                output / "score.json",
                needs=tuple(needs),
                metrics=output / f"1-{kind}" / "metrics.jsonl" if arm.stage else None,
                steps=(arm.stage or {}).get("max_steps", 0),
            )
        )
    return jobs


def screen(seed: int, start: int, stop: int, product: Path) -> str:
    """Worker: find hard problems among the candidates `start` to `stop`."""
    from treadle.miniature.problems import candidates, hard_ones
    from treadle.recipe.models import load_model, load_tokenizer

    drawn = candidates(seed, start, stop)
    hard = hard_ones(load_model(BASE), load_tokenizer(BASE), drawn, SOLUTION_TOKENS, seed)
    keep = {p.text for p in hard}
    _write(product, {"candidates": len(drawn), "hard": [start + i for i, p in enumerate(drawn) if p.text in keep]})
    return f"the base never solves {len(hard)} of {len(drawn)} in 16 tries"


def demonstrations(seed: int, scale: Scale, folder: Path, data: Path, style: str) -> str:
    """Worker: write the expert's solutions of the hard problems."""
    from treadle.miniature.problems import candidates, write_data

    hard = [read_hard(folder / f"hard-{part}.json", scale.screened) for part in range(2)]
    numbers = [*hard[0], *hard[1]][: scale.training]
    drawn = candidates(seed, 0, scale.screened)
    write_data([drawn[i] for i in numbers], data, style)
    return f"{len(numbers)} expert solutions"


def train_and_score(arm: Arm, seed: int, folder: Path, held_out: int) -> str:
    """Worker: run an arm's stage, score its model on the held-out problems."""
    from treadle.miniature.problems import held_out_problems
    from treadle.miniature.scoring import score
    from treadle.recipe import stages
    from treadle.recipe.models import load_model, load_tokenizer
    from treadle.recipe.reading import parse_recipe

    output = folder / arm.name
    model, seconds = resolve(BASE), 0.0
    if arm.after:
        before = read_score(folder / arm.after / "score.json", held_out)
        model, seconds = before["model"], before["seconds"]
    if arm.stage:
        recipe = parse_recipe(recipe_of(arm, model, folder / f"data-{arm.thoughts}", output, seed))
        model = str(stages.run(recipe, quiet=True))
        seconds += trained_seconds(Path(model).parent / "metrics.jsonl")
    scored = score(load_model(model), load_tokenizer(model), held_out_problems(held_out))
    _write(output / "score.json", {**scored, "model": model, "seconds": round(seconds, 1)})
    shares = {mode: sum(scored[mode]["right"]) / len(scored[mode]["right"]) for mode in ("whole", "loop")}
    return f"whole solutions {shares['whole']:.0%}, loop {shares['loop']:.0%}, trained {seconds:.0f} s"


def _floor(folder: Path) -> dict[str, Any] | None:
    """The floor of a seed's demonstrations. Their actions are the same in every style of thoughts."""
    prepared = sorted(folder.glob("data-*/report.json"))
    floors = Prepared(prepared[0].parent).floors if prepared else None
    return floors["floor"] if floors else None


def claim_folder(out: Path, scale: Scale) -> None:
    """Results of another version of the arms or of the base must not be mixed with these."""
    weights = (Path(resolve(BASE)) / "model.safetensors").read_bytes()
    mark = {"scale": repr(scale), "base": hashlib.sha256(weights).hexdigest(), "treadle": version("treadle")}
    file = out / MARKER
    if out.exists() and any(path.name != INSIDE for path in out.iterdir()):
        known = read_object(file, _ANOTHER) if file.is_file() else None
        if known != mark:
            raise OutputError(f"{out}: holds something else than this version's quick start; {_ANOTHER}")
    _write(file, mark)


def _check_done(jobs: list[Job], scale: Scale) -> None:
    """Raise `OutputError` for a damaged result of a job that was done before, before another takes hours."""
    for product in (job.product for job in jobs if job.done()):
        if product.name == "score.json":
            read_score(product, scale.held_out)
        elif product.name.startswith("hard-"):
            read_hard(product, scale.screened)


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON so that the file appears whole: its presence marks a job as done."""
    write_whole(path, json.dumps(content, indent=1) + "\n")


def _commit() -> str | None:
    """The commit of the source tree, where treadle runs from one."""
    root = Path(__file__).parent.parent.parent
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return found or None
