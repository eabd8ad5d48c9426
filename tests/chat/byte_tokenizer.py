"""A byte-level tokenizer without merges, with a chat template that TRL ships or one of the test's own."""

from __future__ import annotations

from pathlib import Path

import trl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
PAD, END = "<pad>", "<|im_end|>"


def byte_tokenizer(template: str | None = "qwen2_5", special: tuple[str, ...] = (), added: tuple[str, ...] = ()):
    """Characters are tokens.

    Args:
        template: Name of a template of TRL's, or the template itself.
        special: Further special tokens.
        added: Added tokens that are not special.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    marks = [PAD, "<|endoftext|>", "<|im_start|>", END]
    core = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate([*marks, *alphabet])}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(marks)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=END, pad_token=PAD, bos_token=marks[1])
    tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
    tokenizer.add_tokens(list(added))
    if template is not None:
        stored = TEMPLATES / f"{template}.jinja"
        tokenizer.chat_template = stored.read_text() if "{" not in template else template
    return tokenizer
