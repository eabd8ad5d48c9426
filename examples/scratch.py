"""A small causal language model from nothing, for examples whose training must fit into minutes on a processor.

The tokenizer is a byte-level BPE of the example's own texts, in which a digit is a token and a word seldom more than
one; the model is Llama's. What it learns from are sheets: what the user asks, what is given of the answer, what is to
be learned. Both are saved as any model is, so that every command takes the folder.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from treadle.miniature.pretrain import IGNORE, encode, micro_batches
from treadle.miniature.tokenizer import ASSISTANT, CHAT_TEMPLATE, END, PAD, USER
from treadle.scoring.thoughts import PLAIN

Sheet = tuple[str, str, str]
"""What the user asks, what is given of the answer, what is learned."""

_WORDS = r" ?[A-Za-z]+| ?[0-9]|\s+| ?[^\sA-Za-z0-9]"
_WHOLE_NUMBERS = _WORDS.replace("[0-9]|", "[0-9]+|")


@dataclass(frozen=True)
class Size:
    """Of the model, and how it is trained.

    Args:
        hidden, layers, heads: Of Llama's architecture.
        spread: Standard deviation of the first weights.
        vocabulary: Most tokens.
        steps: Of the optimizer, so that a seed gives the same model on any machine.
        batch: Sheets of one of them.
        micro_batches: In how many parts of similar length they are computed.
        learning_rate: After the warm-up of `warmup` steps; from there it falls linearly.
    """

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    spread: float = 0.02
    vocabulary: int = 512
    steps: int = 800
    batch: int = 32
    micro_batches: int = 4
    learning_rate: float = 2e-3
    warmup: int = 50


def build_tokenizer(texts: Iterable[str], vocabulary: int, whole_numbers: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer of these texts, with a chat template; it loses no character of any text.

    Args:
        whole_numbers: A number that the texts have often is one token, where otherwise each digit is.
    """
    words = Regex(_WHOLE_NUMBERS if whole_numbers else _WORDS)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [PAD, END, USER, ASSISTANT]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    # As in larger models the tags are single tokens and not special ones, so that decoding keeps them.
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in PLAIN.pair])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def pretrain(
    out: Path,
    sheet: Callable[[random.Random], Sheet],
    tokenizer: PreTrainedTokenizerFast,
    size: Size,
    seed: int = 0,
    said: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train a model on sheets and save it, with its tokenizer, in `out`.

    Args:
        sheet: Draws one.
        said: Is told, every 100 steps, the step and the mean loss of a token since the last time.
    """
    torch.manual_seed(seed)
    rng = random.Random(f"pretrain/{seed}")
    model = LlamaForCausalLM(_config(len(tokenizer), size))
    optimizer = torch.optim.AdamW(model.parameters(), lr=size.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    losses: list[float] = []
    for step in range(1, size.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = size.learning_rate * min(1, step / size.warmup) * (1 - 0.97 * step / size.steps)
        rows = [encode(tokenizer, *sheet(rng)) for _ in range(size.batch)]
        total = sum(label != IGNORE for _, labels in rows for label in labels)
        losses.append(0.0)
        for ids_BT, labels_BT in micro_batches(rows, size.micro_batches):
            learned_BT = labels_BT[:, 1:] != IGNORE  # of the others no logits are computed
            hidden_ND = model.model(input_ids=ids_BT).last_hidden_state[:, :-1][learned_BT]
            logits_NV = model.lm_head(hidden_ND)
            loss = torch.nn.functional.cross_entropy(logits_NV, labels_BT[:, 1:][learned_BT], reduction="sum") / total
            loss.backward()
            losses[-1] += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 0:
            said(step, math.fsum(losses[-100:]) / 100)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _config(vocabulary: int, size: Size) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=size.hidden,
        intermediate_size=3 * size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        initializer_range=size.spread,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
    )
