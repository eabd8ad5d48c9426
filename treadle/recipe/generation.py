"""Completions of a model outside of a trainer's steps: for a cold start, and to see what a model writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from transformers import GenerationConfig

from treadle.chat.chat import Chat
from treadle.chat.progress import progress
from treadle.rollout import generate_completions, why_not
from treadle.rollout.generate import up_to_end
from treadle.rollout.support import unwrap
from treadle.trajectory import Message

AT_ONCE = 64
"""Completions that are generated together."""


class Written(NamedTuple):
    """A completion's text, and whether the limit cut it off."""

    text: str
    truncated: bool


def free_sampling(chat: Chat, network: Any, limit: int, temperature: float) -> GenerationConfig:
    """Sampling from the whole distribution, up to where completions of `network` end or `limit` tokens."""
    return GenerationConfig(
        max_new_tokens=limit,
        do_sample=True,
        temperature=temperature,
        top_k=0,
        eos_token_id=chat.ends_of(unwrap(network)),
        pad_token_id=chat.tokenizer.pad_token_id,
    )


def as_written(chat: Chat, ids: Sequence[int], ends: Sequence[int]) -> Written:
    """A completion's tokens as text; one that is not cut off has one of `ends` last."""
    return Written(chat.decode(ids), not ids or ids[-1] not in ends)


def write(
    network: Any,
    chat: Chat,
    conversations: Sequence[Sequence[Message]],
    seeds: Sequence[int],
    limit: int,
    temperature: float = 1.0,
    title: str | None = None,
) -> list[Written]:
    """One completion for each conversation. No random numbers but those of `seeds` are used.

    Args:
        network: A causal language model, in whichever mode; it is left as it was.
        conversations: Prompts; equal ones that lie together are computed once.
        seeds: One for each, 0 or more.
        limit: Tokens of a completion.
        title: What is said while it runs; `None` says nothing.
    """
    config = free_sampling(chat, network, limit, temperature)
    prompts, was_training = chat.prompts(conversations), network.training
    network.eval()
    try:
        tokens: list[list[int]] = []
        with (
            torch.inference_mode(),
            progress(title or "", len(prompts), limit, shown=title is not None) as finished,
        ):
            for at in range(0, len(prompts), AT_ONCE):
                tokens += _generate(network, prompts[at : at + AT_ONCE], config, seeds[at : at + AT_ONCE])
                finished(len(tokens) - at)
    finally:
        network.train(was_training)
    return [as_written(chat, ids, config.eos_token_id) for ids in tokens]


def _generate(network: Any, prompts: list[list[int]], config: GenerationConfig, seeds: Sequence[int]) -> Any:
    if why_not(network, config) is None:
        return generate_completions(network, prompts, config, seeds=list(seeds))
    width, pad = max(map(len, prompts)), config.pad_token_id
    ids_BL = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=network.device)
    mask_BL = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=network.device)
    with torch.random.fork_rng(devices=[network.device] if network.device.type == "cuda" else []):
        torch.manual_seed(seeds[0])
        output_BT = network.generate(input_ids=ids_BL, attention_mask=mask_BL, generation_config=config)
    ends = torch.tensor(config.eos_token_id)
    return [up_to_end(ids, ends) for ids in output_BT[:, width:].tolist()]
