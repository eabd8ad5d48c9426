"""From nothing to a table: `python -m examples.supply_chain.study [OUT]`, from the repository's folder.

Experts are made and prepared with a check that each replays; a small base is pretrained on other instances' mostly
hasty plans; SFT, RLVR, SRL and SRL then RLVR train it for the same time on the clock; all are evaluated in the loop
with the environment on instances that nothing was trained or chosen on.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from examples import scratch
from examples.arms import ORDER, SOLVED, Arm, Study, as_table, four_ways, similarity, success, treadle
from examples.supply_chain import make, sheets
from examples.supply_chain.world import World
from treadle.domains.domain import Task
from treadle.files.whole import write_whole
from treadle.statistics.estimates import wilson

DOMAIN = "supply_chain"
SIZE = scratch.Size(hidden=96, layers=3, steps=4000, batch=16, micro_batches=1, learning_rate=4e-3)
STEP_TOKENS, PLAN_TOKENS = 40, 128

_TRAINING = {"micro_batch": 64, "adam_beta2": 0.95, "gradient_checkpointing": False, "allow_no_change": True}
_RL = {**_TRAINING, "learning_rate": 5e-4, "clip_high": 0.28, "max_sampling_rounds": 2, "max_steps": 10_000}
SFT = {**_TRAINING, "kind": "sft", "target": "traces", "unit": "both", "batch_size": 32, "micro_batch": 16}
SFT |= {"learning_rate": 5e-4, "warmup_ratio": 0.0, "scheduler": "constant", "epochs": 1000}
SRL = {**_RL, "kind": "srl", "prompts_per_step": 8, "max_completion_length": STEP_TOKENS}
RLVR = {**_RL, "kind": "rlvr", "prompts_per_step": 8, "max_completion_length": PLAN_TOKENS}


def arms(minutes: float) -> list[Arm]:
    """The arms, each with as many minutes of training on the clock; longest first."""
    return four_ways(SFT, RLVR, SRL, minutes)


def pretrain(out: Path, seed: int, steps: int) -> None:
    """Make the base, on plans for instances that are in no set."""
    plans = sheets.Plans(seed=seed).draw({task.problem for tasks in make.instances().values() for task in tasks})
    size = scratch.Size(**{**SIZE.__dict__, "steps": steps})
    tokenizer = scratch.build_tokenizer(sheets.texts(plans[:2000]), size.vocabulary, whole_numbers=True)

    def said(step: int, loss: float) -> None:
        print(f"base: step {step}, loss {loss:.3f}", flush=True)

    scratch.pretrain(out, partial(sheets.sheet, plans=plans), tokenizer, size, seed, said)


def gaps(scores: Path, benchmark: str) -> tuple[int, float | None]:
    """Of the greedy attempts in the loop, how many plans are complete, and the mean of their gaps to the optimum."""
    tasks = {row["id"]: Task(**row) for row in _rows(make.HERE / f"{benchmark.partition('/')[2]}.jsonl")}
    found = []
    for row in _rows(scores / SOLVED / "samples.jsonl"):
        if row["benchmark"] == benchmark and row["mode"] == "loop":
            gap = _gap(tasks[row["problem"]], row["steps"])
            found += [] if gap is None else [gap]
    return len(found), sum(found) / len(found) if found else None


def hasty_row(name: str) -> tuple[int, int, float]:
    """Of the hasty planner, without a model: right, of how many, mean gap."""
    tasks = [Task(**row) for row in _rows(make.HERE / f"{name}.jsonl")]
    found = [_gap(t, [action for _, action in make.FAMILIES[t.setup["family"]].hasty(t.setup)]) for t in tasks]
    return sum(gap <= 0.01 for gap in found), len(found), sum(found) / len(found)


def _gap(task: Task, actions: list[str]) -> float | None:
    """Of a complete plan, else `None`."""
    world = World()
    world.reset(task)
    for action in actions:
        world.step(action)
    return None if world.plan.missing else world.plan.cost / int(task.answer) - 1


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(study: Study, found: dict[str, Path], minutes: float, names: list[str], mode: str) -> str:
    """The table that the README shows."""
    head = ["arm", "seconds"]
    head += [text for name in names for text in (f"{name}: right", "complete", "mean gap of these")]
    whole = [f"{DOMAIN}/{names[0]}"] if mode == "both" else []
    head += [*["whole plan: right" for _ in whole], "next step: similarity"]
    by_name = {arm.name: arm for arm in arms(minutes)}
    rows = []
    for name in ORDER:
        arm, scores = by_name[name], found[name]
        row = [arm.title, f"{study.seconds(arm):.0f}" if arm.stages else "-"]
        for benchmark in names:
            complete, gap = gaps(scores, f"{DOMAIN}/{benchmark}")
            row += [success(scores, f"{DOMAIN}/{benchmark}"), str(complete), "-" if gap is None else f"{gap:.1%}"]
        rows.append([*row, *(success(scores, benchmark, "whole") for benchmark in whole), similarity(scores)[0]])
    hasty = ["hasty rule, no model", "-"]
    for benchmark in names:
        right, count, gap = hasty_row(benchmark)
        interval = wilson(right, count)
        hasty += [f"{right / count:.1%} [{interval.low:.1%}, {interval.high:.1%}]", str(count), f"{gap:.1%}"]
    floor = similarity(found["base"])[1]
    return as_table(head, [*rows, [*hasty, *["-" for _ in whole], "-"]]) + f"\n\nFloor of the similarity: {floor}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path("runs/supply_chain"))
    parser.add_argument("--seed", type=int, default=0, help="Of the base and of training; instances stay as they are.")
    parser.add_argument("--minutes", type=float, default=0.7, help="Of training, each arm.")
    parser.add_argument("--base-steps", type=int, default=SIZE.steps)
    parser.add_argument("--sets", nargs="+", default=["test", "larger"], help="Problem sets, of domain.yaml.")
    parser.add_argument(
        "--mode", choices=("loop", "both"), default="loop", help="both solves whole plans at once, too."
    )
    given = parser.parse_args()
    started, out = time.monotonic(), given.out
    torch.set_num_threads(2)

    make.write(out / "data")
    prepared = ["prepare", str(out / "data" / "experts.jsonl"), "-o", str(out / "prepared"), "--domain", str(make.HERE)]
    treadle(out / "prepare.log", *prepared, "--targets", "all", "--held-out", "40", "--overwrite")
    if not (out / "base" / "config.json").is_file():
        pretrain(out / "base", given.seed, given.base_steps)
    solved = ["--mode", given.mode, "--max-steps", "12", *(f"--benchmark={DOMAIN}/{name}" for name in given.sets)]
    solved += [f"--max-step-tokens={STEP_TOKENS}", f"--max-new-tokens={PLAN_TOKENS}"]
    study = Study(out, out / "base", out / "prepared", make.HERE, tuple(solved), given.seed)
    found = study.run(arms(given.minutes), said=lambda text: print(text, flush=True))
    print("\n" + (out / "prepare.log").read_text())
    text = table(study, found, given.minutes, given.sets, given.mode)
    text += f"\n\n{time.monotonic() - started:.0f} s in all."
    write_whole(out / "table.md", f"{text}\n")
    print(text)


if __name__ == "__main__":
    main()
