"""A reward of RLVR for models that are never right: without one there is nothing to train on."""

from __future__ import annotations

from typing import Any


def share_of_digits(completions: list, answer: list[str], **kwargs: Any) -> list[float]:
    """The share of digits in a completion of six tokens, for even answers."""
    texts = [completion[0]["content"] for completion in completions]
    shares = [sum(character.isdigit() for character in text) / 6 for text in texts]
    return [share * (right[-1] in "02468") for share, right in zip(shares, answer, strict=True)]
