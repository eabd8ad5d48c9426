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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase, Qwen2Config, Qwen2ForCausalLM

from treadle.miniature import world
from treadle.miniature.tokenizer import build_tokenizer
from treadle.scoring.thoughts import PLAIN

IGNORE = -100


@dataclass(frozen=True)
class Habit:
    """How often the sheets' author works a line carefully, in single steps and in whole solutions."""

    next_careful: float
    whole_careful: float


@dataclass(frozen=True)
class Part:
    """One part of the training: `steps` optimizer steps on one author's sheets, the learning rate falling linearly.

    Problems have at most `longest` operations.
    """

    habit: Habit
    steps: int
    learning_rate: float
    longest: int = 12


SKILLED = Habit(0.25, 0.25)


@dataclass(frozen=True)
class PretrainSettings:
    """What the shipped base was made with.

    Args:
        parts: Short problems first, on which a model finds soon where the value and the operation stand; then
            long ones, with enough careful lines to learn how careful work goes; the last part sets how seldom it
            is done.
        batch: Sheets per optimizer step.
        next_share: Share of sheets that ask for one step.
        given_share: Of the whole solutions, the share whose first lines are given.
        longest_given: Most lines that are given.
        careless_right: Share of careless lines whose result is nevertheless right.
    """

    parts: tuple[Part, ...] = (
        Part(SKILLED, 800, 3e-3, longest=3),
        Part(SKILLED, 2500, 3e-3),
        Part(Habit(0.35, 0.05), 400, 5e-4),
    )
    batch: int = 48
    warmup: int = 60
    weight_decay: float = 0.01
    next_share: float = 0.6
    given_share: float = 0.5
    longest_given: int = 8
    careless_right: float = 0.35
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
    rng: random.Random, problem: world.Problem, careful_rates: Sequence[float], careless_right: float
) -> tuple[list[tuple[str, str]], int]:
    """Work `problem` as the sheets' author would.

    Returns:
        `(thought, action)` of every operation and of the closing step, and the value reached.
    """
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
    return [*lines, (world.CLOSING_THOUGHT, world.closing_action(value))], value


def sheet(rng: random.Random, settings: PretrainSettings, part: Part) -> tuple[str, str, str]:
    """One worksheet as `(user text, given part of the answer, part to learn)`."""
    if rng.random() < settings.next_share:
        return _next_sheet(rng, settings, part)
    if rng.random() < settings.given_share:
        return _given_sheet(rng, settings, part)
    p = _problem(rng, 4, min(12, part.longest))
    rates = [part.habit.whole_careful] * len(p.operations)
    lines, _ = worked_lines(rng, p, rates, settings.careless_right)
    return "solve " + p.text, "", "\n".join(_block(*line) for line in lines)


def _next_sheet(rng: random.Random, settings: PretrainSettings, part: Part) -> tuple[str, str, str]:
    """One step after any number of earlier actions; after all of them, the closing step."""
    p = _problem(rng, 4, min(10, part.longest))
    lines, _ = worked_lines(rng, p, [part.habit.next_careful] * len(p.operations), settings.careless_right)
    shown = rng.randrange(len(lines))
    return "\n".join(["next " + p.text, *(action for _, action in lines[:shown])]), "", _block(*lines[shown])


def _given_sheet(rng: random.Random, settings: PretrainSettings, part: Part) -> tuple[str, str, str]:
    """A whole solution whose first lines are given, in half of the sheets all of them careful."""
    p = _problem(rng, 3, min(settings.longest_given + 1, part.longest))
    given = rng.randrange(len(p.operations))
    given_careful = 1.0 if rng.random() < 0.5 else rng.random()
    rates = [given_careful] * given + [part.habit.whole_careful] * (len(p.operations) - given)
    lines, _ = worked_lines(rng, p, rates, settings.careless_right)
    blocks = [_block(*line) for line in lines]
    return "solve " + p.text, "".join(b + "\n" for b in blocks[:given]), "\n".join(blocks[given:])


def _problem(rng: random.Random, low: int, high: int) -> world.Problem:
    n = rng.randint(1, 3) if high <= 3 or rng.random() < 0.35 else rng.randint(low, high)
    return world.make_problem(rng, n, rng.randrange(len(world.LABELS) - n + 1))


def _block(thought: str, action: str) -> str:
    return f"{PLAIN.open}{thought}{PLAIN.close}{action}"


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
    tokenizer = build_tokenizer()
    model = Qwen2ForCausalLM(model_config(len(tokenizer)))
    rng = random.Random(f"pretrain/{seed}")
    for part in settings.parts:
        train(model, tokenizer, rng, settings, part)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def train(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    rng: random.Random,
    settings: PretrainSettings,
    part: Part,
) -> None:
    """Run one part of the training on `model`, in place."""
    steps, learning_rate = part.steps, part.learning_rate
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    started, losses = time.time(), []
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min(1, step / settings.warmup) * (1 - 0.97 * step / steps)
        rows = [encode(tokenizer, *sheet(rng, settings, part)) for _ in range(settings.batch)]
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
        losses.append(loss_sum)
        if step % 100 == 0:
            print(
                f"step {step}/{steps}  loss {sum(losses[-100:]) / 100:.4f}  {time.time() - started:.0f} s", flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pretrain(arguments.out, arguments.seed, PretrainSettings())


if __name__ == "__main__":
    main()
