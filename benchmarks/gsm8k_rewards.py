"""Train SmolLM2-135M-Instruct by SRL on GSM8K lines under each reward of a step, and look at what it has learned.

    python benchmarks/gsm8k_rewards.py --model FOLDER --data gsm8k_train_2000.jsonl --out runs/rewards

`FOLDER` holds the model, the data file GSM8K's columns `question` and `answer`. Trajectories are split by problem; all
arms have the same prompts (two worked examples, no thoughts asked for), seed and number of steps. Each trained model
answers the same held-out steps greedily. Printed for each arm: similarity to the expert's line and the same above the
floor, the share of lines whose calculation is right and has the expert's result, the share of equal answers to
different prompts, and reward, entropy and equal completions in the last five training steps; with 95% bootstrap
intervals over problems. It goes on where it was interrupted; an arm takes from 15 minutes to an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import yaml

from treadle.data.prepared import Prepared
from treadle.data.rows import instance_references, rendered
from treadle.evaluate.backends.local import open_transformers
from treadle.evaluate.records import Finish, Request, Sampling
from treadle.recipe.reading import parse_recipe
from treadle.recipe.shown import shown_of
from treadle.scoring.completion import Completion, parse_completion
from treadle.scoring.rewards import step_similarity
from treadle.statistics.clustered import grouped_mean

REWARDS = ("similarity", "margin", "scaled", "weighted")
TOKENS = 40
CALCULATION = re.compile(r"<<([^=<>]+)=([^<>]+)>>")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--rewards", nargs="+", default=list(REWARDS), choices=REWARDS)
    parser.add_argument("--learning-rates", nargs="+", type=float, default=[2e-5])
    parser.add_argument("--kl", nargs="+", type=float, default=[0.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--prompts", type=int, default=8, help="prompts of a step, each with 8 rollouts")
    parser.add_argument("--held-out", type=int, default=200, help="problems that are not trained on")
    parser.add_argument("--tested", type=int, default=200, help="held-out steps that are answered")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--figure", type=Path, help="also draw training and result into this file")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    prepared = _prepare(args)
    done = args.out / "results.jsonl"
    results = [json.loads(line) for line in done.read_text().splitlines()] if done.is_file() else []
    known = {result["arm"] for result in results}
    arms: list[tuple[str, dict[str, Any] | None]] = [("base", None)]
    arms += [
        (f"{reward}, lr {rate:g}, KL {kl:g}, seed {seed}", _recipe(args, reward, rate, kl, seed))
        for seed in args.seeds
        for rate in args.learning_rates
        for kl in args.kl
        for reward in args.rewards
    ]
    for arm, recipe in arms:
        if arm not in known:
            model = args.model if recipe is None else _train(args, arm, recipe)
            result = {"arm": arm, **_answers(args, model, prepared), **_training(args, arm)}
            with done.open("a") as file:
                file.write(json.dumps(result) + "\n")
            results.append(result)
    _print(results, prepared)
    if args.figure:
        _draw(args, results, prepared)


def _prepare(args: argparse.Namespace) -> Prepared:
    folder = args.out / "data"
    if not (folder / "report.json").is_file():
        held_out = ("--held-out", str(args.held_out), "--targets", "all")
        _treadle("prepare", str(args.data), "-o", str(folder), *held_out)
    return Prepared(folder)


def _recipe(args: argparse.Namespace, reward: str, rate: float, kl: float, seed: int) -> dict[str, Any]:
    name = f"{reward}_lr{rate:g}_kl{kl:g}_seed{seed}"
    stage = {
        "kind": "srl",
        "reward": reward,
        "think_tags": "optional",
        "prompts_per_step": args.prompts,
        "rollouts": 8,
        "micro_batch": 8 * args.prompts,
        "max_steps": args.steps,
        "max_completion_length": TOKENS,
        "learning_rate": rate,
        "kl": kl,
        "gradient_checkpointing": False,
        "save_every": 10,
        "max_collapsed_steps": None,  # to see where a collapse ends
    }
    return {
        "model": args.model,
        "data": str(args.out / "data"),
        "output": str(args.out / name),
        "seed": seed,
        "dtype": "bfloat16",
        "threads": args.threads,
        "prompts": {"examples": 2, "think": False},
        "stages": [stage],
    }


def _folder(args: argparse.Namespace, arm: str) -> Path:
    reward, rate, kl, seed = (part.split()[-1] for part in arm.split(", "))
    return args.out / f"{reward}_lr{rate}_kl{kl}_seed{seed}" / "1-srl"


def _train(args: argparse.Namespace, arm: str, recipe: dict[str, Any]) -> str:
    file = args.out / f"{_folder(args, arm).parent.name}.yaml"
    file.write_text(yaml.safe_dump(recipe))
    _treadle("train", str(file))
    return str(_folder(args, arm) / "model")


def _treadle(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "treadle.cli", *arguments], check=True)


def _answers(args: argparse.Namespace, model: str, prepared: Prepared) -> dict[str, Any]:
    """What a model answers at the held-out steps, and how good it is."""
    recipe = parse_recipe(_recipe(args, "similarity", 1e-5, 0.0, args.seeds[0]))
    rows = rendered(
        instance_references(prepared, "heldout"), prepared, "heldout", asking=shown_of(recipe, prepared).asking
    )
    rows = [rows[i] for i in range(0, len(rows), max(1, len(rows) // args.tested))][: args.tested]
    backend = open_transformers(model, "bfloat16", "cpu")
    found = dict(backend.generate([Request(row["prompt"], 0) for row in rows], Sampling(TOKENS, temperature=0.0)))
    texts = []
    for i in range(len(rows)):
        parsed = parse_completion(found[i].text, truncated=found[i].finish is not Finish.STOP, think_tags="optional")
        texts.append(parsed.action if isinstance(parsed, Completion) else "")
    problems = [row["trajectory_id"] for row in rows]
    similar = [step_similarity(text, row["expert_action"]) for text, row in zip(texts, rows, strict=True)]
    right = [float(_is_right(text, row["expert_action"])) for text, row in zip(texts, rows, strict=True)]
    counts = Counter(texts)
    pairs = len(texts) * (len(texts) - 1)
    return {
        "similarity": grouped_mean(similar, problems),
        "right": grouped_mean(right, problems),
        "ended": grouped_mean([float(text != "") for text in texts], problems),
        "equal": sum(n * (n - 1) for text, n in counts.items() if text) / pairs,
        "most_frequent": counts.most_common(1)[0],
        "answers": [[row["expert_action"], text] for text, row in zip(texts, rows, strict=True)][:12],
    }


def _is_right(text: str, expert: str) -> bool:
    """Whether the line calculates, rightly, what the expert's last calculation gives."""
    own, wanted = CALCULATION.findall(text), CALCULATION.findall(expert)
    if not own or not wanted:
        return text.strip() == expert.strip()
    return _number(own[-1][1]) == _number(wanted[-1][1]) and all(_holds(left, right) for left, right in own)


def _holds(left: str, right: str) -> bool:
    if not re.fullmatch(r"[-+*/(). \d]+", left) or len(left) > 60 or "**" in left:
        return False
    try:
        return abs(float(eval(left, {"__builtins__": {}})) - (_number(right) or 0.0)) < 0.01  # digits and signs alone
    except (SyntaxError, ZeroDivisionError, TypeError, ValueError):
        return False


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").replace("$", "").replace("%", ""))
    except ValueError:
        return None


def _training(args: argparse.Namespace, arm: str) -> dict[str, Any]:
    """Means of the last five steps."""
    if arm == "base":
        return {}
    steps = _steps(args, arm)
    names = {"reward": "reward", "entropy": "entropy", "collapse/equal": "collapse", "sampling/kept_share": "kept"}
    last = {short: sum(step.get(name, 0.0) for step in steps[-5:]) / len(steps[-5:]) for name, short in names.items()}
    return {"last": last, "seconds": steps[-1]["seconds"], "steps": len(steps)}


def _steps(args: argparse.Namespace, arm: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (_folder(args, arm) / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "reward" in line]


def _draw(args: argparse.Namespace, results: list[dict[str, Any]], prepared: Prepared) -> None:
    """Similarity and entropy of training by step, and similarity on held-out steps, each beside the floor."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (training, entropy, tested) = pyplot.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    names = _names([result["arm"] for result in results])
    for number, (result, name) in enumerate(zip(results, names, strict=True)):
        figures, colour = result["similarity"], f"C{number}"
        spread = [[figures["value"] - figures["low"]], [figures["high"] - figures["value"]]]
        tested.errorbar([figures["value"]], [name], xerr=spread, fmt="o", color=colour, capsize=4)
        if result["arm"] != "base":
            steps = _steps(args, result["arm"])
            at = [step["step"] for step in steps]
            training.plot(at, [step.get("similarity") for step in steps], color=colour, label=name)
            entropy.plot(at, [step.get("entropy") for step in steps], color=colour)
    training.axhline(prepared.floor, color="black", linestyle="--", linewidth=1)
    tested.annotate("floor", (prepared.floor, 0), xytext=(-28, 0), textcoords="offset points")
    tested.axvline(prepared.floor, color="black", linestyle="--", linewidth=1)
    training.set(title="similarity of well-formed rollouts", xlabel="optimizer step")
    entropy.set(title="entropy of rollouts, nats a token", xlabel="optimizer step")
    tested.set(title="held-out steps, greedy, 95% intervals", xlabel="similarity")
    tested.invert_yaxis()
    training.legend(fontsize="small")
    figure.savefig(args.figure, dpi=110)


def _names(arms: list[str]) -> list[str]:
    """The arms without what all trained ones have in common."""
    parts = [arm.split(", ") for arm in arms]
    trained = [set(part) for part in parts if part != ["base"]]
    common = set.intersection(*trained) if len(trained) > 1 else set()
    return [
        ", ".join(word for word in part if word not in common) or arm for part, arm in zip(parts, arms, strict=True)
    ]


def _print(results: list[dict[str, Any]], prepared: Prepared) -> None:
    floor = prepared.floor or 0.0
    print(f"floor of the training data {floor:.3f}")
    print("| arm | similarity | above floor | right | equal answers | entropy | equal rollouts | kept groups |")
    print("|---|---|---|---|---|---|---|---|")
    for result in results:
        similarity, right, last = result["similarity"], result["right"], result.get("last", {})
        cells = [
            result["arm"],
            _figure(similarity),
            f"{similarity['value'] - floor:+.3f}",
            _figure(right),
            f"{result['equal']:.3f}",
            *(f"{last[name]:.2f}" if name in last else "" for name in ("entropy", "collapse", "kept")),
        ]
        print("| " + " | ".join(cells) + " |")


def _figure(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


if __name__ == "__main__":
    main()
