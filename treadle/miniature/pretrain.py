"""Make the quick start's base model from nothing: `python -m treadle.miniature.pretrain OUT --seed S`.

The base learns from worksheets (`treadle.miniature.worksheets`) that hold careless and careful work. It therefore *can*
work carefully and mostly does not, which is the situation that the paper starts from: the skill is there, the policy on
hard problems is not.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, Qwen2Config, Qwen2ForCausalLM

from treadle.files.whole import appearing_file
from treadle.miniature.tokenizer import build_tokenizer
from treadle.miniature.worksheets import Part, PretrainSettings, sheet

IGNORE = -100
REPORTED = 100  # steps from one line of progress, and one checkpoint, to the next


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


class Progress:
    """What an interrupted pretraining goes on from, and its lines of progress.

    Args:
        folder: For `checkpoint.pt` and `metrics.jsonl`; with `None` nothing is kept.
        parts: Of the training.
        model, rng: Whose states are saved and restored.
    """

    def __init__(self, folder: Path | None, parts: Sequence[Part], model: Qwen2ForCausalLM, rng: random.Random) -> None:
        self._folder, self._model, self._rng = folder, model, rng
        self._lengths = [part.steps for part in parts]
        self._started = time.time()
        self._state: dict[str, Any] = {"part": 0, "step": 0}
        if folder is not None and (file := folder / "checkpoint.pt").is_file():
            self._state = torch.load(file, weights_only=True)
            model.load_state_dict(self._state["model"])
            rng.setstate(self._state["rng"])

    def steps_done(self, part: int, optimizer: torch.optim.Optimizer) -> int | None:
        """Steps of a part that a call before has done; `None` if it has done the whole part."""
        if part != self._state["part"]:
            return None if part < self._state["part"] else 0
        if self._state["step"]:
            optimizer.load_state_dict(self._state["optimizer"])
        return self._state["step"]

    def save(self, part: int, step: int, loss: float, optimizer: torch.optim.Optimizer) -> None:
        """Say how far a part is and, with a folder, keep it."""
        print(f"step {step}/{self._lengths[part]}  loss {loss:.4f}  {time.time() - self._started:.0f} s", flush=True)
        if self._folder is None:
            return
        state = {"part": part, "step": step, "model": self._model.state_dict(), "optimizer": optimizer.state_dict()}
        with appearing_file(self._folder / "checkpoint.pt") as file:
            torch.save(state | {"rng": self._rng.getstate()}, file)
        of_all = sum(self._lengths[:part]) + step
        line = {"step": of_all, "seconds": round(time.time() - self._started, 2), "loss": loss}
        with (self._folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def pretrain(out: Path, seed: int, settings: PretrainSettings, progress: Path | None = None) -> None:
    """Train a base from nothing and save model and tokenizer in `out`.

    Args:
        progress: Folder for checkpoints, from which the same call goes on; by default none are kept.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    model = Qwen2ForCausalLM(model_config(len(tokenizer)))
    rng = random.Random(f"pretrain/{seed}")
    kept = Progress(progress, settings.parts, model, rng)
    for number in range(len(settings.parts)):
        train(model, tokenizer, rng, settings, number, kept)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def train(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    rng: random.Random,
    settings: PretrainSettings,
    number: int,
    progress: Progress,
) -> None:
    """Run what is left of one part of the training on `model`, in place."""
    part: Part = settings.parts[number]
    steps, learning_rate = part.steps, part.learning_rate
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    done = progress.steps_done(number, optimizer)
    if done is None:
        return
    losses: list[float] = []
    for step in range(done + 1, steps + 1):
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
        if step % REPORTED == 0:
            recent = losses[-REPORTED:]
            progress.save(number, step, sum(recent) / len(recent), optimizer)


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
