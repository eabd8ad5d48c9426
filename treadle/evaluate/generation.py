"""Generate text for many chat prompts at once: sorted by length, batched, in the caller's order.

What the miniature samples its problems with. Its numbers come from torch's global generator, so that its published
runs repeat; evaluation goes through `treadle.evaluate.backends`, where each sample has a seed of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from treadle.chat.chat import Chat
from treadle.evaluate.backends.decoding import as_generation, config_for, end_tokens, own_settings_aside
from treadle.evaluate.records import Generation, Sampling
from treadle.trajectory import Message


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
    chat = Chat(tokenizer)
    prompt_ids = chat.prompts(prompts)
    order = sorted(range(len(prompts)), key=lambda i: len(prompt_ids[i]))
    ends = end_tokens(model, tokenizer, chat)
    config = config_for(Sampling(max_new_tokens, temperature), max_new_tokens, ends, tokenizer.pad_token_id)
    model.eval()
    generations: list[Generation | None] = [None] * len(prompts)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = tokenizer.pad(
            {"input_ids": [prompt_ids[i] for i in rows]}, padding_side="left", return_tensors="pt"
        ).to(model.device)
        with torch.inference_mode(), own_settings_aside(model):
            output_BT = model.generate(**batch, generation_config=config)
        new_BT = output_BT[:, batch["input_ids"].shape[1] :].cpu()
        for i, ids in zip(rows, new_BT.tolist(), strict=True):
            generations[i] = as_generation(chat.decode, ids, ends, max_new_tokens)
    return generations
