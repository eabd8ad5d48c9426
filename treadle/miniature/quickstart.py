"""`treadle quickstart`: all arms on the miniature world, through the same stages and evaluation as real runs.

Arms that do not wait for each other run side by side, one process and one thread each. What is finished is
kept: a second call continues, or only prints the results again.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from treadle.errors import OutputError
from treadle.files.locks import INSIDE
from treadle.files.output import check_out, make_empty, owned
from treadle.files.typed import read_object
from treadle.files.whole import writing
from treadle.miniature import another_base
from treadle.miniature.arms import Arm
from treadle.miniature.board import Board, Line
from treadle.miniature.jobs import Job, run_jobs
from treadle.miniature.products import read_hard, read_score, read_scores
from treadle.miniature.work import Scale, arm_jobs, write_json
from treadle.recipe.model_names import BASE, resolve

MARKER = "quickstart.json"
_ANOTHER = "choose another folder with -o, or replace it with --overwrite"


def run(
    out: Path,
    seeds: int = 1,
    full: bool = False,
    workers: int = 2,
    overwrite: bool = False,
    scale: Scale | None = None,
    base: Path | None = None,
) -> dict[str, Any]:
    """Run the quick start and write `results.json`, `report.html` and all models into `out`.

    Args:
        seeds: Independent runs: other training problems, other sampling; the base and the test stay.
        full: Also the ablations, the oracle, and the main arms on another base.
        workers: Processes, each with one thread.
        overwrite: Start over.
        scale: How much is run.
        base: With `full`, the other base; by default it is made.

    Returns:
        What `results.json` holds.

    Raises:
        OutputError: `out` holds something else, cannot be written, or is being written by another command; there is no
            `base`.
    """
    started = time.monotonic()
    with owned(out), writing(out, "What is finished is kept"):
        if overwrite:
            check_out(out, overwrite, MARKER)
            make_empty(out, MARKER)
        return _run(out, seeds, full, workers, scale or Scale(), base, started)


def _run(
    out: Path, seeds: int, full: bool, workers: int, scale: Scale, base: Path | None, started: float
) -> dict[str, Any]:
    from treadle.miniature.problems import write_held_out
    from treadle.miniature.report import write_report

    claim_folder(out, scale)
    if base is not None:
        another_base.take(base, out)
    write_held_out(out / "held-out.jsonl", scale.held_out)
    arms = [arm for arm in scale.arms if full or not arm.full]
    jobs = _jobs(out, arms, scale, seeds, full)
    _check_done(jobs, scale)
    earlier = time_of(out / "results.json", jobs)
    resumed = any(job.done() for job in jobs)
    with Board({job.name: Line(job.title, job.metrics, job.steps) for job in jobs}) as board:
        run_jobs(jobs, workers, board)
    from treadle.miniature import ablations, results
    from treadle.miniature.claims import as_lines, claims

    scores = read_scores(out, arms, seeds, scale.held_out)
    found = ablations.read(out, arms, scale, seeds) if full else None
    floors = results.floors(out, seeds)
    summary = {
        "arms": results.arm_rows(scores),
        "similarity_floor": floors,
        "claims": claims(scores, found.prefixes if found else ()),
        **(found.summary() if found else {}),
        **(earlier or {"seconds": round(time.monotonic() - started, 1), "resumed": resumed}),
        "seeds": seeds,
        "versions": {name: version(name) for name in ("treadle", "torch", "transformers", "trl")}
        | {"python": platform.python_version()},
        "commit": _commit(),
    }
    write_json(out / "results.json", summary)
    write_report(out, scores, summary, found)
    print(f"\n{results.as_markdown(results.table(scores), floors)}\n\n{as_lines(summary['claims'])}")
    if found:
        print(f"\n{found.as_markdown()}")
    print(f"\n{took(summary, bool(earlier))}; figures in {out / 'results.json'}, pictures in {out / 'report.html'}")
    return summary


def _jobs(out: Path, arms: Sequence[Arm], scale: Scale, seeds: int, full: bool) -> list[Job]:
    """All of a seed before the next one, so that an early stop leaves whole seeds; the base that takes long first."""
    jobs = [another_base.making(out, scale.pretraining)] if full else []
    for seed in range(seeds):
        jobs += arm_jobs(arms, scale, seed, out / f"seed-{seed}")
        if full:
            place = out / another_base.FOLDER / f"seed-{seed}"
            jobs += arm_jobs(another_base.arms_on_it(arms), scale, seed, place, another_base.start(out))
    return jobs


def time_of(file: Path, jobs: Sequence[Job]) -> dict[str, Any] | None:
    """What `results.json` says of the time that a finished run took; `None` where something is left to do."""
    if not file.is_file() or not all(job.done() for job in jobs):
        return None
    before = read_object(file, _ANOTHER)
    known = isinstance(before.get("seconds"), float) and isinstance(before.get("resumed"), bool)
    return {name: before[name] for name in ("seconds", "resumed")} if known else None


def took(summary: Mapping[str, Any], finished: bool) -> str:
    """The time of a run in words.

    Args:
        summary: With `seconds`, and whether a part was done before (`resumed`).
        finished: Whether nothing was left to do.
    """
    seconds = f"{summary['seconds']:.0f} s"
    said = f"{seconds} this time, a part was done before" if summary["resumed"] else f"{seconds} in all"
    return f"finished before, nothing was left to do ({said})" if finished else said


def claim_folder(out: Path, scale: Scale) -> None:
    """Results of another version of the arms or of the base must not be mixed with these."""
    weights = (Path(resolve(BASE)) / "model.safetensors").read_bytes()
    mark = {"scale": repr(scale), "base": hashlib.sha256(weights).hexdigest(), "treadle": version("treadle")}
    file = out / MARKER
    if out.exists() and any(path.name != INSIDE for path in out.iterdir()):
        known = read_object(file, _ANOTHER) if file.is_file() else None
        if known != mark:
            raise OutputError(f"{out}: holds something else than this version's quick start; {_ANOTHER}")
    write_json(file, mark)


def _check_done(jobs: list[Job], scale: Scale) -> None:
    """Raise `OutputError` for a damaged result of a job that was done before, before another takes hours."""
    for product in (job.product for job in jobs if job.done()):
        if product.name == "score.json":
            read_score(product, scale.held_out)
        elif product.name.startswith("hard-"):
            read_hard(product, scale.screened)


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
