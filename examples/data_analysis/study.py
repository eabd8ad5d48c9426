"""From nothing to a table: `python -m examples.data_analysis.study [OUT]`, from the repository's folder.

Questions are made and prepared with a check that every expert's trajectory replays; a small base is pretrained on
mostly careless sheets; SFT, RLVR, SRL and SRL then RLVR train it; all are evaluated in the loop with the environment,
on other questions of the families that were learned and on families that were not.

The arms are trained for the same time on the clock, so that a busy machine gives them fewer steps than an idle one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from examples import scratch
from examples.arms import ORDER, SOLVED, STEPS, Arm, Study, as_table, four_ways, percent, similarity, success, treadle
from examples.data_analysis import make, sheets

HERE = Path(__file__).parent
SIZE = scratch.Size(
    hidden=96, layers=3, spread=0.1, vocabulary=1000, learning_rate=3e-3, steps=2600, batch=8, micro_batches=1
)
STEP_TOKENS, SOLUTION_TOKENS, MOST_STEPS = 48, 192, 8
SETS = ["known", "held_out"]

_TRAINING = {"micro_batch": 64, "adam_beta2": 0.95, "gradient_checkpointing": False, "allow_no_change": True}
_TRAINING |= {"scheduler": "constant", "warmup_ratio": 0.0}
_RL = {**_TRAINING, "learning_rate": 3e-4, "clip_high": 0.28, "max_sampling_rounds": 2, "max_steps": 10_000}
SFT = {**_TRAINING, "kind": "sft", "target": "actions", "unit": "both", "batch_size": 32, "micro_batch": 16}
SFT |= {"learning_rate": 5e-4, "epochs": 1000}
SRL = {**_RL, "kind": "srl", "prompts_per_step": 16, "max_completion_length": STEP_TOKENS}
RLVR = {**_RL, "kind": "rlvr", "prompts_per_step": 8, "max_completion_length": SOLUTION_TOKENS}


def arms(minutes: float) -> list[Arm]:
    """The arms, each with as many minutes of training on the clock; longest first."""
    return four_ways(SFT, RLVR, SRL, minutes)


def pretrain(out: Path, seed: int, steps: int) -> None:
    """Make the base."""
    size = scratch.Size(**{**SIZE.__dict__, "steps": steps})
    tokenizer = scratch.build_tokenizer(sheets.texts(), size.vocabulary)

    def said(step: int, loss: float) -> None:
        print(f"base: step {step} of {steps}, loss {loss:.3f}", flush=True)

    scratch.pretrain(out, sheets.sheet, tokenizer, size, seed, said)


def prepare(out: Path) -> str:
    """Make the questions and prepare each file; what `treadle prepare` says of the replay, a line a file."""
    make.write(out / "questions")
    said = []
    for use in make.USES:
        given = ["prepare", str(out / "questions" / f"{use.name}.jsonl"), "-o", str(out / "data" / use.name)]
        held_out = "0.05" if use.name == "experts" else "0"
        log = out / "data" / f"{use.name}.log"
        treadle(log, *given, "--domain", str(HERE), "--targets", "all", "--held-out", held_out, "--overwrite")
        said += [f"{use.name}: {line}" for line in log.read_text().splitlines() if line.startswith("environment:")]
    return "\n".join(said)


def table(study: Study, found: dict[str, Path], minutes: float, names: Sequence[str]) -> str:
    """The table that the README shows."""
    count = _results(found["base"], SOLVED)["benchmarks"]
    head = ["arm", "seconds"]
    head += [f"{name}, in the loop (n = {count[name]['problems']})" for name in names]
    head += [f"{name}, whole" for name in names] + ["next step: similarity", "exact"]
    rows, by_name = [], {arm.name: arm for arm in arms(minutes)}
    for name in ORDER:
        arm = by_name[name]
        steps = _results(found[name], STEPS)["steps"]
        rows.append(
            [
                arm.title,
                f"{study.seconds(arm):.0f}" if arm.stages else "-",
                *(success(found[name], each, mode) for mode in ("loop", "whole") for each in names),
                percent(steps["similarity"]),
                percent(steps["exact"]),
            ]
        )
    return f"{as_table(head, rows)}\n\nFloor of the similarity: {similarity(found['base'])[1]}."


def _results(scores: Path, evaluation: str) -> dict[str, Any]:
    return json.loads((scores / evaluation / "results.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path("runs/data_analysis"))
    parser.add_argument("--seed", type=int, default=0, help="Of the base and of training; questions stay as they are.")
    parser.add_argument("--minutes", type=float, default=0.7, help="Of training, each arm.")
    parser.add_argument("--base-steps", type=int, default=SIZE.steps)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=[use.name for use in make.USES], help="To evaluate.")
    given = parser.parse_args()
    started, out = time.monotonic(), given.out
    torch.set_num_threads(2)
    replayed = prepare(out)
    print(replayed, flush=True)
    if not (out / "base" / "config.json").is_file():
        pretrain(out / "base", given.seed, given.base_steps)
    evaluated = ["--mode", "both", "--split", "train"]
    evaluated += [text for name in given.sets for text in ("--data", f"{name}={out / 'data' / name}")]
    evaluated += ["--max-step-tokens", str(STEP_TOKENS), "--max-new-tokens", str(SOLUTION_TOKENS)]
    evaluated += ["--max-steps", str(MOST_STEPS)]
    study = Study(out, out / "base", out / "data" / "experts", HERE, tuple(evaluated), given.seed)
    found = study.run(arms(given.minutes), said=lambda text: print(text, flush=True))
    shown = table(study, found, given.minutes, given.sets)
    (out / "table.md").write_text(f"{replayed}\n\n{shown}\n")
    print(f"\n{shown}\n\n{time.monotonic() - started:.0f} s in all; also in {out / 'table.md'}")


if __name__ == "__main__":
    main()
