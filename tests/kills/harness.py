"""Kill `treadle train` at every moment there is, or at random, start it again, and compare with a run never killed.

    python -m tests.kills.harness FOLDER [--random KILLS] [--seed SEED]

Without `--random` one pipeline (SFT, SRL, RLVR) is killed once at each of `CHAIN`, and a run of two processes twice.
What was found is printed, and written to `FOLDER/kills.json`; the exit code is 1 if anything differs. With `--random`,
runs are killed after random times until so many kills were survived.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.kills.runs import RLVR, SFT, SHARED, SRL, Ended, differences, train, write_inputs, write_recipe

PIPELINE = [SFT, SRL, RLVR]
PAIR = [{**SHARED, "kind": "srl", "max_steps": 4, "save_every": 1, "micro_batch": 2, "think_tags": "optional"}]

# In the order in which one run comes to them. SFT saves after steps 2, 4, 5; SRL, whose generations serve two steps,
# after 3 and 6; RLVR after 2, 4, 6.
CHAIN = [
    ("stage.json", 2),
    ("update", 3),
    ("checkpoint write", 1),
    ("sealing", 1),
    ("publishing", 1),
    ("rotating", 1),
    ("metrics line", 2),
    ("random state write", 1),
    ("removing", 1),
    ("summary", 1),
    ("model write", 1),
    ("between stages", 1),
    ("rollout", 2),
    ("rollouts line", 2),
    ("gradient", 4),
    ("loading", 1),
    ("reward", 6),
]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the kills and return what was found: see `chain` and `at_random`; `differing` is empty if all is well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--random", type=int, metavar="KILLS", default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    inputs = multiprocessing.get_context("fork").Process(target=write_inputs, args=(folder,))
    inputs.start()
    inputs.join()
    found = at_random(folder, options.random, options.seed) if options.random else chain(folder)
    (folder / "kills.json").write_text(json.dumps(found, indent=1) + "\n")
    return found


def chain(folder: Path) -> dict[str, Any]:
    """One run killed at each moment in turn, and one of two processes."""
    straight = _straight(folder, "straight", PIPELINE)
    recipe = write_recipe(folder, "killed", PIPELINE)
    kills = [(moment, train(recipe, moment=moment)[0]) for moment in CHAIN]
    kills.append(("end", train(recipe)[0]))
    found = _summary([ended for _, ended in kills], differences(folder / "killed", folder / "straight"))
    for moment, ended in kills[:-1]:
        if ended.code != -signal.SIGKILL:
            found["differing"].append(f"not killed at {moment}: exit code {ended.code}")
    pair = _pair(folder)
    found["differing"] += pair["differing"]
    return {**found, "straight_seconds": straight, "pair": pair}


def _pair(folder: Path) -> dict[str, Any]:
    """Two processes under DDP: both killed at once, then one of them alone."""
    _straight(folder, "pair", PAIR, processes=2)
    recipe = write_recipe(folder, "pair-killed", PAIR)
    both = train(recipe, moment=("reward", 5), processes=2)
    began = time.monotonic()
    one = train(recipe, moment=("gradient", 2), processes=2, struck=1)
    waited = time.monotonic() - began
    last = train(recipe, processes=2)
    found = differences(folder / "pair-killed", folder / "pair")
    for name, ended in (("both", both), ("one", one[1:])):
        if {process.code for process in ended} != {-signal.SIGKILL}:
            found["differing"].append(f"pair, {name}: {ended}")
    if [process.code for process in last] != [0, 0]:
        found["differing"].append(f"pair, end: {last}")
    return {**found, "other_process_ended_with": one[0].code, "seconds_until_it_ended": round(waited, 1)}


def at_random(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Runs killed after random times until `kills` kills were survived by runs that then ended as they should."""
    seconds = _straight(folder, "straight", PIPELINE)
    draw = random.Random(seed)
    found, survived, runs, ends = {"differing": [], "bytes_lost": 0}, 0, 0, []
    while survived < kills and not found["differing"]:
        runs += 1
        recipe = write_recipe(folder, f"random-{runs}", PIPELINE)
        killed = 0
        while True:
            wanted = survived + killed < kills
            (ended,) = train(recipe, after=draw.uniform(0, seconds) if wanted else None)
            ends.append(ended)
            if ended.code == 0:
                break
            killed += 1
            if ended.code != -signal.SIGKILL:
                found["differing"].append(f"run {runs} ended with {ended.code}, see {recipe.with_suffix('.log0')}")
                break
        one = differences(folder / f"random-{runs}", folder / "straight")
        found["differing"] += [f"run {runs}: {what}" for what in one["differing"]]
        found["bytes_lost"] += one["bytes_lost"]
        survived += killed
        print(f"{survived} kills survived in {runs} runs", file=sys.stderr, flush=True)
    return {**_summary(ends, found), "runs": runs, "seed": seed, "straight_seconds": seconds}


def _straight(folder: Path, name: str, stages: list[dict[str, Any]], processes: int = 1) -> float:
    """A run that is not killed; returns its seconds."""
    began = time.monotonic()
    ended = train(write_recipe(folder, name, stages), processes=processes)
    if {process.code for process in ended} != {0}:
        raise SystemExit(f"the run that is not killed failed: {ended}; see {folder / name}.log0")
    return round(time.monotonic() - began, 1)


def _summary(ends: list[Ended], found: dict[str, Any]) -> dict[str, Any]:
    """Kills survived, bytes lost, and the longest time from a start, imports not counted, to the first new step."""
    if ends[-1].code != 0:
        found["differing"].append(f"the last start ended with {ends[-1].code}")
    resumed = [ended.first_step for ended in ends if ended.first_step is not None]
    survived = sum(ended.code == -signal.SIGKILL for ended in ends)
    return {"kills_survived": survived, **found, "longest_seconds_to_a_new_step": round(max(resumed), 2)}


if __name__ == "__main__":
    result = main()
    print(json.dumps(result, indent=1))
    sys.exit(bool(result["differing"]))
