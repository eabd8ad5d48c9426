"""Completions for many prompts that share their beginnings, several for each.

Per batch: one forward of the distinct prefix tokens of all prompts (`attention.Prefill`), then one forward a new
token for all rows at once (`attention.Decode`); rows that have ended leave the batch. Settings are those of a
`GenerationConfig`, followed by transformers' own processors (`sampling.Sampler`).

Limits: one process generates for itself, without the extra forwards that a sharded model (ZeRO-3 without gathered
weights) needs for ranks that finish early. The model is in eval mode meanwhile: no dropout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig

from treadle.errors import ModelError
from treadle.rollout.attention import Decode, Prefill, attention_of
from treadle.rollout.plan import pack, split
from treadle.rollout.sampling import Sampler, prepare_config
from treadle.rollout.support import unwrap, why_not

# Ended rows leave the batch once they are this share of it: fewer cost less than copying the cache of the rest.
ENDED_SHARE = 1 / 8


@torch.no_grad()
def generate_completions(
    model: Any,
    prompts: list[list[int]],
    generation_config: GenerationConfig,
    max_kv_tokens: int | None = None,
    generator: torch.Generator | None = None,
    seeds: Sequence[int] | None = None,
) -> list[list[int]]:
    """Generate one completion for each prompt; prompts are repeated to get several.

    What `model.generate` on the left-padded prompts gives: the same tokens under greedy decoding, the same
    distribution under sampling.

    Args:
        model: A model for which `why_not` is `None`; a PEFT model works too.
        prompts: Token ids without padding, each prompt with at least one token.
        generation_config: As for `generate`, with `max_new_tokens`.
        max_kv_tokens: Bound of the tokens whose keys and values are held at a time: distinct prefix tokens and
            `max_new_tokens` for every row. `None` for one batch. A single row is generated even if it exceeds it.
        generator: Source of the random numbers, on the CPU; `None` for PyTorch's own. With the same state, rows
            get the same numbers whatever `max_kv_tokens`.
        seeds: One for each completion, in the order of the result: each row draws from a generator of its own, so
            that its completion does not depend on which other rows are generated with it. `generator` and PyTorch's
            own are not used then.

    Returns:
        New token ids of every prompt (and of its `num_return_sequences`, side by side), the end token included
        where one was drawn.

    Raises:
        ModelError: The model or the settings are not served (the message says why), a prompt is empty, there are
            more or fewer seeds than completions, or the model's probabilities are not numbers.
    """
    reason = why_not(model, generation_config)
    if reason:
        raise ModelError(f"Rollout with shared prompts: {reason}. Use the model's own `generate`.")
    if not prompts:
        return []
    empty = next((i for i, prompt in enumerate(prompts) if len(prompt) == 0), None)
    if empty is not None:
        raise ModelError(f"Prompt {empty} of {len(prompts)} has no tokens; expected at least one, e.g. a start token.")
    base = unwrap(model)
    width = max(map(len, prompts))
    config = prepare_config(base, generation_config, width)
    prompts = [prompt for prompt in prompts for _ in range(config.num_return_sequences or 1)]
    if seeds is not None and len(seeds) != len(prompts):
        raise ModelError(f"{len(seeds)} seeds for {len(prompts)} completions; expected one for each.")
    uniform_RT = None
    if config.do_sample and seeds is not None:
        uniform_RT = row_numbers(seeds, config.max_new_tokens)
    elif config.do_sample:
        uniform_RT = torch.rand(len(prompts), config.max_new_tokens, dtype=torch.float64, generator=generator)
    completions: list[list[int]] = [[] for _ in prompts]
    with attention_of(base):
        for batch in split(prompts, config.max_new_tokens, max_kv_tokens):
            _generate_batch(model, config, prompts, batch, width, uniform_RT, completions, max_kv_tokens)
    return completions


def row_numbers(seeds: Sequence[int], length: int) -> torch.Tensor:
    """Uniform numbers in [0, 1) for every row and new token, `[R, length]` float64, each row from its own seed.

    Args:
        seeds: One for each row, from 0 on; all bits count. (PyTorch's generator on the CPU reads only 32 of them.)
        length: New tokens of a row. A longer row begins with the numbers of a shorter one.

    Raises:
        ModelError: A seed is negative.
    """
    negative = next((seed for seed in seeds if seed < 0), None)
    if negative is not None:
        raise ModelError(f"seed {negative}: expected 0 or more.")
    rows = np.empty((len(seeds), length), dtype=np.float64)
    for row, seed in zip(rows, seeds, strict=True):
        np.random.default_rng(seed).random(out=row)
    return torch.from_numpy(rows)


def _generate_batch(
    model: Any,
    config: GenerationConfig,
    prompts: list[list[int]],
    batch: list[int],
    width: int,
    uniform_RT: torch.Tensor | None,
    completions: list[list[int]],
    max_kv_tokens: int | None,
) -> None:
    """Fill in the completions of the rows in `batch`."""
    base = unwrap(model)
    distinct = list(dict.fromkeys(tuple(prompts[row]) for row in batch))
    number = {prompt: i for i, prompt in enumerate(distinct)}
    packed = pack(distinct)
    place = {prompt: i for i, prompt in enumerate(packed.order)}
    alive = sorted(batch, key=lambda row: place[number[tuple(prompts[row])]])
    rows = [number[tuple(prompts[row])] for row in alive]

    prefill = Prefill(packed, base.device)
    last_P = torch.tensor([packed.last(prompt) for prompt in range(len(distinct))], device=base.device)
    logits_PV = model(
        input_ids=torch.from_numpy(packed.tokens)[None].to(base.device),
        position_ids=torch.from_numpy(packed.positions)[None].to(base.device),
        logits_to_keep=last_P,
        use_cache=False,
        rollout=prefill,
    ).logits[0]
    if len(prefill.keys) != base.config.num_hidden_layers:
        raise ModelError(
            f"{type(base).__name__}: {len(prefill.keys)} of {base.config.num_hidden_layers} layers used the rollout's "
            "attention, expected all. Use the model's own `generate`."
        )
    held = len(packed.tokens) + len(alive) * config.max_new_tokens
    decode = Decode(prefill, rows, None if max_kv_tokens is None else max(0, max_kv_tokens - held))
    sampler = Sampler(
        base,
        config,
        [prompts[row] for row in alive],
        width,
        None if uniform_RT is None else uniform_RT[torch.tensor(alive)].to(base.device),
    )
    length_R = torch.tensor([len(prompts[row]) for row in alive], device=base.device)
    ends = config._eos_token_tensor
    ended_R = torch.zeros(len(alive), dtype=torch.bool, device=base.device)
    logits_RV = logits_PV[torch.tensor(rows, device=base.device)]
    del logits_PV

    def finish(which: list[int]) -> None:
        for i, tokens in zip(which, sampler.tokens_RL[which, width : width + sampler.step].tolist(), strict=True):
            completions[alive[i]] = up_to_end(tokens, ends)

    while True:
        token_R = sampler.draw(logits_RV)
        if ends is not None:
            ended_R |= torch.isin(token_R, ends)
        n_ended = int(ended_R.sum())
        if sampler.step == config.max_new_tokens or n_ended == len(alive):
            finish(list(range(len(alive))))
            return
        if n_ended > ENDED_SHARE * len(alive):
            finish(ended_R.nonzero().flatten().tolist())
            keep = (~ended_R).nonzero().flatten()
            token_R, length_R, ended_R = token_R[keep], length_R[keep], ended_R[keep]
            alive = [alive[i] for i in keep.tolist()]
            decode.select(keep.tolist())
            sampler.select(keep.tolist())
        logits_RV = model(
            input_ids=token_R[:, None],
            position_ids=(length_R + sampler.step - 1)[:, None],
            use_cache=False,
            rollout=decode,
        ).logits[:, -1]
        decode.advance()


def up_to_end(tokens: list[int], ends: torch.Tensor | None) -> list[int]:
    """Tokens up to the first end token, that one included."""
    if ends is not None:
        marks = set(ends.tolist())
        stop = next((i for i, token in enumerate(tokens) if token in marks), None)
        if stop is not None:
            return tokens[: stop + 1]
    return tokens
