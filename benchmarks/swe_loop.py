"""From experts' trajectories to resolved tasks: SFT and SRL on made tasks, measured on packages that were held out.

    python benchmarks/swe_loop.py --model FOLDER --out runs/swe-loop --minutes 8

Makes tasks and experts' trajectories from eight packages, two of them held out; trains each arm for the same minutes on
the experts' steps; plays the mode `agent` on held-out tasks in the sandbox, grades by the tests, and asks for the
expert's next step at each of its steps there. Printed: similarity with its floor, exact steps, well-formed calls, what
episodes did, resolved tasks, with 95% intervals over tasks; and the claims, tested in pairs with Holm's correction.
What is done is not done again: a stop loses at most the steps since a checkpoint. `--only-tasks` ends with the
trajectories.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import swe_loop_figures as figures
import torch
import yaml

from treadle.check.numbers import multiplies_bfloat16
from treadle.data.prepared import Prepared
from treadle.evaluate.swe.validate import read_validations, validation_file
from treadle.recipe.reading import parse_recipe
from treadle.recipe.shown import shown_of

PACKAGES = (
    *("toolz==1.0.0", "cachetools==5.5.0", "more-itertools==10.5.0", "isodate==0.7.2"),
    *("semver==3.0.2", "parse==1.20.2", "wcwidth==0.2.13", "idna==3.7"),
)
SEED_OF_TASKS = 4  # holds out toolz and cachetools
CONTEXT = 2  # pairs of action and observation
OBSERVATION_TOKENS, OBSERVATION_CHARS = 400, 1500  # of the experts in training, of agents
STEP_TOKENS, PROMPT_TOKENS = 160, 4000
# An arm that learns nothing is measured all the same.
COMMON = {"micro_batch": 4, "gradient_checkpointing": False, "save_every": 5, "allow_no_change": True}
SFT = {"kind": "sft", "unit": "steps", "target": "actions", "batch_size": 8, "learning_rate": 1e-4, "epochs": 100}
SFT |= {"scheduler": "constant_with_warmup", "warmup_ratio": 0.0}
SRL = {"kind": "srl", "reward": "margin", "think_tags": "optional", "max_completion_length": STEP_TOKENS}
SRL |= {"prompts_per_step": 4, "rollouts": 8, "micro_batch": 32, "learning_rate": 3e-5, "max_steps": 100_000}
SRL |= {"max_sampling_rounds": 2, "save_every": 2, "max_format_fault_steps": None, "max_collapsed_steps": None}
SRL |= {"trl": {"max_tree_tokens": 6000}}
ARMS = {figures.SFT: [SFT], figures.SRL: [SFT, SRL]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, for every arm")
    parser.add_argument("--tasks", type=int, default=136, help="to make, over all packages")
    parser.add_argument("--test", type=int, default=12, help="tasks of the test, by turns of the held-out packages")
    parser.add_argument("--packages", nargs="*", default=list(PACKAGES))
    parser.add_argument("--tasks-seed", type=int, default=SEED_OF_TASKS, help="chooses bugs and held-out packages")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="bfloat16" if _multiplies_bfloat16() else "float32")
    parser.add_argument("--lora", type=int, default=0, help="rank of an adapter; 0 trains all weights")
    parser.add_argument("--arms", nargs="*", default=[figures.BASE, *ARMS], choices=[figures.BASE, figures.HALF, *ARMS])
    parser.add_argument("--only-tasks", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    _make(args)
    if args.only_tasks:
        return
    chosen = _prepare(args)
    scores: dict[str, figures.Values] = {}
    for name in args.arms:
        scores[name] = _scores(args, name, _model(args, name), chosen)
        _say_what(args, chosen)
        figures.show(scores, len(chosen))


def _say_what(args: argparse.Namespace, chosen: list[str]) -> None:
    floor, train = Prepared(args.out / f"test-{len(chosen)}").floor, Prepared(args.out / "train")
    print(
        f"\n{args.minutes:g} minutes of training on {train.count('instances')} steps of {train.count('trajectories')} "
        f"experts, {args.threads} threads, seed {args.seed}; {len(chosen)} tasks of held-out packages; floor of "
        f"similarity {'not known' if floor is None else f'{floor:.3f}'}"
    )


def _multiplies_bfloat16() -> bool:
    return torch.accelerator.is_available() or multiplies_bfloat16()


def _treadle(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "treadle.cli", *arguments], check=True)


def _make(args: argparse.Namespace) -> None:
    """Tasks and experts' trajectories; the held-out tasks are validated."""
    done, tasks = args.out / "made.json", args.out / "tasks"
    asked = {"packages": args.packages, "seed": args.tasks_seed, "tasks": args.tasks}
    if done.is_file() and json.loads(done.read_text()) == asked:
        return
    options = ("--seed", str(args.tasks_seed), "-n", str(args.tasks), "--cache", str(args.out / "cache"))
    experts = ("--trajectories", str(args.out / "experts.jsonl"))
    _treadle("swe", "tasks", *args.packages, *options, "-o", str(tasks), *experts)
    subprocess.run(  # its exit code says that some do not validate: they are left out by name
        [sys.executable, "-m", "treadle.cli", "swe", "validate", str(tasks), "--split", "test", *options[-2:]],
        check=False,
    )
    done.write_text(json.dumps(asked))


def _prepare(args: argparse.Namespace) -> list[str]:
    """The steps of the experts, and the ids of the tasks of the test: by turns of the packages that are held out."""
    experts = list(figures.lines(args.out / "experts.test.jsonl"))
    valid = {name for name, one in read_validations(validation_file(args.out / "tasks")).items() if one.valid}
    by_package: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in experts:
        if row["instance_id"] in valid:
            by_package[row["instance_id"].split("__")[0]].append(row)
    turns = chain.from_iterable(zip_longest(*(by_package[name] for name in sorted(by_package))))
    test = [row for row in turns if row is not None][: args.test]
    file = args.out / f"test-{len(test)}.jsonl"
    if not file.is_file():
        file.write_text("".join(f"{json.dumps(row)}\n" for row in test))
    options = ("--context", str(CONTEXT), "--targets", "all", "--held-out", "0", "--tokenizer", str(args.model))
    options += ("--observation-tokens", str(OBSERVATION_TOKENS))
    for source, name in ((args.out / "experts.jsonl", "train"), (file, file.stem)):
        if not (args.out / name / "report.json").is_file():
            _treadle("prepare", str(source), "-o", str(args.out / name), *options)
    return [row["instance_id"] for row in test]


def _recipe(args: argparse.Namespace, name: str, stages: list[dict[str, Any]]) -> dict[str, Any]:
    recipe = {
        "model": str(args.model),
        "data": str(args.out / "train"),
        "output": str(args.out / _slug(name)),
        "seed": args.seed,
        "dtype": args.dtype,
        "threads": args.threads,
        "prompts": {"examples": 0, "think": False},
        "stages": [{**COMMON, **stage, "minutes": args.minutes / len(stages)} for stage in stages],
    }
    return recipe | ({"lora": {"r": args.lora, "alpha": 2 * args.lora}} if args.lora else {})


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _model(args: argparse.Namespace, name: str) -> str:
    """The folder of an arm's model, trained where it is not there."""
    if name == figures.BASE:
        return str(_as_asked(args))
    arm = figures.SRL if name == figures.HALF else name
    stages = ARMS[arm]
    folders = [args.out / _slug(arm) / f"{n}-{stage['kind']}" / "model" for n, stage in enumerate(stages, 1)]
    if not folders[-1].is_dir():
        file = args.out / f"{_slug(arm)}.yaml"
        file.write_text(yaml.safe_dump(_recipe(args, arm, stages)))
        _treadle("train", str(file))
    return str(folders[0] if name == figures.HALF else folders[-1])


def _as_asked(args: argparse.Namespace) -> Path:
    """A folder of the model as it came, which is asked as those that were trained."""
    folder = args.out / "base-model"
    if not (folder / "treadle_chat.json").is_file():
        folder.mkdir(exist_ok=True)
        for file in args.model.resolve().iterdir():
            (folder / file.name).unlink(missing_ok=True)
            (folder / file.name).symlink_to(file)
        asking = shown_of(parse_recipe(_recipe(args, figures.BASE, [SFT])), Prepared(args.out / "train")).asking
        (folder / "treadle_chat.json").write_text(json.dumps({"prompts": asking.record()}))
    return folder


def _scores(args: argparse.Namespace, name: str, model: str, chosen: list[str]) -> figures.Values:
    """An arm's steps, episodes and verdicts; what is there already is read."""
    place = args.out / "test-runs" / f"{_slug(name)}-{len(chosen)}"
    steps, agent, grades = place / "steps", place / "agent", place / "grades"
    tasks = str(args.out / "tasks")
    only = [word for task in chosen for word in ("--instance", task)]
    if not (steps / "results.json").is_file():
        data = ("--data", f"swe={args.out / f'test-{len(chosen)}'}", "--split", "train", "--dtype", args.dtype)
        length = ("--max-step-tokens", str(STEP_TOKENS), "--batch-size", "64")
        _treadle("evaluate", model, *data, *length, "--mode", "steps", "-o", str(steps))
    if not (agent / "summary.json").is_file():
        limits = (
            "--max-steps",
            str(figures.MOST_STEPS),
            "--max-step-tokens",
            str(STEP_TOKENS),
            "--context",
            str(CONTEXT),
        )
        limits += ("--max-prompt-tokens", str(PROMPT_TOKENS), "--observation-chars", str(OBSERVATION_CHARS))
        how = ("--mode", "agent", "--dtype", args.dtype, "--together", "16", "--workers", "2", "--batch-size", "16")
        where = ("--tasks", tasks, "--split", "test", "--cache", str(args.out / "cache"), "-o", str(agent))
        _treadle("swe", "run", model, *where, *how, *limits, *only)
    if not (grades / "results.json").is_file():
        where = ("--tasks", tasks, "--split", "test", "--cache", str(args.out / "cache"), "-o", str(grades))
        _treadle("swe", "grade", str(agent), *where, *only)
    return figures.values(steps, agent, grades, chosen)


if __name__ == "__main__":
    main()
