"""The quick start's tokenizer: Qwen2's own, without merges, so that each character is a token.

`<think>`, `</think>` and `\\boxed{` are single tokens, as they are few in larger models. They are ordinary
added tokens, not special ones, so that decoding a completion keeps them and the parser sees the text that a
large model would have written. `next ` and `solve ` mark the two kinds of prompt.
"""

from __future__ import annotations

import string

from tokenizers import AddedToken
from transformers import Qwen2Tokenizer

from treadle.scoring.thoughts import PLAIN

PAD, END, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
MARKS = (*PLAIN.pair, "\\boxed{", "next ", "solve ")
# Byte-level names of newline and space come first.
CHARACTERS = "ĊĠ" + string.digits + string.ascii_lowercase + "+-*=|.,:?}"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}<|user|>{% else %}<|assistant|>{% endif %}"
    "{{ message.content }}<|end|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_tokenizer() -> Qwen2Tokenizer:
    """Build the tokenizer from nothing; 57 tokens, left padding, with a chat template."""
    vocabulary = {token: i for i, token in enumerate((PAD, END, USER, ASSISTANT, *MARKS, *CHARACTERS))}
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=[],
        unk_token=None,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        model_max_length=2048,
    )
    tokenizer.add_tokens(
        [AddedToken(t, normalized=False, special=True) for t in (USER, ASSISTANT)], special_tokens=True
    )
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in MARKS])
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
