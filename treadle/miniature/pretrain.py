"""Make the quick start's base model from nothing: `python -m treadle.miniature.pretrain OUT --seed S`.

The base learns from worksheets that hold both habits of `treadle.miniature.world`: most lines careless and
often wrong, a few careful and right. It therefore *can* work carefully and mostly does not, which is the
situation that the paper starts from: the skill is there, the policy on hard problems is not.

Two details decide whether whole solutions can be learned later:

- Sheets whose first lines are given (no loss) and often careful throughout. Without them a long careful
  context is out of distribution and accuracy collapses after a few careful lines.
- The closing step is shown explicitly, also as a step of its own after all actions.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase, Qwen2Config, Qwen2ForCausalLM

from treadle.miniature import world
from treadle.miniature.tokenizer import build_tokenizer

IGNORE = -100


@dataclass(frozen=True)
class PretrainSettings:
    """What the shipped base was made with.

    Args:
        careful_rate: Share of lines worked carefully.
        careless_right: Share of careless lines whose result is nevertheless right.
        batch: Sheets per optimizer step.
    """

    steps: int = 3000
    batch: int = 48
    learning_rate: float = 3e-3
    warmup: int = 60
    weight_decay: float = 0.01
    careful_rate: float = 0.35
    careless_right: float = 0.35
    longest_given: int = 8
    given_share: float = 0.2
    micro_batches: int = 4


def model_config(vocab_size: int) -> Qwen2Config:
    """Qwen2 with 0.31 M parameters."""
    return Qwen2Config(
        vocab_size=vocab_size,
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
    )


def worked_lines(
    rng: random.Random, problem: world.Problem, careful_rates: list[float], careless_right: float
) -> tuple[list[tuple[str, str]], int]:
    """Work `problem` as the sheets' author would: `(thought, action)` per operation and the value reached."""
    value, lines = problem.start, []
    for operation, careful_rate in zip(problem.operations, careful_rates, strict=True):
        if rng.random() < careful_rate:
            thought, result = world.careful_thought(operation, value), operation.apply(value)
        else:
            right = rng.random() < careless_right
            result = operation.apply(value) if right else operation.apply_without_carry(value)
            thought = world.careless_thought(operation)
        lines.append((thought, operation.action(value, result)))
        value = result
    return lines, value


def sheet(rng: random.Random, settings: PretrainSettings) -> tuple[str, str, str]:
    """One worksheet as `(user text, given part of the answer, part to learn)`."""

    def problem(low: int, high: int) -> world.Problem:
        n = rng.randint(1, 3) if rng.random() < 0.35 else rng.randint(low, high)
        return world.make_problem(rng, n, rng.randrange(len(world.LABELS) - n + 1))

    def block(thought: str, action: str) -> str:
        return f"<think>{thought}</think>{action}"

    kind = rng.random()
    if kind < 0.6:
        p = problem(4, 10)
        shown = rng.randint(0, len(p.operations))
        lines, value = worked_lines(rng, p, [settings.careful_rate] * len(p.operations), settings.careless_right)
        lines.append((world.CLOSING_THOUGHT, world.closing_action(value)))
        previous = [action for _, action in lines[:shown]]
        return "\n".join(["next " + p.text, *previous]), "", block(*lines[shown])
    given, rate = 0, settings.careful_rate
    if kind < 1 - settings.given_share:
        p = problem(4, 12)
    else:
        p = problem(3, settings.longest_given + 1)
        given = rng.randrange(len(p.operations))
        rate = 1.0 if rng.random() < 0.5 else rng.random()
    rates = [rate] * given + [settings.careful_rate] * (len(p.operations) - given)
    lines, value = worked_lines(rng, p, rates, settings.careless_right)
    lines.append((world.CLOSING_THOUGHT, world.closing_action(value)))
    blocks = [block(*line) for line in lines]
    prefix = "".join(b + "\n" for b in blocks[:given])
    return "solve " + p.text, prefix, "\n".join(blocks[given:])


def encode(tokenizer: PreTrainedTokenizerBase, user: str, given: str, learned: str) -> tuple[list[int], list[int]]:
    """Token ids and labels of one sheet; only `learned` and the end mark carry loss."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": user}], add_generation_prompt=True, tokenize=False
    )
    context = tokenizer(prompt + given)["input_ids"]
    target = tokenizer(learned + tokenizer.eos_token)["input_ids"]
    return context + target, [IGNORE] * len(context) + target


def micro_batches(rows: list[tuple[list[int], list[int]]], count: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Right-padded `[B, T]` ids and labels, rows of similar length together."""
    rows = sorted(rows, key=lambda row: len(row[0]))
    size = math.ceil(len(rows) / count)
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        width = max(len(ids) for ids, _ in chunk)
        ids_BT = torch.zeros(len(chunk), width, dtype=torch.long)
        labels_BT = torch.full((len(chunk), width), IGNORE)
        for i, (ids, labels) in enumerate(chunk):
            ids_BT[i, : len(ids)] = torch.tensor(ids)
            labels_BT[i, : len(labels)] = torch.tensor(labels)
        yield ids_BT, labels_BT


def pretrain(out: Path, seed: int, settings: PretrainSettings) -> None:
    """Train a base from nothing and save model and tokenizer in `out`."""
    torch.manual_seed(seed)
    rng = random.Random(f"pretrain/{seed}")
    tokenizer = build_tokenizer()
    model = Qwen2ForCausalLM(model_config(len(tokenizer)))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    started, seen, losses = time.time(), 0, []
    for step in range(1, settings.steps + 1):
        progress = step / settings.steps
        rate = settings.learning_rate * min(1, step / settings.warmup) * (1 - 0.97 * progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = [encode(tokenizer, *sheet(rng, settings)) for _ in range(settings.batch)]
        total = sum(label != IGNORE for _, labels in rows for label in labels)
        loss_sum = 0.0
        for ids_BT, labels_BT in micro_batches(rows, settings.micro_batches):
            logits_BTV = model(input_ids=ids_BT).logits
            loss = torch.nn.functional.cross_entropy(
                logits_BTV[:, :-1].flatten(0, 1), labels_BT[:, 1:].flatten(), ignore_index=IGNORE, reduction="sum"
            )
            (loss / total).backward()
            loss_sum += loss.item() / total
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen += sum(len(ids) for ids, _ in rows)
        losses.append(loss_sum)
        if step % 100 == 0:
            print(
                f"step {step}/{settings.steps}  loss {sum(losses[-100:]) / 100:.4f}  "
                f"tokens {seen:,}  {time.time() - started:.0f} s",
                flush=True,
            )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=PretrainSettings.steps)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--longest-given", type=int, default=PretrainSettings.longest_given)
    parser.add_argument("--careful-rate", type=float, default=PretrainSettings.careful_rate)
    parser.add_argument("--given-share", type=float, default=PretrainSettings.given_share)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pretrain(
        arguments.out,
        arguments.seed,
        PretrainSettings(
            steps=arguments.steps,
            longest_given=arguments.longest_given,
            careful_rate=arguments.careful_rate,
            given_share=arguments.given_share,
        ),
    )


if __name__ == "__main__":
    main()
