"""Learning curves of the quick start's small model under each reward of a step: solving in the loop, by optimizer step.

    python benchmarks/miniature_rewards.py --out runs/miniature-rewards [--seeds 0 1 2] [--steps 40] [--every 5]

Its actions share their form, so that a step's similarity begins at 0.9. Each arm is the quick start's SRL stage with
another `reward`, longer, on the same demonstrations. Every few steps the model solves 100 validation problems step by
step, greedily; these are neither trained on nor the quick start's test. Printed are the curves, the mean reward at the
beginning and at the end, and the first step at which 95% are solved. It goes on where it was interrupted; an arm of 40
steps takes two to four minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from treadle.data.prepared import Prepared
from treadle.evaluate.backends import TransformersBackend
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.solving import judge, solve
from treadle.evaluate.turns import Turns
from treadle.miniature.arms import SRL, Arm, Demonstrations, recipe_of
from treadle.miniature.problems import as_tasks, held_out_problems
from treadle.miniature.scoring import MAX_STEPS, STEP_TOKENS
from treadle.miniature.work import Scale, demonstrations, screen
from treadle.recipe.build import build_trainer
from treadle.recipe.model_names import BASE, resolve
from treadle.recipe.reading import parse_recipe
from treadle.recipe.shown import shown_of
from treadle.recipe.training_data import training_rows
from treadle.scoring.answers import last_boxed

REWARDS = ("similarity", "margin", "scaled", "weighted")
PROBLEMS = 100
GOAL = 0.95


class Curve(TrainerCallback):
    """Solves the validation problems every few steps."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.points: dict[int, float] = {}
        self.rewards: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "reward" in logs:
            self.rewards.append(logs["reward"])

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._solve(0, **kwargs)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self.every == 0:
            self._solve(state.global_step, **kwargs)

    def _solve(self, step: int, model: Any, processing_class: Any, **kwargs: Any) -> None:
        tasks = as_tasks(held_out_problems(PROBLEMS, "validation"), "validation")
        settings = EvaluateSettings(max_step_tokens=STEP_TOKENS, max_steps=MAX_STEPS)
        state = torch.get_rng_state()
        backend = TransformersBackend(model, processing_class, batch_size=PROBLEMS)
        samples = solve(backend, tasks, "loop", "greedy", settings, Turns(), extract=last_boxed)
        judge(samples, tasks)
        model.train()
        torch.set_rng_state(state)
        self.points[step] = sum(bool(sample.right) for sample in samples) / len(samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--rewards", nargs="+", default=list(REWARDS), choices=REWARDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--every", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in args.seeds:
        data = _data(args.out / f"seed-{seed}", seed)
        for reward in args.rewards:
            found.setdefault(reward, []).append(_arm(args, data, seed, reward))
    _print(found, args)


def _data(folder: Path, seed: int) -> Path:
    data, scale = folder / "data-verbose", Scale()
    if not (data / "report.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        half = scale.screened // 2
        for part in range(2):
            screen(seed, part * half, (part + 1) * half, folder / f"hard-{part}.json")
        demonstrations(seed, scale, folder, data, Demonstrations())
    return data


def _arm(args: argparse.Namespace, data: Path, seed: int, reward: str) -> dict[str, Any]:
    output = args.out / f"seed-{seed}" / reward
    result = output / "curve.json"
    if not result.is_file():
        arm = Arm(reward, reward, {**SRL, "reward": reward, "max_steps": args.steps})
        recipe = parse_recipe(recipe_of(arm, BASE, data, output, seed))
        (stage,), prepared = recipe.stages, Prepared(data)
        curve = Curve(args.every)
        rows = training_rows(stage, prepared, shown_of(recipe, prepared))
        build_trainer(stage, recipe, resolve(BASE), rows, output / "1-srl", [curve]).train()
        result.write_text(json.dumps({"points": curve.points, "rewards": curve.rewards}))
    found = json.loads(result.read_text())
    return {**found, "points": {int(step): share for step, share in found["points"].items()}}


def _print(found: dict[str, list[dict[str, Any]]], args: argparse.Namespace) -> None:
    steps = list(range(0, args.steps + 1, args.every))
    print(f"solved in the loop, mean of seeds {', '.join(map(str, args.seeds))} (smallest to largest)")
    print(f"| reward | {' | '.join(f'step {step}' for step in steps)} | first at {GOAL:.0%} | reward, first to last |")
    print(f"|---|{'---|' * len(steps)}---|---|")
    for reward, runs in found.items():
        shares = [[run["points"][step] for run in runs] for step in steps]
        cells = [f"{sum(of_step) / len(of_step):.2f} ({min(of_step):.2f} to {max(of_step):.2f})" for of_step in shares]
        first = [next((str(s) for s in steps if run["points"][s] >= GOAL), "never") for run in runs]
        ends = [sum(run["rewards"][at] for run in runs) / len(runs) for at in (0, -1)]
        print(f"| {reward} | {' | '.join(cells)} | {', '.join(first)} | {ends[0]:.2f} to {ends[1]:.2f} |")


if __name__ == "__main__":
    main()
