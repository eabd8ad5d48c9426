"""Make the small base model from nothing: `python examples/data_analysis/base.py OUT`.

It learns from sheets of the `easy` families on tables of other seeds than all questions have. Their author is careless
most of the time: a thought that names only the kind of step, and a statement with some other column, word or function
than the question asks for. A few are careful: the thought lists what the statement needs, and the statement is right.
So the base writes SQL that runs and is often wrong, and is right more often where it thinks first, which it seldom does.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from families import AGGREGATES, REASONS, Family, draw_slots, misread, of_split
from seeded_tables import FIELDS
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from world import World

from treadle.data.prompts import Asking, solve_prompt, step_prompt
from treadle.domains.domain import Task
from treadle.domains.registry import use
from treadle.scoring.thoughts import PLAIN
from treadle.trajectory import Message, Step

HERE = Path(__file__).parent
DOMAIN = "data_analysis"
ASKING = Asking()
IGNORE = -100
PAD, END, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}<|user|>{% else %}<|assistant|>{% endif %}"
    "{{ message.content }}<|end|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True)
class Habit:
    """How sheets are worked for so many optimizer steps.

    Args:
        careful: How often a sheet of an easy family is worked carefully; of the known ones none is.
        misread: How often a careless author fills a group of slots with another.
    """

    steps: int
    careful: float
    misread: float


@dataclass(frozen=True)
class Settings:
    """What the shipped base was made with.

    Args:
        habits: In order: enough care at first to learn how questions are read, at last as seldom as the base shows it.
        known: Share of sheets of `known` families.
        whole: Share of sheets with a whole solution.
        tables: How many seeds of tables there are, from `first_seed`, which no question has.
        learning_rate: Falls to nothing over all steps.
    """

    habits: tuple[Habit, ...] = (Habit(800, 0.5, 0.1), Habit(250, 0.1, 0.35))
    known: float = 0.4
    whole: float = 0.5
    tables: int = 12
    first_seed: int = 1000
    batch: int = 16
    micro_batches: int = 2
    learning_rate: float = 4e-3
    warmup: int = 50


def thought(family: Family, step: int, draw: dict[str, str | int], careful: bool) -> str:
    """A step's, in the base's own style: the kind of step, and of a careful one what the statement needs."""
    title = family.titles[step]
    return " ".join([title, *(str(draw[name]) for name in family.slots(step))]) if careful else title


def sheet(rng: random.Random, settings: Settings, habit: Habit) -> tuple[list[Message], str]:
    """A prompt and what the author wrote."""
    family = rng.choice(of_split("known" if rng.random() < settings.known else "easy"))
    tables, field = rng.choice(list(FIELDS.items()))
    draw, careful = draw_slots(rng, field), family.split == "easy" and rng.random() < habit.careful
    problem = f"{field.schema}\nQuestion: {family.question(rng, draw)}"
    read = draw if careful else misread(rng, field, draw, habit.misread)
    actions = family.statements(read)
    written = [PLAIN.written(thought(family, step, read, careful), action) for step, action in enumerate(actions)]
    if rng.random() < settings.whole:
        return solve_prompt(DOMAIN, problem, ASKING), "\n\n".join(written)
    shown = rng.randrange(len(actions))
    task = Task("", problem, setup={"tables": tables, "seed": settings.first_seed + rng.randrange(settings.tables)})
    before = played(task, family.statements(draw)[:shown])
    return step_prompt(DOMAIN, problem, before, asking=ASKING), written[shown]


def played(task: Task, actions: Sequence[str]) -> list[Step]:
    """The steps with what the world answers to them."""
    world = World()
    world.reset(task)
    steps = [Step(action, observation=world.step(action)[0]) for action in actions]
    world.close()
    return steps


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Each word of the field is a token, each digit too."""
    rng = random.Random("tokenizer")
    texts = [*REASONS.values(), *AGGREGATES]
    for _ in range(1500):
        family, field = rng.choice(of_split("easy", "known")), rng.choice(list(FIELDS.values()))
        draw = draw_slots(rng, field)
        texts += [f"{field.schema}\nQuestion: {family.question(rng, draw)}", *family.statements(draw)]
        texts += [thought(family, step, draw, True) for step in range(len(family.steps))]
    for words in (words for field in FIELDS.values() for words in [*field.kinds.values(), *field.traits.values()]):
        texts += [form.format(word) for word in (*words, "kept", "narrowed", "grouped", "joined", "picked", "rows") for form in ("'{}'", "{}", ", {}", " {}") for _ in range(50)]
    texts += [step_prompt(DOMAIN, "", [], asking=ASKING)[0]["content"], solve_prompt(DOMAIN, "", ASKING)[0]["content"]] * 50
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[^\W\d]+| ?\d| ?[^\s\w]|\s"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1400,
        min_frequency=3,
        special_tokens=[PAD, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, padding_side="left", model_max_length=1024
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [USER, ASSISTANT]})
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in PLAIN.pair])
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def model_config(vocabulary: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
    )


def encode(tokenizer: PreTrainedTokenizerFast, prompt: list[Message], written: str) -> tuple[list[int], list[int]]:
    """Token ids and labels; only what the author wrote and the end mark carry loss."""
    text = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    context, target = tokenizer(text)["input_ids"], tokenizer(written + END)["input_ids"]
    return context + target, [IGNORE] * len(context) + target


def padded(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded `[B, T]` ids and labels."""
    width = max(len(ids) for ids, _ in rows)
    ids_BT = torch.zeros(len(rows), width, dtype=torch.long)
    labels_BT = torch.full((len(rows), width), IGNORE)
    for row, (ids, labels) in enumerate(rows):
        ids_BT[row, : len(ids)], labels_BT[row, : len(labels)] = torch.tensor(ids), torch.tensor(labels)
    return ids_BT, labels_BT


def pretrain(out: Path, settings: Settings, seed: int = 0) -> None:
    """Train a base and save model and tokenizer in `out`."""
    use(str(HERE))
    torch.manual_seed(seed)
    rng = random.Random(f"base/{seed}")
    tokenizer = build_tokenizer()
    model = Qwen2ForCausalLM(model_config(len(tokenizer)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    habits = [habit for habit in settings.habits for _ in range(habit.steps)]
    start, losses = time.monotonic(), []
    for step, habit in enumerate(habits, 1):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1, step / settings.warmup) * (1 - 0.97 * step / len(habits))
        rows = [encode(tokenizer, *sheet(rng, settings, habit)) for _ in range(settings.batch)]
        losses.append(_backward(model, rows, settings.micro_batches))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 0:
            recent = sum(losses[-100:]) / 100
            print(f"step {step}/{len(habits)}  loss {recent:.3f}  {time.monotonic() - start:.0f} s", flush=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _backward(model: Qwen2ForCausalLM, rows: list[tuple[list[int], list[int]]], micro_batches: int) -> float:
    """Add the gradients of the mean loss over learned tokens, and return that loss."""
    total = sum(label != IGNORE for _, labels in rows for label in labels)
    rows, size, mean = sorted(rows, key=lambda row: len(row[0])), len(rows) // micro_batches, 0.0
    for first in range(0, len(rows), size):
        ids_BT, labels_BT = padded(rows[first : first + size])
        learned_BT = labels_BT[:, 1:] != IGNORE
        logits_NV = model.lm_head(model.model(input_ids=ids_BT).last_hidden_state[:, :-1][learned_BT])
        loss = torch.nn.functional.cross_entropy(logits_NV, labels_BT[:, 1:][learned_BT], reduction="sum") / total
        loss.backward()
        mean += loss.item()
    return mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pretrain(arguments.out, Settings())


if __name__ == "__main__":
    main()
