"""`treadle teach bootstrap`: rounds of sampling, checking and training, until held-out accuracy no longer rises.

    OUT/bootstrap.json                   what decides the results
    OUT/round-00/held-out/               the student before the first round, as `treadle evaluate` writes it
    OUT/round-01/attempts.jsonl, ...     what was sampled and kept, see `harvest.py`
    OUT/round-01/data/                   what is trained on, prepared
    OUT/round-01/train/                  the stages, as `treadle train` writes them
    OUT/round-01/held-out/               the student after the round
    OUT/round-01/round.json              the round's figures; its presence marks the round as done
    OUT/results.json, report.md          all rounds

Each part is continued where it stopped and is not done twice. One process: several GPUs are vLLM's and not training's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import read_native, to_row
from treadle.errors import Interrupted, TreadleError
from treadle.evaluate.backends import open_backend
from treadle.evaluate.run import evaluate
from treadle.evaluate.runs import read_run
from treadle.evaluate.store import read_json, read_lines, write_json, write_lines
from treadle.files.output import owned
from treadle.files.whole import write_whole
from treadle.recipe import stages
from treadle.teacher.bootstrap.harvest import HARVEST, harvest
from treadle.teacher.bootstrap.identity import claim, identity_of
from treadle.teacher.bootstrap.results import RESULTS, as_markdown, over, summary
from treadle.teacher.bootstrap.schema import BootstrapRecipe
from treadle.teacher.bootstrap.sets import Sets, load_sets
from treadle.teacher.kept import TRAJECTORIES
from treadle.trajectory import Trajectory

ROUND = "round.json"
_DAMAGED = "remove the file, and the same command makes it again"
WriteReport = Callable[[Path, Mapping[str, Any]], object]
"""Writes a page for the content of results.json into a folder."""


def bootstrap(
    recipe: BootstrapRecipe,
    overwrite: bool = False,
    quiet: bool = False,
    resume_hint: str = "the same command",
    page: WriteReport | None = None,
) -> dict[str, Any]:
    """Run all rounds that are not done.

    Args:
        overwrite: Replace bootstrapping with other settings in the output folder.
        quiet: No progress bars of training.
        resume_hint: How to continue after an interruption, for the message.
        page: Writes a page beside report.md.

    Returns:
        The content of results.json.

    Raises:
        TreadleError: The first round keeps nothing; see also `load_sets`, `treadle.evaluate.run.evaluate` and
            `treadle.recipe.stages.run`.
        Interrupted: Ctrl-C, SIGTERM, or `max_hours`; the same command goes on.
    """
    out = recipe.training.output
    deadline = time.monotonic() + 3600 * recipe.training.max_hours if recipe.training.max_hours else None
    sets = load_sets(recipe.rounds)
    with owned(out):
        claim(out, identity_of(recipe, sets), overwrite)
        done = [_start(recipe, sets, out)]
        why = over(done, recipe.rounds)
        while not why:
            number = len(done)
            _check_time(deadline, number, resume_hint)
            found = _round(recipe, sets, out, number, done, quiet, resume_hint, deadline)
            if found is None:
                why = f"round {number} found no solution that is not there already"
                break
            done.append(found)
            why = over(done, recipe.rounds)
        results = summary(recipe, sets, done, why)
        write_json(out / RESULTS, results)
        write_whole(out / "report.md", as_markdown(results))
        if page is not None:
            page(out, results)
    return results


def _start(recipe: BootstrapRecipe, sets: Sets, out: Path) -> dict[str, Any]:
    """The student before the first round."""
    folder = out / "round-00"
    if not (folder / ROUND).is_file():
        began = time.monotonic()
        model = recipe.training.model
        right = tested(recipe, sets, model, folder)
        write_json(folder / ROUND, {"model": model, **right, "seconds": round(time.monotonic() - began, 1)})
    return read_json(folder / ROUND, "", _DAMAGED)


def _round(
    recipe: BootstrapRecipe, sets: Sets, out: Path, number: int, done: Sequence[Mapping[str, Any]], quiet: bool,
    resume_hint: str, deadline: float | None,
) -> dict[str, Any] | None:  # fmt: skip
    """One round; `None` where it gives nothing new to train on."""
    folder = out / f"round-{number:02d}"
    if (folder / ROUND).is_file():
        return read_json(folder / ROUND, "", _DAMAGED)
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    before = [list(_kept(out / f"round-{n:02d}")) for n in range(1, number)]
    found = _harvested(recipe, sets, folder, number, done, [t for kept in before for t in kept])
    sampled = time.monotonic()
    print(f"{folder.name}: {found['kept']} of {found['asked']} attempts kept", flush=True)
    if not found["kept"]:
        if number == 1:
            raise TreadleError(_nothing(folder, found))
        return None
    rows = _data(recipe, folder, [*before, list(_kept(folder))])
    base = recipe.training.model if recipe.rounds.train_from == "base" else done[-1]["model"]
    training = recipe.of_round(base, folder / "data", folder / "train", _hours(deadline))
    model = str(stages.run(training, quiet=quiet, resume_hint=resume_hint))
    trained = time.monotonic()
    right = tested(recipe, sets, model, folder)
    seconds = {"sampling": sampled - began, "training": trained - sampled, "all": time.monotonic() - began}
    figures = {
        "model": model,
        **right,
        "harvest": found,
        "trained_on": rows,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},  # of this command alone
    }
    write_json(folder / ROUND, figures)
    return figures


def _harvested(
    recipe: BootstrapRecipe, sets: Sets, folder: Path, number: int, done: Sequence[Mapping[str, Any]],
    before: Sequence[Trajectory],
) -> dict[str, Any]:  # fmt: skip
    if (folder / HARVEST).is_file():
        return read_json(folder / HARVEST, "", _DAMAGED)
    model = done[-1]["model"]
    solved = {name for figures in done[1:] for name in figures["harvest"]["solved"]}
    seed = recipe.training.seed * 1000 + 10 * number
    with closing(open_backend(model, recipe.rounds.backend, **back_end_options(recipe))) as backend:
        return harvest(backend, model, recipe.rounds, sets, number, seed, folder, before, solved)


def _data(recipe: BootstrapRecipe, folder: Path, kept: Sequence[Sequence[Trajectory]]) -> dict[str, int]:
    """Prepare what the round trains on: the student's solutions, and the expert's where there are some."""
    own = [t for found in (kept if recipe.rounds.accumulate else kept[-1:]) for t in found]
    experts = list(Prepared(recipe.training.data).trajectories()) if recipe.expert else []
    if not (folder / "data" / "report.json").is_file():
        source = folder / "training.jsonl"
        write_lines(source, (to_row(t) for t in [*experts, *own]))
        settings = PrepareSettings(targets=recipe.rounds.targets, held_out=0, grader=recipe.rounds.grader)
        prepare(source, folder / "data", settings, overwrite=(folder / "data").exists())
    return {"own": len(own), "expert": len(experts)}


def _kept(folder: Path) -> list[Trajectory]:
    return [read_native(row, str(folder / TRAJECTORIES)) for row in read_lines(folder / TRAJECTORIES)]


def tested(recipe: BootstrapRecipe, sets: Sets, model: str, folder: Path) -> dict[str, list[int]]:
    """A model's held-out problems solved greedily, in `folder/held-out`; sampled attempts stand there alone.

    Returns:
        Under `right`, 0 or 1 for each problem.
    """
    settings = recipe.rounds.testing(recipe.training.seed, sets.held_out.name)
    place, rounds = folder / "held-out", recipe.rounds
    evaluate(model, [sets.held_out], settings, place, rounds.backend, back_end_options(recipe), grader=rounds.grader)
    right_P = read_run(place).right(sets.held_out.name, rounds.mode, "greedy")[:, 0]
    print(f"{folder.name}: {right_P.mean():.1%} of {len(right_P)} held-out problems", flush=True)
    return {"right": [int(value) for value in right_P]}


def back_end_options(recipe: BootstrapRecipe) -> dict[str, Any]:
    """The back end's options: as the recipe has the model spoken to."""
    training, rounds = recipe.training, recipe.rounds
    given = {
        "chat_template_kwargs": training.chat_template_kwargs,
        "system_role": training.system_role,
        "date": str(training.date) if training.date else None,
        "thought_tags": training.thought_tags,
        "trust_remote_code": training.trust_remote_code or None,
        "batch_size": rounds.batch_size if rounds.backend == "transformers" else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _nothing(folder: Path, found: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {reason}" for reason, count in found["rejected"].items())
    failed = f", {sum(found['failed'].values())} not generated" if found["failed"] else ""
    return (
        f"{folder}: none of {found['asked']} attempts is kept ({counts}{failed}); give easier problems "
        "(`treadle teach select`), more `samples`, or `help: answer`"
    )


def _hours(deadline: float | None) -> float | None:
    return None if deadline is None else max(1e-3, (deadline - time.monotonic()) / 3600)


def _check_time(deadline: float | None, number: int, resume_hint: str) -> None:
    if deadline is not None and time.monotonic() >= deadline:
        raise Interrupted(f"stopped by max_hours before round {number}; continue with {resume_hint}")
