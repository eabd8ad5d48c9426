"""Step prompts to a vLLM server in trunk order and shuffled: how much its prefix cache holds of them.

    python benchmarks/vllm_prefix_cache.py --vllm ENV/bin/python --model FOLDER --data PREPARED [PREPARED ...] \
        [--blocks 64 128 256] [--trajectories 32] [--siblings 8] [--rounds 3]

`--vllm` is the Python of an environment with vLLM (`make vllm-test` makes one), `PREPARED` what `treadle prepare`
wrote. Of each data set all steps of some trajectories are sent, every prompt for its siblings, one new token each, as
TRL sends a generation to a server: token ids, all prompts in one request.

    trunk      shuffled trajectories, the steps of each next to one another, as treadle trains on them
    shuffled   the same prompts, shuffled one by one

A server is started for each size of cache; the orders alternate, and the cache is emptied before each. The counters are
those of the server's own `/metrics`, as `treadle.rollout.vllm_cache` reads them in training. Siblings find all whole
blocks but the last, whatever the order, so that with G of them about (G - 1) / G of the tokens are found anyway: the
tokens that are computed say more than the share that is found. The share does not depend on the model's weights.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import psutil
import torch
from transformers import AutoTokenizer

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.vllm.serving import Server, serving
from treadle.data.prepared import Prepared
from treadle.data.rows import instance_references, rendered
from treadle.rollout.vllm_cache import hit_rate, read_counts
from treadle.training.prompt_order import shuffled, trajectories_of

SECONDS = 1800.0


def step_prompts(arguments: argparse.Namespace, folder: Path) -> tuple[list[list[int]], dict[str, list[int]]]:
    """Token ids of all steps of some trajectories, and the orders in which they are sent."""
    prepared = Prepared(folder)
    references = instance_references(prepared)
    numbers = references["trajectory"][:]
    chosen = set(random.Random(arguments.seed).sample(sorted(set(numbers)), arguments.trajectories))
    references = references.select([row for row, number in enumerate(numbers) if number in chosen])
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    messages = [row["prompt"] for row in rendered(references, prepared)]
    prompts = [
        tokenizer.apply_chat_template(m, add_generation_prompt=True, tokenize=True, return_dict=False) for m in messages
    ]
    orders = {
        name: shuffled(len(prompts), trajectory_N, torch.Generator().manual_seed(arguments.seed))
        for name, trajectory_N in (("trunk", trajectories_of(references)), ("shuffled", None))
    }
    return prompts, orders


def post(url: str, payload: dict[str, object] | None = None) -> None:
    """Send JSON, or nothing, and read the answer."""
    body = json.dumps(payload).encode() if payload else b""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        answer.read()


def processor_seconds(pid: int) -> float:
    """That a process and what it started have computed so far."""
    process = psutil.Process(pid)
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def send(server: Server, model: str, prompts: Sequence[Sequence[int]], siblings: int) -> tuple[float, float]:
    """Share of the prompts' tokens that an emptied cache held when it was asked, and seconds of processor time."""
    post(f"{server.url}/reset_prefix_cache")
    before, began = read_counts(server.url), processor_seconds(server.pid)
    asked = {"model": model, "prompt": list(prompts), "n": siblings, "max_tokens": 1, "temperature": 1.0}
    post(f"{server.url}/v1/completions", asked)
    seconds = processor_seconds(server.pid) - began
    rate = hit_rate(before, read_counts(server.url))
    if rate is None:
        raise SystemExit(f"{server.url}/metrics does not tell how many prompt tokens were found in the prefix cache")
    return rate, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", required=True, metavar="PYTHON")
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--blocks", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--block-size", type=int, default=32)
    parser.add_argument("--trajectories", type=int, default=32)
    parser.add_argument("--siblings", type=int, default=8)
    parser.add_argument("--rows", type=int, default=8, help="Most rows that the server computes at a time.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    sets = {folder.name: step_prompts(arguments, folder) for folder in arguments.data}
    for name, (prompts, _) in sets.items():
        lengths = sorted(map(len, prompts))
        print(
            f"{name}: {len(prompts)} prompts of {arguments.trajectories} trajectories, {lengths[0]} to {lengths[-1]} "
            f"tokens, {sum(lengths):,} in all; {arguments.siblings} siblings each"
        )
    longest = max(len(prompt) for prompts, _ in sets.values() for prompt in prompts)
    print("| data | cache, tokens | order | found | computed | processor s |")
    print("|---|---|---|---|---|---|", flush=True)
    for blocks in arguments.blocks:
        options = ["--dtype", arguments.dtype, "--max-model-len", longest + 1, "--enforce-eager"]
        options += ["--block-size", arguments.block_size, "--num-gpu-blocks-override", blocks + 1]
        options += ["--max-num-seqs", arguments.rows]
        with (
            tempfile.TemporaryDirectory() as folder,
            serving(arguments.vllm, arguments.model, *options, log=Path(folder) / "log") as server,
        ):
            for name, (prompts, orders) in sets.items():
                send(server, arguments.model, prompts[: arguments.rows], arguments.siblings)  # the first takes longer
                found: dict[str, list[tuple[float, float]]] = {order: [] for order in orders}
                for _ in range(arguments.rounds):
                    for order, numbers in orders.items():
                        sent = [prompts[number] for number in numbers]
                        found[order].append(send(server, arguments.model, sent, arguments.siblings))
                asked = arguments.siblings * sum(map(len, prompts))
                for order, pairs in found.items():
                    rate, seconds = median(r for r, _ in pairs), median(s for _, s in pairs)
                    print(
                        f"| {name} | {blocks * arguments.block_size:,} | {order} | {rate:.1%} "
                        f"| {round(asked * (1 - rate)):,} | {seconds:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
