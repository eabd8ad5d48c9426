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


def spaced_tokenizer(template: str, scheme: str) -> PreTrainedTokenizerFast:
    """A token for each character, in SentencePiece's form: spaces are `▁`, and one stands before a text by itself.

    Args:
        scheme: `always` puts it before each stretch between special tokens, as Llama 2's does; `first` before one.
    """
    marks = list(dict.fromkeys(["<unk>", "<s>", "</s>", "<|im_start|>", *_MARKERS.findall(template)]))
    pieces = [*marks, "▁", *map(chr, range(33, 127)), *(f"<0x{byte:02X}>" for byte in range(256))]
    core = Tokenizer(
        models.BPE(
            vocab={piece: number for number, piece in enumerate([*pieces, "▁t"])},
            merges=[("▁", "t")],
            byte_fallback=True,
            unk_token="<unk>",
        )
    )
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    core.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in marks])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", pad_token="<unk>", bos_token="<s>")
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
