"""Rollouts and their update with a real model and its vocabulary: treadle, TRL, and what the machine could do.

    python benchmarks/real_model.py --model FOLDER --data PREPARED [PREPARED ...] [--threads 2] [--rounds 3]

`FOLDER` holds the model (SmolLM2-135M-Instruct, for instance), each `PREPARED` what `treadle prepare` wrote. For each
data set step prompts are sampled from, 8 rollouts each: steps of different trajectories (`--prompts`), or with
`--trajectory` all steps of the longest of some trajectories.

    rollout   `generate` on left-padded rows, as TRL calls it without vLLM, and `treadle.rollout`; vLLM where installed
    update    log-probs of the sampled tokens and the gradient of their weighted sum: TRL's forward with its fused head
              in micro-batches of 8 padded rows, and one packed tree (`treadle.tree`)

The bound is the time that the necessary operations would take at the machine's rate of matrix products, which is
measured between the others: linear layers for every distinct token, the head where a token is sampled or scored,
attention for every pair of query and key, three times for an update. The rate is that of 1,024 tokens with one matrix.
A rollout multiplies as many tokens at a time as it has rows, each time with all matrices of the model, which come from
memory: the second share is of the bound at the rate of that. All ways alternate in one run.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase
from transformers.utils import logging
from tree import gradient, stock_update, tree_update
from tree_workloads import Rows, clock
from trl.trainer.utils import add_fused_lm_head

from treadle.data.prepared import Prepared
from treadle.data.prompts.asking import Asking
from treadle.data.rows import instance_references, rendered
from treadle.rollout import generate_completions
from treadle.tree import build_tree, use_tree_attention

ROLLOUTS = 8


def step_prompts(arguments: argparse.Namespace, tokenizer: PreTrainedTokenizerBase, folder: Path) -> list[list[int]]:
    """Token ids of step prompts, each `ROLLOUTS` times."""
    prepared = Prepared(folder)
    references = instance_references(prepared)
    draw = random.Random(arguments.seed)
    if arguments.trajectory:
        steps: dict[int, list[int]] = {}
        for row, number in enumerate(references["trajectory"]):
            steps.setdefault(number, []).append(row)
        chosen = max(draw.sample(sorted(steps.values()), 20), key=len)
    else:
        chosen = draw.sample(range(len(references)), arguments.prompts)
    rows = rendered(references.select(chosen), prepared, asking=Asking(think=False))
    texts = [tokenizer.apply_chat_template(r["prompt"], add_generation_prompt=True, tokenize=False) for r in rows]
    return [ids for ids in tokenizer(texts, add_special_tokens=False)["input_ids"] for _ in range(ROLLOUTS)]


def padded(prompts: list[list[int]], completions: list[list[int]], pad: int) -> Rows:
    """Rows as TRL pads them."""
    left, right = max(map(len, prompts)), max(map(len, completions))
    ids = torch.full((len(prompts), left + right), pad)
    mask = torch.zeros_like(ids)
    for row, (p, c) in enumerate(zip(prompts, completions, strict=True)):
        where = slice(left - len(p), left + len(c))
        ids[row, where], mask[row, where] = torch.tensor([*p, *c]), 1
    weights = torch.randn(len(prompts), right, generator=torch.Generator().manual_seed(0))
    return Rows(ids, mask, weights * mask[:, left:], right)


def product_rate(model: Any, dtype: torch.dtype) -> float:
    """Floating-point operations a second of the product of 1,024 tokens with a layer's largest matrix."""
    config = model.config
    x = torch.randn(1024, config.hidden_size, dtype=dtype)
    weight = torch.randn(config.intermediate_size, config.hidden_size, dtype=dtype)
    torch.nn.functional.linear(x, weight)
    began, times = clock(), 0
    while clock() - began < 0.5:
        torch.nn.functional.linear(x, weight)
        times += 1
    return 2 * times * x.shape[0] * weight.numel() / (clock() - began)


def rate_of_rows(model: Any, rows: int) -> float:
    """Floating-point operations a second of the product of `rows` tokens with every matrix of the model in turn."""
    weights = [p for p in model.parameters() if p.dim() == 2]
    inputs = {size: torch.randn(rows, size, dtype=model.dtype) for size in {w.shape[1] for w in weights}}
    with torch.no_grad():
        began, times = clock(), 0
        while clock() - began < 1:
            for weight in weights:
                torch.nn.functional.linear(inputs[weight.shape[1]], weight)
            times += 1
    return 2 * times * rows * sum(w.numel() for w in weights) / (clock() - began)


def operations(model: Any, tokens: int, keys: int, heads: int) -> float:
    """Of a forward: linear layers of every token, attention of every pair, the head of some tokens."""
    config = model.config
    layers = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2 and ".layers." in name)
    attention = 2 * config.num_hidden_layers * config.num_attention_heads * config.head_dim * keys
    return 2 * (layers * tokens + attention + config.vocab_size * config.hidden_size * heads)


def necessary(model: Any, rows: Rows) -> tuple[float, int, int]:
    """Operations of a forward of distinct tokens, how many these are, and how many are scored."""
    tree = build_tree(rows.input_ids, rows.mask, rows.completion)
    scored = int(rows.mask[:, -rows.completion :].sum())
    return operations(model, tree.size, int((tree.position_ids_1T + 1).sum()), scored), tree.size, scored


def alternately(rounds: int, ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each way; the first round, which warms up, does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = clock()
            way()
            if number:
                seconds[name].append(clock() - began)
    return {name: median(values) for name, values in seconds.items()}


def measure(arguments: argparse.Namespace, model: Any, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    prompts = step_prompts(arguments, tokenizer, folder)
    end = model.generation_config.eos_token_id
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    settings = {"do_sample": True, "temperature": 1.0, "top_k": 0, "eos_token_id": end, "pad_token_id": pad}
    config = GenerationConfig(max_new_tokens=arguments.tokens, **settings)
    # Every row of the measured rollouts is as long as the limit, so that all ways do the same work: no token ends one.
    full = GenerationConfig(max_new_tokens=arguments.tokens, **{**settings, "eos_token_id": -1})
    left = padded(prompts, [[pad]] * len(prompts), pad)

    def generate() -> None:
        with torch.no_grad():
            model.generate(left.input_ids[:, :-1], attention_mask=left.mask[:, :-1], generation_config=full)

    completions = generate_completions(model, prompts, full)
    seconds = alternately(
        arguments.rounds, {"generate": generate, "treadle": lambda: generate_completions(model, prompts, full)}
    )
    rate, slower = product_rate(model, model.dtype), rate_of_rows(model, len(prompts))
    operations_, distinct, new = necessary(model, padded(prompts, completions, pad))
    bound = operations_ / rate
    print(
        f"| rollout | {folder.name} | {len(prompts)} | {new:,} | {new / seconds['generate']:.0f} "
        f"| {new / seconds['treadle']:.0f} | {seconds['generate'] / seconds['treadle']:.1f}x "
        f"| {bound / seconds['treadle']:.2f}, {bound * rate / slower / seconds['treadle']:.2f} "
        f"| {rate / 1e9:.0f}, {slower / 1e9:.0f} |",
        flush=True,
    )
    rows = padded(prompts, generate_completions(model, prompts, config), pad)
    gradients = {}

    def update(name: str, way: Callable[..., None]) -> None:
        model.zero_grad()
        way(model, rows, 8)
        gradients[name] = gradient(model)

    seconds = alternately(
        arguments.rounds,
        {"TRL": lambda: update("TRL", stock_update), "treadle": lambda: update("treadle", tree_update)},
    )
    rate = product_rate(model, model.dtype)
    operations_, distinct, scored = necessary(model, rows)
    bound = 3 * operations_ / rate
    apart = (gradients["treadle"] - gradients["TRL"]).norm() / gradients["TRL"].norm()
    print(
        f"| update | {folder.name} | {len(prompts)} | {distinct:,} of {int(rows.mask.sum()):,} "
        f"| {scored / seconds['TRL']:.0f} | {scored / seconds['treadle']:.0f} "
        f"| {seconds['TRL'] / seconds['treadle']:.1f}x | {bound / seconds['treadle']:.2f} | {rate / 1e9:.0f} |",
        flush=True,
    )
    print(f"  gradients differ by {apart:.0e} of their norm", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, type=Path, nargs="+")
    parser.add_argument("--prompts", type=int, default=8, help="step prompts, each with 8 rollouts")
    parser.add_argument("--trajectory", action="store_true", help="all steps of one trajectory instead")
    parser.add_argument("--tokens", type=int, default=40, help="new tokens of a rollout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=getattr(torch, arguments.dtype))
    add_fused_lm_head(model)
    use_tree_attention(model)
    print(f"{arguments.model}, {arguments.dtype}, {arguments.threads} thread(s), medians of {arguments.rounds}")
    if find_spec("vllm") is None:
        print("vLLM is not installed and not measured")
    print("| | data | rows | tokens | generate or TRL, tokens/s | treadle, tokens/s | | share of bound | GFLOP/s |")
    print("|---" * 9 + "|", flush=True)
    for folder in arguments.data:
        measure(arguments, model, tokenizer, folder)


if __name__ == "__main__":
    main()
