"""Which requests are computed together: sorted so that they share work, within a budget of cached tokens.

A batch is finished before the next one begins, so that its generations can be written down at once. Rows with equal
limits go together; among them rows with equal beginnings stand side by side when prompts are shared, rows of equal
length when they are padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import numpy as np
import torch

from treadle.rollout.support import unwrap
from treadle.tree.chains import common_length

# Of a GPU's free memory, what keys and values may take: the rest is for logits, for copies of a layer's cache when
# rows leave, and for what the allocator cannot use.
CACHE_SHARE = 0.5
CACHE_BYTES_ON_CPU = 2 * 2**30


def batches(
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    max_kv_tokens: int,
    max_rows: int,
    shared: bool,
    copied: float = 0.0,
) -> Iterator[list[int]]:
    """Cut rows into batches whose cache stays within a budget even if every row runs to its limit.

    Args:
        prompts: Token ids of every row, repeated where rows share a prompt.
        limits: New tokens that each row may add.
        max_kv_tokens: The budget of a batch. A row that exceeds it alone is a batch of its own.
        max_rows: Most rows of a batch.
        shared: Prompt tokens are held once for all rows that begin with them; otherwise every row is padded to the
            longest prompt of its batch.
        copied: Tokens that may be held beside each of a prompt that no row before has, where prompts are shared; see
            `treadle.rollout.attention.copied_beside`.

    Yields:
        Indices of rows, each once.
    """
    arrays = [np.asarray(prompt, dtype=np.int64) for prompt in prompts]
    within = (lambda i: list(prompts[i])) if shared else (lambda i: len(prompts[i]))
    batch: list[int] = []
    cost = 0
    for row in sorted(range(len(prompts)), key=lambda i: (limits[i], within(i), i)):
        length = len(arrays[row])
        if shared:
            known = common_length(arrays[batch[-1]], arrays[row]) if batch else 0
            added = limits[row] + length - known + ceil(copied * (length - known))
        else:
            # Rows come by length, so that this one's is the padded length of all before it.
            added = (length + limits[row]) * (len(batch) + 1) - cost
        full = len(batch) == max_rows or cost + added > max_kv_tokens
        if batch and (full or limits[batch[0]] != limits[row]):
            yield batch
            batch, cost, added = [], 0, limits[row] + length + ceil(copied * length)
        batch.append(row)
        cost += added
    if batch:
        yield batch


def cache_budget(model: Any) -> int:
    """Tokens whose keys and values fit: into half of the GPU's free memory, or into 2 GiB of the machine's."""
    base = unwrap(model)
    config = base.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 1)
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    one_token = 2 * config.num_hidden_layers * kv_heads * head_size * base.dtype.itemsize
    if base.device.type == "cuda":
        return int(torch.cuda.mem_get_info(base.device)[0] * CACHE_SHARE) // one_token
    return CACHE_BYTES_ON_CPU // one_token
