"""Byte-level tokenizers with the chat templates that TRL ships, and others."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import trl
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

TEMPLATES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))
}
EOS = "<|endoftext|>"
_MARKERS = re.compile(r"<[|｜][\w▁]+[|｜]>|<(?:start|end)_of_(?:turn|utterance)>|<\|turn>|<turn\|>|</s>")


def byte_tokenizer(template: str | None, *plain: str, special: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """A token for each byte, special ones for the template's markers and `special`, ordinary added ones for `plain`."""
    markers = ["<pad>", EOS, "<s>", *_MARKERS.findall(template or ""), *special]
    markers = [marker for marker in dict.fromkeys(markers) if marker not in plain]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate([*markers, *alphabet])}, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    core.add_special_tokens(markers)
    core.add_tokens([AddedToken(text, normalized=False, special=False) for text in plain])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=EOS, pad_token="<pad>", bos_token="<s>")
    tokenizer.chat_template = template
    return tokenizer


@cache
def stored(name: str) -> PreTrainedTokenizerFast:
    """A tokenizer with one of TRL's stored templates."""
    return byte_tokenizer(TEMPLATES[name])


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def system(content: str) -> dict[str, str]:
    return {"role": "system", "content": content}
