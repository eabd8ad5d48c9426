"""`treadle quickstart --bootstrap`: longer problems without any expert, from the model after SRL then RLVR.

Its experts solved chains of 8 operations. In rounds the model samples solutions of chains of 10 and 12, and is trained
again on those whose answer is right. Beside it a control goes on with RLVR on the old chains, for as many seconds of
each round as sampling, checking and training took there.

What `treadle quickstart` has trained in the same folder is used, and the other way round. A round and the control of
the round before run side by side.
"""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from treadle.evaluate.store import read_json
from treadle.files.output import check_out, make_empty, owned
from treadle.files.whole import write_whole, writing
from treadle.miniature import world
from treadle.miniature.arms import RLVR, Arm, recipe_of
from treadle.miniature.board import Board, Line
from treadle.miniature.jobs import Job, run_jobs
from treadle.miniature.longer_results import as_markdown, summary, write_longer_report
from treadle.miniature.problems import RESERVED, as_tasks
from treadle.miniature.products import read_score
from treadle.miniature.quickstart import MARKER, claim_folder, time_of, took
from treadle.miniature.work import Scale, arm_jobs

CHAIN = ("srl", "srl_rlvr")
FOLDER = "bootstrap"
SEED = 0
_SFT = {
    "kind": "sft",
    "target": "traces",
    "unit": "solutions",
    "batch_size": 16,
    "micro_batch": 16,
    "learning_rate": 2e-4,
    "warmup_ratio": 0.1,
    "adam_beta2": 0.95,
    "gradient_checkpointing": False,
    "save_every": 1000,
    "allow_no_change": True,
    "trl": {"train_sampling_strategy": "group_by_length"},
}


@dataclass(frozen=True)
class Longer:
    """How much is run; tests run less.

    Args:
        operations: Of the new problems.
        problems: To sample from, of each length.
        held_out: To test on, of each length.
        control: The stage that the control goes on with; it ends by time.
        max_new_tokens: Of a solution.
    """

    operations: tuple[int, ...] = (10, 12)
    problems: int = 48
    held_out: int = 100
    rounds: int = 3
    samples: int = 8
    epochs: float = 6
    max_new_tokens: int = 900
    training: dict[str, Any] = field(default_factory=lambda: dict(_SFT))
    control: dict[str, Any] = field(default_factory=lambda: {**RLVR, "epochs": 1000})


def run_longer(
    out: Path,
    workers: int = 2,
    overwrite: bool = False,
    scale: Scale | None = None,
    longer: Longer | None = None,
) -> dict[str, Any]:
    """Run what is not done of the chain of stages, the rounds and their controls; write figures and page.

    Args:
        out: Folder of the quick start; all of this but the chain lies in its folder `bootstrap`.
        workers: Processes, each with one thread.
        overwrite: Start over, with the chain too.
        scale, longer: How much is run.

    Returns:
        The content of `bootstrap/results.json`.

    Raises:
        OutputError: `out` holds something else, cannot be written, or is being written by another command.
    """
    started = time.monotonic()
    scale, longer = scale or Scale(), longer or Longer()
    with owned(out), writing(out, "What is finished is kept"):
        if overwrite:
            check_out(out, overwrite, MARKER)
            make_empty(out, MARKER)
        claim_folder(out, scale)
        place = out / FOLDER
        _write_problems(place, longer)
        arms = [arm for arm in scale.arms if arm.name in CHAIN]
        jobs = [*arm_jobs(arms, scale, SEED, out / f"seed-{SEED}"), *_jobs(out, scale, longer)]
        earlier = time_of(place / "results.json", jobs)
        resumed = any(job.done() for job in jobs)
        with Board({job.name: Line(job.title, job.metrics, job.steps) for job in jobs}) as board:
            run_jobs(jobs, workers, board)
        found = summary(_curve(place, longer, FOLDER), _curve(place, longer, "control"), _lengths(longer))
        found |= earlier or {"seconds": round(time.monotonic() - started, 1), "resumed": resumed}
        write_whole(place / "results.json", json.dumps(found, indent=1) + "\n")
        write_longer_report(place, found)
    print(f"\n{as_markdown(found)}\n")
    for claim in found["claims"]:
        print(f"{claim['verdict'].upper():9}  {claim['claim']}. {claim['sentence']}")
    print(f"\n{took(found, bool(earlier))}; figures in {place / 'results.json'}, picture in {place / 'report.html'}")
    return found


def longer_problems(longer: Longer, kind: str, count: int) -> list[world.Problem]:
    """`count` chains of each length; those to sample from and those to test on have no chain in common."""
    tested = {p.text for p in _drawn(longer, "held-out", RESERVED)} if kind != "held-out" else set()
    return [p for p in _drawn(longer, kind, count) if p.text not in tested]


def _drawn(longer: Longer, kind: str, count: int) -> list[world.Problem]:
    return [
        world.make_problem(random.Random(f"longer/{kind}/{length}/{i}"), length)
        for length in longer.operations
        for i in range(count)
    ]


def _lengths(longer: Longer) -> list[int]:
    """Operations of each held-out problem."""
    return [len(p.operations) for p in longer_problems(longer, "held-out", longer.held_out)]


def _write_problems(place: Path, longer: Longer) -> None:
    for kind, count in (("problems", longer.problems), ("held-out", longer.held_out)):
        tasks = as_tasks(longer_problems(longer, kind, count), kind)
        rows = ({"id": t.id, "problem": t.problem, "answer": t.answer} for t in tasks)
        write_whole(place / f"{kind}.jsonl", (json.dumps(row) + "\n" for row in rows))


def _jobs(out: Path, scale: Scale, longer: Longer) -> list[Job]:
    place, jobs = out / FOLDER, []
    needs = (f"{SEED}/srl_rlvr",)
    for number in range(1, longer.rounds + 1):
        folder = f"round-{number:02d}"
        jobs.append(
            Job(
                f"round-{number}",
                f"round {number} on longer problems",
                bootstrap_round,
                (out, scale.held_out, longer, number),
                place / "rounds" / folder / "round.json",
                needs=(*needs, *([f"round-{number - 1}"] if number > 1 else [])),
                metrics=place / "rounds" / folder / "train" / "1-sft" / "metrics.jsonl",
            )
        )
        jobs.append(
            Job(
                f"control-{number}",
                f"control {number}, old problems",
                control_round,
                (out, scale.held_out, longer, number),
                place / "control" / folder / "round.json",
                needs=(f"round-{number}", *([f"control-{number - 1}"] if number > 1 else [])),
                metrics=place / "control" / folder / "1-rlvr" / "metrics.jsonl",
            )
        )
    return jobs


def bootstrap_round(out: Path, held_out: int, longer: Longer, number: int) -> str:
    """Worker: the rounds up to `number`, of which those before are done."""
    from treadle.teacher.bootstrap.run import bootstrap

    with _silent():
        bootstrap(_recipe(out, held_out, longer, number), quiet=True)
    figures = _figures(out / FOLDER / "rounds" / f"round-{number:02d}")
    return f"{figures['harvest']['kept']} solutions kept, {sum(figures['right']) / len(figures['right']):.0%} solved"


def control_round(out: Path, held_out: int, longer: Longer, number: int) -> str:
    """Worker: RLVR on the old problems, for as long as the round of this number took."""
    from treadle.recipe import stages
    from treadle.recipe.reading import parse_recipe
    from treadle.teacher.bootstrap.run import tested
    from treadle.teacher.bootstrap.sets import load_sets

    folder = out / FOLDER / "control" / f"round-{number:02d}"
    spent = _figures(out / FOLDER / "rounds" / folder.name)["seconds"]
    seconds = spent["sampling"] + spent["training"]
    before = folder.with_name(f"round-{number - 1:02d}")
    start = _start(out, held_out) if number == 1 else _figures(before)["model"]
    arm = Arm("control", "control", {**longer.control, "minutes": seconds / 60})
    data = out / f"seed-{SEED}" / arm.reads.name
    model = str(stages.run(parse_recipe(recipe_of(arm, start, data, folder, SEED + number)), quiet=True))
    recipe = _recipe(out, held_out, longer, number)
    with _silent():
        right = tested(recipe, load_sets(recipe.rounds), model, folder)
    found = {"model": model, **right, "seconds": {"training": round(seconds, 1)}}
    write_whole(folder / "round.json", json.dumps(found) + "\n")
    return f"{sum(right['right']) / len(right['right']):.0%} solved after {seconds:.0f} s more"


@contextmanager
def _silent() -> Iterator[None]:
    """The board speaks; bars and lines of evaluation would be written across it."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def _recipe(out: Path, held_out: int, longer: Longer, rounds: int) -> Any:
    from treadle.teacher.bootstrap.schema import parse_bootstrap

    place = out / FOLDER
    return parse_bootstrap(
        {
            "model": _start(out, held_out),
            "output": str(place / "rounds"),
            "seed": SEED,
            "dtype": "float32",
            "threads": 1,
            "stages": [{"epochs": longer.epochs, **longer.training}],
            "bootstrap": {
                "problems": str(place / "problems.jsonl"),
                "held_out": str(place / "held-out.jsonl"),
                "domain": "miniature",
                "rounds": rounds,
                "patience": longer.rounds + 1,  # every round is shown
                "samples": longer.samples,
                "max_new_tokens": longer.max_new_tokens,
                "batch_size": 256,
            },
        }
    )


def _start(out: Path, held_out: int) -> str:
    """The model after SRL then RLVR."""
    return read_score(out / f"seed-{SEED}" / CHAIN[-1] / "score.json", held_out)["model"]


def _figures(folder: Path) -> dict[str, Any]:
    return read_json(folder / "round.json", "", "remove the folder, and the same command makes it again")


def _curve(place: Path, longer: Longer, line: str) -> Sequence[dict[str, Any]]:
    """Figures of each round of a line, from the start that both have."""
    folder = place / ("rounds" if line == FOLDER else line)
    rounds = [_figures(folder / f"round-{number:02d}") for number in range(1, longer.rounds + 1)]
    return [_figures(place / "rounds" / "round-00"), *rounds]
