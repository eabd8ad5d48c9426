"""The prefix tree against stock TRL and against the best grouping without a tree, in one run, alternating.

    python benchmarks/tree.py [--update math agent] [--scale 1.0] [--rounds 5] [--threads 1] [--device cpu]

One trajectory with all its rollouts, in two workloads: mathematics, 8 prompts of 150 + 7 x 120 tokens at most and 8
rollouts of 200 to 300 tokens each; an agent with full history, 20 prompts of 1,500 + 19 x 480 tokens at most and 4
rollouts of 150. `--scale` multiplies all lengths. The model is a random Qwen2 in float32.

    stock     rows shuffled, padded to the longest prompt and completion of all, in micro-batches, through TRL's own
              fused head (`trl.trainer.utils.add_fused_lm_head`), as TRL's GRPO forwards them
    grouped   the same rows sorted by length, siblings together, each micro-batch trimmed to its own lengths
    tree      one packed tree, `treadle.tree.tree_logps`

Each computes the log-probs of all completion tokens and the gradient of the same weighted sum; the gradients are
compared. "operations" is the ratio of floating-point operations, stock to tree. Memory is what a
process holds at its peak above what it held before, each in a process of its own, with the same rows in one backward;
`--memory-rows` says how many (Linux only).

The rollout is measured on the same prompts: `generate` on all rows at once, padded, as TRL calls it, against
`treadle.rollout.generate_completions`. A whole optimizer step (generation, rewards, update, AdamW) is stock
`GRPOTrainer` against `SRLTrainer`, each with its defaults otherwise (`benchmarks/tree_step.py`).

`--model 0.5b|1.5b` takes the sizes of Qwen2.5 with random weights, `--dtype bfloat16 --device cuda` is for a GPU.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from transformers import GenerationConfig, Qwen2ForCausalLM
from transformers.utils import logging
from tree_step import step_seconds
from tree_workloads import KINDS, MODELS, Rows, clock, model_of, workload
from trl.trainer.utils import add_fused_lm_head

from treadle.rollout import generate_completions
from treadle.tree import build_tree, tree_logps, use_tree_attention


def prepared_model(arguments: argparse.Namespace) -> Qwen2ForCausalLM:
    """One model for all three ways: with TRL's fused head, and with the tree's attention."""
    model = model_of(arguments)
    add_fused_lm_head(model)
    use_tree_attention(model)
    return model


def rows_of(arguments: argparse.Namespace, kind: str) -> Rows:
    return workload(kind, arguments.scale, MODELS[arguments.model]["vocab_size"], device=arguments.device)


def stock_update(model: Qwen2ForCausalLM, rows: Rows, micro_batch: int) -> None:
    order = np.random.default_rng(1).permutation(len(rows.input_ids))
    for begin in range(0, len(order), micro_batch):
        _backward(model, rows.take(order[begin : begin + micro_batch]))


def grouped_update(model: Qwen2ForCausalLM, rows: Rows, micro_batch: int) -> None:
    order = np.argsort(rows.mask.sum(1).cpu().numpy(), kind="stable")
    for begin in range(0, len(order), micro_batch):
        _backward(model, rows.take(order[begin : begin + micro_batch], trim=True))


def _backward(model: Qwen2ForCausalLM, rows: Rows) -> None:
    labels = rows.input_ids.masked_fill(rows.mask == 0, -100)
    labels[:, : -rows.completion] = -100
    out = model(input_ids=rows.input_ids, attention_mask=rows.mask, labels=labels, fused_lm_head=True)
    (out.log_probs[:, -rows.completion :] * rows.weights).sum().backward()


def tree_update(model: Qwen2ForCausalLM, rows: Rows, micro_batch: int) -> None:
    logps = tree_logps(model, rows.input_ids, rows.mask, rows.completion)
    (logps * rows.weights).sum().backward()


UPDATES: dict[str, Callable[[Qwen2ForCausalLM, Rows, int], None]] = {
    "stock": stock_update,
    "grouped": grouped_update,
    "tree": tree_update,
}


def gradient(model: Qwen2ForCausalLM) -> torch.Tensor:
    return torch.cat([p.grad.flatten().float() for p in model.parameters() if p.grad is not None])


def operations(model: Qwen2ForCausalLM, tokens: int, keys: int, scored: int) -> float:
    """Of a forward: linear layers for each token, attention for each pair of query and key, the head where scored."""
    config = model.config
    linear = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name and "lm_head" not in name)
    attention = 2 * config.num_hidden_layers * config.hidden_size * keys
    return 2 * (linear * tokens + attention + config.vocab_size * config.hidden_size * scored)


def savings(model: Qwen2ForCausalLM, rows: Rows) -> tuple[int, int, float]:
    """Tokens that stock TRL and the tree forward, and the ratio of their operations."""
    count, width = rows.input_ids.shape
    tree = build_tree(rows.input_ids, rows.mask, rows.completion)
    tokens = tree.size
    scored = int(rows.mask[:, -rows.completion :].sum())
    stock = operations(model, count * width, count * width * (width + 1) // 2, scored)
    keys = int((tree.position_ids_1T + 1).sum())
    return count * width, tokens, stock / operations(model, tokens, keys, scored)


def time_updates(arguments: argparse.Namespace, kind: str) -> None:
    model = prepared_model(arguments)
    rows = rows_of(arguments, kind)
    stock_tokens, tree_tokens, limit = savings(model, rows)
    seconds: dict[str, list[float]] = {name: [] for name in UPDATES}
    gradients = {}
    for _ in range(arguments.rounds):
        for name, update in UPDATES.items():
            model.zero_grad()
            began = clock()
            update(model, rows, arguments.micro_batch)
            seconds[name].append(clock() - began)
            gradients[name] = gradient(model)
    medians = {name: median(values) for name, values in seconds.items()}
    difference = (gradients["tree"] - gradients["stock"]).norm() / gradients["stock"].norm()
    print(
        f"| update, {kind} | {len(rows.input_ids)} | {stock_tokens:,} | {tree_tokens:,} | {medians['stock']:.2f} "
        f"| {medians['grouped']:.2f} | {medians['tree']:.2f} | {medians['stock'] / medians['tree']:.1f}x "
        f"| {medians['grouped'] / medians['tree']:.1f}x | {limit:.1f}x | {difference:.0e} |",
        flush=True,
    )


def peak_of(name: str, arguments: argparse.Namespace, kind: str) -> float:
    """MiB above what the process held when model and rows were there, for one backward of `--memory-rows` rows."""
    torch.set_num_threads(arguments.threads)
    model = prepared_model(arguments)
    rows = rows_of(arguments, kind)
    chosen = np.linspace(0, len(rows.input_ids) - 1, arguments.memory_rows).astype(int)
    rows = rows.take(chosen)
    if arguments.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _peak(arguments.device)
    UPDATES[name](model, rows, len(rows.input_ids))
    return (_peak(arguments.device) - before) / 1024


def _peak(device: str) -> float:
    """Peak of memory in KiB: allocated on a GPU, resident on a CPU.

    `ru_maxrss` would also count what the parent held before it started this process.
    """
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1024
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def memory(arguments: argparse.Namespace, kind: str) -> None:
    peaks = {}
    for name in ("stock", "tree"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks[name] = pool.apply(peak_of, (name, arguments, kind))
    print(
        f"memory, {kind}: {arguments.memory_rows} rows in one backward, stock {peaks['stock']:,.0f} MiB, tree "
        f"{peaks['tree']:,.0f} MiB: {peaks['tree'] / peaks['stock']:.2f}x",
        flush=True,
    )


def time_rollouts(arguments: argparse.Namespace, kind: str) -> None:
    """TRL's `generate` on all padded prompts at once against the rollout with shared prompts; both draw at random."""
    model = prepared_model(arguments)
    rows = rows_of(arguments, kind)
    prompt_mask = rows.mask[:, : -rows.completion]
    prompt_ids = rows.input_ids[:, : -rows.completion]
    prompts = rows.prompts()
    config = GenerationConfig(max_new_tokens=rows.completion, do_sample=True, temperature=1.0, top_k=0, pad_token_id=0)

    def stock() -> None:
        with torch.no_grad():
            model.generate(input_ids=prompt_ids, attention_mask=prompt_mask, generation_config=config)

    seconds: dict[str, list[float]] = {"stock": [], "shared": []}
    for _ in range(arguments.rollout_rounds):
        for name, roll in (("stock", stock), ("shared", lambda: generate_completions(model, prompts, config))):
            began = clock()
            roll()
            seconds[name].append(clock() - began)
    medians = {name: median(values) for name, values in seconds.items()}
    print(
        f"rollout, {kind}: {len(prompts)} rows of {rows.completion} tokens, generate {medians['stock']:.1f} s, shared "
        f"prompts {medians['shared']:.1f} s: {medians['stock'] / medians['shared']:.1f}x",
        flush=True,
    )


def time_steps(arguments: argparse.Namespace, kind: str) -> None:
    """Whole optimizer steps, one trajectory each, stock and treadle by turns."""
    seconds: dict[str, list[float]] = {"stock": [], "treadle": []}
    for seed in range(arguments.step_rounds):
        for name, values in seconds.items():
            values.append(step_seconds(name, arguments, kind, seed))
    medians = {name: median(values) for name, values in seconds.items()}
    print(
        f"optimizer step, {kind}: stock {medians['stock']:.1f} s, treadle {medians['treadle']:.1f} s: "
        f"{medians['stock'] / medians['treadle']:.1f}x",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", nargs="*", choices=KINDS, default=["math", "agent"])
    parser.add_argument("--memory", nargs="*", choices=KINDS, default=["math", "agent"])
    parser.add_argument("--rollout", nargs="*", choices=KINDS, default=["math"])
    parser.add_argument("--step", nargs="*", choices=KINDS, default=["math"])
    parser.add_argument("--scale", type=float, default=1.0, help="of all lengths")
    parser.add_argument("--rounds", type=int, default=5, help="of updates")
    parser.add_argument("--rollout-rounds", type=int, default=3)
    parser.add_argument("--step-rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--micro-batch", type=int, default=8, help="rows of stock TRL's and the grouped micro-batches")
    parser.add_argument("--memory-rows", type=int, default=8)
    parser.add_argument("--model", choices=MODELS, default="small")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing in the optimizer step")
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    shape = MODELS[arguments.model]
    place = torch.cuda.get_device_name() if arguments.device == "cuda" else f"{arguments.threads} CPU thread(s)"
    size = f"{shape['num_hidden_layers']} layers x {shape['hidden_size']}"
    print(f"Qwen2 of {size}, {arguments.dtype}, {place}, scale {arguments.scale:g}", flush=True)
    if arguments.update:
        print(
            f"update, medians of {arguments.rounds}\n"
            "| | rows | tokens, stock | tokens, tree | stock s | grouped s | tree s | against stock | against grouped "
            "| operations | gradients differ |\n|---|---|---|---|---|---|---|---|---|---|---|",
            flush=True,
        )
    for measure, kinds in (
        (time_updates, arguments.update),
        (memory, arguments.memory),
        (time_rollouts, arguments.rollout),
        (time_steps, arguments.step),
    ):
        for kind in kinds:
            measure(arguments, kind)


if __name__ == "__main__":
    main()
