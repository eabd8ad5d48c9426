"""`treadle plan` against what training processes really hold: small models on a CPU.

    python benchmarks/plan.py [--case NAME ...] [--threads 1]

Each case is a recipe with one stage of two optimizer steps on a random Qwen2 of 16 million parameters (hidden 192, six
layers, a vocabulary of 32,768) and prompts of the miniature world. The plan is made of the recipe; then
`treadle.recipe.build.build_trainer` makes the trainer that `treadle train` would, in a process of its own, and trains.

TRL's head for padded rows reserves a tile of 4,096 x 32,768 logits whatever the vocabulary; with a smaller one the rest
is never touched: it counts on a GPU and in the plan, and is not resident here. Hence the vocabulary.

Measured is the process's peak of resident memory above what it held before the model was loaded, from the kernel's own
count (`VmHWM`, so Linux only), with memory that is freed given back at once (`MALLOC_MMAP_THRESHOLD_`). The plan is the
largest of rollout and update. The exit code is 1 where they differ by more than 15%.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

THRESHOLD = 0.15
SIZES = {
    "vocab_size": 32768,
    "hidden_size": 192,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}
RL = {
    "kind": "srl",
    "max_steps": 2,
    "prompts_per_step": 4,
    "rollouts": 8,
    "micro_batch": 16,
    "max_completion_length": 96,
    "dynamic_sampling": False,
    "log_rollouts": False,
    "gradient_checkpointing": False,
    "think_tags": "optional",
}
SFT = {"kind": "sft", "max_steps": 2, "batch_size": 64, "micro_batch": 32, "gradient_checkpointing": False}
CASES: dict[str, dict[str, Any]] = {
    "srl": {"stages": [RL]},
    "srl, checkpointing": {"stages": [{**RL, "gradient_checkpointing": True}]},
    "srl, bfloat16": {"stages": [RL], "dtype": "bfloat16"},
    "srl, reference model": {"stages": [{**RL, "kl": 0.1}]},
    "srl, LoRA": {"stages": [RL], "lora": {"r": 16}},
    "srl, no tree": {"stages": [{**RL, "micro_batch": 8, "trl": {"prefix_tree": False}}]},
    "sft": {"stages": [{**SFT, "unit": "both"}]},
}


def make_inputs(folder: Path) -> None:
    """A random model with the miniature's tokenizer, and prepared data."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from treadle.data.prepare import PrepareSettings, prepare
    from treadle.data.sources.native import to_row
    from treadle.miniature import world
    from treadle.miniature.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    config = Qwen2Config(**SIZES, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    Qwen2ForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    problems = [world.make_problem(random.Random(f"plan/{i}")) for i in range(200)]
    lines = [json.dumps(to_row(world.expert_trajectory(problem, f"p{i}"))) for i, problem in enumerate(problems)]
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")
    prepare(folder / "data.jsonl", folder / "data", PrepareSettings(targets="all"))


def recipe_of(case: str, folder: Path) -> Any:
    from treadle.recipe.reading import parse_recipe

    common = {"model": str(folder / "model"), "data": str(folder / "data"), "output": str(folder / "run")}
    return parse_recipe({**common, "dtype": "float32", **CASES[case]})


def planned(case: str, folder: Path) -> Any:
    from treadle.plan import Hardware, estimate

    return estimate(recipe_of(case, folder), Hardware(device="cpu"))[0]


def train(case: str, folder: Path, threads: int) -> None:
    """In a process of its own: train, and print the peak in bytes above what was held before."""
    import torch

    from treadle.data.prepared import Prepared
    from treadle.plan import estimate  # noqa: F401  what the plan imports is not the training's
    from treadle.recipe.build import build_trainer
    from treadle.recipe.training_data import training_rows

    torch.set_num_threads(threads)
    recipe = recipe_of(case, folder)
    stage = recipe.stages[0]
    rows = training_rows(stage, Prepared(recipe.data))
    rows[:4]
    torch.ones(256, 256) @ torch.ones(256, 256)
    before = status("VmRSS")
    trainer = build_trainer(stage, recipe, recipe.model, rows, folder / "run", [])
    trainer.train()
    print(json.dumps({"peak": status("VmHWM") - before}))


def status(name: str) -> int:
    """A size of this process from /proc, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024


def measured(case: str, folder: Path, threads: int) -> int:
    environment = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "262144",
        "MALLOC_ARENA_MAX": "1",
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
    }
    command = [sys.executable, "-W", "ignore", __file__, "--inside", str(folder), "--case", case]
    done = subprocess.run([*command, "--threads", str(threads)], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{case}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])["peak"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        train(arguments.case[0], arguments.inside, arguments.threads)
        return 0
    worst = 0.0
    print("| case | planned, MiB | held in | measured, MiB | planned / measured |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_inputs(folder)
        for case in arguments.case:
            plan, found = planned(case, folder), measured(case, folder, arguments.threads)
            ratio = plan.peak / found
            worst = max(worst, abs(ratio - 1))
            print(
                f"| {case} | {plan.peak / 2**20:,.0f} | {plan.phase} | {found / 2**20:,.0f} | {ratio:.3f} |", flush=True
            )
    print(f"\nfurthest off: {worst:.1%}, allowed {THRESHOLD:.0%}")
    return int(worst > THRESHOLD)


if __name__ == "__main__":
    raise SystemExit(main())
