"""Generate text for many chat prompts with transformers: sorted by length, batched, in the caller's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from treadle.trajectory import Message

# What a model's own generation config would otherwise add: Qwen2.5's instruct models, for one, penalise repetition.
_NEUTRAL = {
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "min_length": 0,
    "typical_p": 1.0,
}


@dataclass(frozen=True)
class Generation:
    """One generated text: decoded without end marks, its length in tokens with them, and whether it was cut off."""

    text: str
    n_tokens: int
    truncated: bool


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[list[Message]],
    max_new_tokens: int,
    temperature: float = 0.0,
    batch_size: int = 128,
) -> list[Generation]:
    """One generation a prompt; repeat a prompt to draw several samples of it.

    Args:
        model: Any causal language model; it is put in evaluation mode.
        tokenizer: Its tokenizer, with a chat template and a padding token.
        prompts: P lists of chat messages.
        max_new_tokens: Limit of each generation in tokens.
        temperature: 0 decodes greedily; above 0 samples from the whole distribution with torch's global
            generator, so that `torch.manual_seed` makes it repeatable.
        batch_size: Prompts in one forward.

    Returns:
        P generations in the order of `prompts`.
    """
    prompt_ids = [
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False) for prompt in prompts
    ]
    order = sorted(range(len(prompts)), key=lambda i: len(prompt_ids[i]))
    ends = _end_tokens(model, tokenizer)
    sampling = (
        {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0, "min_p": 0.0} if temperature else {}
    )
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
        disable_compile=True,
        **_NEUTRAL,
        **(sampling or {"do_sample": False}),
    )
    model.eval()
    generations: list[Generation | None] = [None] * len(prompts)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = tokenizer.pad(
            {"input_ids": [prompt_ids[i] for i in rows]}, padding_side="left", return_tensors="pt"
        ).to(model.device)
        with torch.inference_mode():
            output_BT = model.generate(**batch, generation_config=config)
        new_BT = output_BT[:, batch["input_ids"].shape[1] :].cpu()
        for i, ids in zip(rows, new_BT.tolist(), strict=True):
            length = next((n + 1 for n, token in enumerate(ids) if token in ends), None)
            kept = ids[:length] if length else ids
            generations[i] = Generation(
                text=tokenizer.decode(kept, skip_special_tokens=True), n_tokens=len(kept), truncated=length is None
            )
    return generations


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """All tokens that end a turn: instruct models often list more than the tokenizer's own."""
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return sorted({i for i in [*ids, tokenizer.eos_token_id] if i is not None})
