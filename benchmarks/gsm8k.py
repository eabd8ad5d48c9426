"""The paper's comparison on a small real model: SFT, RLVR, SRL, and SRL then RLVR on GSM8K, a line a step.

    python benchmarks/gsm8k.py --model FOLDER --data gsm8k_train_2000.jsonl --out runs/gsm8k

Problems are split by a hash of their text: 300 for the test, which nothing is chosen on, and the others for training.
A warm-up teaches the format; from its model every arm trains for the same number of minutes, and RLVR after SRL for the
second half of them. All models solve the test problems (greedily, and `--samples` of each) and give the expert's next
step at each of their steps. Printed: accuracy with the answer in a box and with any final number, similarity and
exactness of steps, share of well-formed steps, tokens, with 95% intervals over problems; and the claims of the paper,
tested in pairs with Holm's correction. What is done is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from treadle.check.numbers import multiplies_bfloat16
from treadle.data.prepared import Prepared
from treadle.recipe.reading import parse_recipe
from treadle.recipe.shown import shown_of
from treadle.scoring.answers import final_answer
from treadle.scoring.grading import Verdict, default_grader
from treadle.statistics.intervals import mean_interval
from treadle.statistics.paired import corrected, paired_test

STEP_TOKENS, SOLUTION_TOKENS = 64, 240
VALIDATION = 100  # problems; what was chosen, was chosen on these
CALCULATION = re.compile(r"<<[^=<>]+=([^<>]+)>>")
RL = {"prompts_per_step": 8, "rollouts": 8, "micro_batch": 64, "learning_rate": 2e-5, "max_steps": 100_000}
SRL = {"kind": "srl", "reward": "margin", "think_tags": "optional", "max_completion_length": STEP_TOKENS, **RL}
RLVR = {"kind": "rlvr", "extract": "phrase", "max_completion_length": SOLUTION_TOKENS, **RL}
SFT = {"kind": "sft", "unit": "both", "batch_size": 16, "micro_batch": 4, "learning_rate": 2e-5, "epochs": 100}
SFT |= {"scheduler": "constant_with_warmup", "warmup_ratio": 0.0}
ARMS = {"SFT": [SFT], "RLVR": [RLVR], "SRL": [SRL], "SRL, then RLVR": [SRL, RLVR]}
WARMUP = {
    "kind": "warmup",
    "think_tags": "optional",
    "sampled_prompts": 256,
    "max_completion_length": STEP_TOKENS,
    "micro_batch": 8,
    "learning_rate": 5e-5,
}
CLAIMS = [
    ("SRL is better than SFT", "SRL", "SFT"),
    ("SRL is better than RLVR", "SRL", "RLVR"),
    ("SRL, then RLVR is better than RLVR", "SRL, then RLVR", "RLVR"),
    ("SRL, then RLVR is better than SRL", "SRL, then RLVR", "SRL"),
    ("SFT is better than the warm-up", "SFT", "warm-up"),
    ("SRL is better than the warm-up", "SRL", "warm-up"),
]
FIGURES = {
    "greedy": "greedy accuracy, any final number",
    "greedy_boxed": "greedy, boxed",
    "avg": "average of samples, any final number",
    "avg_boxed": "average of samples, boxed",
    "similarity": "step similarity",
    "exact": "step exact",
    "result": "step's result right",
    "format": "well-formed steps",
    "tokens": "tokens of a solution",
}
TESTED = ("greedy", "avg", "similarity", "result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--minutes", type=float, default=18.0, help="of training, for every arm")
    parser.add_argument("--test", type=int, default=300, help="problems of the test")
    parser.add_argument("--samples", type=int, default=4, help="of each test problem, beside the greedy solution")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="bfloat16" if _multiplies_bfloat16() else "float32")
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=list(ARMS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    _split(args)
    warm = _trained(args, "warm-up", str(args.model), [WARMUP])
    models = {"warm-up": warm}
    for name in args.arms:
        stages = [{**stage, "minutes": args.minutes / len(ARMS[name])} for stage in ARMS[name]]
        models[name] = _trained(args, name, warm, stages)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for name, model in models.items():
        scores[name] = _scores(args, name, model)
        _print(args, scores)
    for name, examples in (("base", 0), ("base, 2 examples", 2)):
        scores = {name: _scores(args, name, _as_asked(args, _slug(name), examples)), **scores}
        _print(args, scores)


def _multiplies_bfloat16() -> bool:
    return torch.accelerator.is_available() or multiplies_bfloat16()


def _split(args: argparse.Namespace) -> None:
    if (args.out / "test" / "report.json").is_file():
        return
    lines = [line.rstrip("\n") for line in args.data.open(encoding="utf-8") if line.strip()]
    lines.sort(key=lambda line: hashlib.sha256(json.loads(line)["question"].encode()).hexdigest())
    for name, part in (("test", lines[: args.test]), ("train", lines[args.test :])):
        (args.out / f"{name}.jsonl").write_text("\n".join(part) + "\n")
        held_out = str(VALIDATION if name == "train" else 0)
        rest = ("-o", str(args.out / name), "--targets", "all", "--held-out", held_out)
        _treadle("prepare", str(args.out / f"{name}.jsonl"), *rest)


def _treadle(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "treadle.cli", *arguments], check=True)


def _recipe(args: argparse.Namespace, name: str, model: str, stages: list[dict[str, Any]]) -> dict[str, Any]:
    common = {"gradient_checkpointing": False, "save_every": 10}
    return {
        "model": model,
        "data": str(args.out / "train"),
        "output": str(args.out / _slug(name)),
        "seed": args.seed,
        "dtype": args.dtype,
        "threads": args.threads,
        "prompts": {"examples": 0, "think": False},
        "stages": [{**common, **stage} for stage in stages],
    }


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _trained(args: argparse.Namespace, name: str, model: str, stages: list[dict[str, Any]]) -> str:
    last = args.out / _slug(name) / f"{len(stages)}-{stages[-1]['kind']}" / "model"
    if not last.is_dir():
        file = args.out / f"{_slug(name)}.yaml"
        file.write_text(yaml.safe_dump(_recipe(args, name, model, stages)))
        _treadle("train", str(file))
    return str(last)


def _as_asked(args: argparse.Namespace, name: str, examples: int) -> str:
    """A folder of the model as it came, which `treadle evaluate` asks as it asks those that were trained."""
    folder = args.out / name
    if not folder.is_dir():
        folder.mkdir()
        for file in args.model.resolve().iterdir():
            (folder / file.name).symlink_to(file)
        recipe = _recipe(args, name, str(args.model), [SRL])
        recipe["prompts"]["examples"] = examples
        asking = shown_of(parse_recipe(recipe), Prepared(args.out / "train")).asking
        (folder / "treadle_chat.json").write_text(json.dumps({"prompts": asking.record()}))
    return str(folder)


def _scores(args: argparse.Namespace, name: str, model: str) -> dict[str, dict[str, float]]:
    """Of each figure a value for each test problem."""
    run = args.out / "test-runs" / _slug(name)
    if not (run / "results.json").is_file():
        data = ("--data", f"gsm8k={args.out / 'test'}", "--split", "train", "--dtype", args.dtype)
        length = ("--max-new-tokens", str(SOLUTION_TOKENS), "--max-step-tokens", str(STEP_TOKENS))
        length += ("--samples", str(args.samples), "--batch-size", "256")
        # The whole solutions first: `all` would also solve in the loop, which takes five times as long.
        _treadle("evaluate", model, *data, *length, "--mode", "whole", "-o", str(run))
        _treadle("evaluate", model, *data, *length, "--mode", "steps", "-o", str(run.with_name(run.name + "-steps")))
    values: dict[str, dict[str, list[float]]] = {figure: defaultdict(list) for figure in FIGURES}
    samples = [json.loads(line) for line in (run / "samples.jsonl").open(encoding="utf-8")]
    found = [final_answer(sample["text"], "phrase") for sample in samples]
    lenient = default_grader().judge(found, [sample["reference"] for sample in samples])
    for sample, grade in zip(samples, lenient, strict=True):
        greedy, problem = sample["decoding"] == "greedy", sample["problem"]
        values["greedy" if greedy else "avg"][problem].append(float(grade.verdict is Verdict.RIGHT))
        values["greedy_boxed" if greedy else "avg_boxed"][problem].append(float(sample["verdict"] == "right"))
        values["tokens"][problem].append(sample["n_tokens"])
    steps = (run.with_name(run.name + "-steps") / "steps.jsonl").open(encoding="utf-8")
    for step in map(json.loads, steps):
        problem = step["trajectory_id"]
        values["similarity"][problem].append(step["similarity"])
        values["exact"][problem].append(float(step["exact"]))
        values["format"][problem].append(float(step["action"] is not None))
        right = CALCULATION.findall(step["expert_action"])
        if right:
            values["result"][problem].append(float(CALCULATION.findall(step["action"] or "")[-1:] == right[-1:]))
    return {figure: {p: float(np.mean(v)) for p, v in sorted(of.items())} for figure, of in values.items() if of}


def _print(args: argparse.Namespace, scores: dict[str, dict[str, dict[str, float]]]) -> None:
    print(
        f"\n{args.minutes:g} minutes of training, {args.threads} threads, seed {args.seed}, {args.test} test problems"
    )
    figures = {figure: title for figure, title in FIGURES.items() if all(figure in arm for arm in scores.values())}
    print("| arm | " + " | ".join(figures.values()) + " |")
    print("|---" * (len(figures) + 1) + "|")
    for name, arm in scores.items():
        cells = [_cell(figure, arm[figure]) for figure in figures]
        print(f"| {name} | " + " | ".join(cells) + " |")
    claims = [claim for claim in CLAIMS if claim[1] in scores and claim[2] in scores]
    tests = [
        (text, figure, paired_test([_row(scores[a][figure])], [_row(scores[b][figure])]))
        for text, a, b in claims
        for figure in TESTED
        if figure in figures
    ]
    if tests:
        print("\n| claim | figure | difference | p, corrected | verdict |\n|---|---|---|---|---|")
    for (text, figure, _), test in zip(tests, corrected([test for *_, test in tests]), strict=True):
        shown = {"first_better": "shown", "second_better": "the opposite"}.get(test.verdict, "not shown")
        d = test.difference
        print(
            f"| {text} | {FIGURES[figure]} | {d.value:+.3f} ({d.low:+.3f} to {d.high:+.3f}) | {test.adjusted_p:.3f} "
            f"| {shown} |"
        )


def _row(by_problem: dict[str, float]) -> np.ndarray:
    return np.array([list(by_problem.values())])


def _cell(figure: str, by_problem: dict[str, float]) -> str:
    if figure == "tokens":
        return f"{np.mean(list(by_problem.values())):.0f}"
    estimate = mean_interval([_row(by_problem)])
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


if __name__ == "__main__":
    main()
