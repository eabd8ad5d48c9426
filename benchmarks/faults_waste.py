"""Rollouts that are never trained on, by how prompts are refilled and whether surplus groups wait.

    python benchmarks/faults_waste.py [--steps 12] [--rounds 4]

SRL on the miniature model and the quick start's kind of data (all candidates, hard or not), the same seed and number of
optimizer steps each time. Of the groups that were sampled some carry no signal and are dropped in any case; what a
further round brings more than is missing is thrown away, unless it waits for the next step (`max_staleness=1`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

from treadle.miniature.arms import SRL, Demonstrations
from treadle.miniature.problems import candidates, write_data
from treadle.recipe import stages
from treadle.recipe.reading import parse_recipe

CASES = (("missing", 0), ("expected", 0), ("expected", 1), ("full", 0), ("full", 1))


def measure(refill: str, staleness: int, steps: int, rounds: int, data: Path, folder: Path) -> dict[str, float]:
    """Train, and count what `metrics.jsonl` tells of each step."""
    stage = {**SRL, "max_steps": steps, "max_sampling_rounds": rounds, "refill": refill, "max_staleness": staleness}
    recipe = {"model": "miniature", "data": str(data), "output": str(folder), "dtype": "float32", "threads": 1}
    began = time.monotonic()
    stages.run(parse_recipe({**recipe, "stages": [stage]}), quiet=True)
    seconds = time.monotonic() - began
    logs = [json.loads(line) for line in (folder / "1-srl" / "metrics.jsonl").open()]
    logs = [log for log in logs if "loss" in log]
    rollouts = [json.loads(line) for line in (folder / "1-srl" / "rollouts.jsonl").open()]
    last = logs[-1]["sampling/surplus_groups"]  # would be used by the step after the last
    thrown = sum(log["sampling/thrown_away_groups"] + log["sampling/expired_groups"] for log in logs)
    trained = sum(log["sampling/kept_groups"] for log in logs)
    dropped = sum(not r["kept"] for r in rollouts)
    assert trained + thrown + last + dropped == len(rollouts), "every group is trained on, waits, or is counted"
    return {
        "sampled": len(rollouts),
        "dropped": dropped / len(rollouts),
        "thrown": thrown / len(rollouts),
        "rounds": sum(log["sampling/rounds"] for log in logs) / len(logs),
        "short": sum(log["sampling/missing_groups"] for log in logs) / len(logs),
        "seconds": seconds,
    }


def checkpoint_share(steps: int = 8) -> float:
    """Share of the time of SRL on the miniature that goes into checkpoints where every step is followed by one."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        write_data(candidates(0, 0, 100), data, Demonstrations())
        stage = {**SRL, "max_steps": steps, "save_every": 1}
        recipe = {"model": "miniature", "data": str(data), "output": f"{scratch}/run", "dtype": "float32", "threads": 1}
        stages.run(parse_recipe({**recipe, "stages": [stage]}), quiet=True)
        logs = [json.loads(line) for line in (Path(scratch) / "run" / "1-srl" / "metrics.jsonl").open()]
    phases = Counter()
    for log in logs[1:]:  # a line holds the checkpoint of the step before
        phases.update({key: value for key, value in log.items() if key.startswith("seconds/")})
    return phases["seconds/save"] / phases.total()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args(arguments)
    print("\nrollouts never trained on, SRL on the miniature,", f"{options.steps} steps of {SRL['prompts_per_step']}:")
    print("| refill | surplus | groups sampled | no signal | thrown away | rounds a step | groups short a step | s |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        write_data(candidates(0, 0, 100), data, Demonstrations())
        for refill, staleness in CASES:
            folder = Path(scratch) / f"{refill}-{staleness}"
            found = measure(refill, staleness, options.steps, options.rounds, data, folder)
            waits = "waits a step" if staleness else "thrown away"
            print(
                f"| {refill} | {waits} | {found['sampled']} | {found['dropped']:.1%} | {found['thrown']:.1%} "
                f"| {found['rounds']:.2f} | {found['short']:.2f} | {found['seconds']:.0f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
