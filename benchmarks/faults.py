"""What faults cost: runs killed at random, rollouts never trained on, and the price of checkpoints that are whole.

    python benchmarks/faults.py [--parts kills waste checkpoints] [--kills 50] [--rounds 5]

- kills: small pipelines (SFT, SRL, RLVR) killed with SIGKILL after random times and started again with the same command
  until they end; weights, metrics and rollouts are compared byte for byte with a run never killed (`tests.kills`).
- waste: see `faults_waste.py`.
- checkpoints: seconds of one checkpoint written aside, hashed, synced and renamed, against stock `GRPOTrainer` writing
  the same model and optimizer in place, by turns, medians of `--rounds`; and what that is of an optimizer step of the
  miniature's SRL. The stock checkpoint is not synced: `sync` after it is counted too, in a row of its own.

The exit code is 1 where a killed run differs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults_waste
import torch
from datasets import Dataset
from transformers import Qwen2Config, Qwen2ForCausalLM, Trainer
from trl import GRPOConfig, GRPOTrainer

from treadle import SRLConfig, SRLTrainer
from treadle.miniature.tokenizer import build_tokenizer

PARTS = ("kills", "waste", "checkpoints")
ROOT = Path(__file__).parent.parent
SIZES = {"1 M": (96, 384, 6), "58 M": (640, 2560, 8)}  # hidden size, of the feed-forward, layers


def kills(count: int, seed: int) -> int:
    """Run the harness in a process of its own, which forks before it computes anything."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.kills.harness", folder, "--random", str(count), "--seed", str(seed)]
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
        found = json.loads((Path(folder) / "kills.json").read_text())
    print(f"\nkills survived: {found['kills_survived']} in {found['runs']} runs (seed {seed})")
    print(f"bytes of metrics and rollouts lost or double: {found['bytes_lost']}")
    print(f"what differs from a run never killed: {found['differing'] or 'nothing'}")
    print(f"longest time from a start, imports not counted, to a new step: {found['longest_seconds_to_a_new_step']} s")
    print(f"a run never killed: {found['straight_seconds']} s")
    return ended.returncode


def digits(completions: list[str], **kwargs: Any) -> list[float]:
    """A reward that differs between random completions."""
    return [sum(ch.isdigit() for ch in text) / (len(text) + 1) for text in completions]


def trainer_of(cls: type[Trainer], config: type, size: tuple[int, int, int], folder: Path) -> Trainer:
    """A trainer that has made one optimizer step on a random model."""
    tokenizer = build_tokenizer()
    hidden, inner, layers = size
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    shape = {"hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers}
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), **shape, **heads))
    more = {"prompts_per_step": None, "log_rollouts": False, "dynamic_sampling": False} if config is SRLConfig else {}
    args = config(
        str(folder),
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=4,
        max_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        logging_strategy="no",
        **more,
    )
    rows = Dataset.from_list([{"prompt": "next 1"}, {"prompt": "next 2"}])
    trainer = cls(model, digits, args, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    return trainer


def timed(call: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def checkpoints(rounds: int) -> None:
    """Print seconds of one checkpoint, treadle's and stock TRL's."""
    print("\none checkpoint, seconds, medians:")
    print("| parameters | bytes | stock TRL | stock TRL and sync | treadle | treadle / stock and sync |")
    print("|---|---|---|---|---|---|")
    for name, size in SIZES.items():
        with tempfile.TemporaryDirectory() as scratch:
            stock = trainer_of(GRPOTrainer, GRPOConfig, size, Path(scratch) / "stock")
            ours = trainer_of(SRLTrainer, SRLConfig, size, Path(scratch) / "ours")
            seconds: dict[str, list[float]] = {"stock": [], "synced": [], "ours": []}
            for number in range(rounds):
                for trainer in (stock, ours) if number % 2 else (ours, stock):
                    shutil.rmtree(Path(trainer.args.output_dir) / "checkpoint-1", ignore_errors=True)
                    os.sync()
                    took = timed(trainer._save_checkpoint, trainer.model, None)
                    seconds["ours" if trainer is ours else "stock"].append(took)
                    if trainer is stock:
                        seconds["synced"].append(took + timed(os.sync))
            written = sum(f.stat().st_size for f in (Path(scratch) / "ours" / "checkpoint-1").iterdir())
            median = {key: statistics.median(values) for key, values in seconds.items()}
            print(
                f"| {name} | {written:,} | {median['stock']:.3f} | {median['synced']:.3f} | {median['ours']:.3f} "
                f"| {median['ours'] / median['synced']:.2f}x |",
                flush=True,
            )
    share = faults_waste.checkpoint_share()
    print(f"SRL on the miniature, a checkpoint after every step: {share:.1%} of the time of training")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    code = kills(options.kills, options.seed) if "kills" in options.parts else 0
    if "waste" in options.parts:
        faults_waste.main([])
    if "checkpoints" in options.parts:
        checkpoints(options.rounds)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
