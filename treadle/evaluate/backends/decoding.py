"""How text is drawn from a model, and nothing of what its own generation config would add.

Evaluation compares models under one rule. Qwen2.5's instruct models, for one, ship a repetition penalty and a narrow
nucleus; both would change the distribution that is measured. `own_settings_aside` takes them away for the time of a
generation, and `config_for` writes down what is left: temperature, nucleus, top-k, length, and every end token.

Random numbers belong to rows. A row's come from its own generator, seeded by `Request.seed`, so that a sample does not
depend on what is computed beside it: an interrupted run goes on to the same samples. What remains is rounding, for a
matrix product may round differently in a batch of another size; in bfloat16 this now and then changes a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from treadle.chat.chat import Chat
from treadle.errors import ModelError
from treadle.evaluate.records import Finish, Generation, Sampling
from treadle.rollout.sampling import inverse_cdf
from treadle.rollout.support import unwrap


def end_tokens(model: Any, tokenizer: PreTrainedTokenizerBase, chat: Chat | None = None) -> list[int]:
    """All tokens that end a turn, ascending: the chat template's, the tokenizer's, and those that the model lists.

    Args:
        chat: How the model is spoken to; by default as the tokenizer's template stands.
    """
    return (chat or Chat(tokenizer)).ends_of(unwrap(model))


@contextmanager
def own_settings_aside(model: Any) -> Iterator[None]:
    """Let a model generate without its own generation config for the time of a `with` block."""
    base = unwrap(model)
    before = base.generation_config
    base.generation_config = GenerationConfig()
    try:
        yield
    finally:
        base.generation_config = before


def config_for(sampling: Sampling, max_new_tokens: int, ends: list[int], pad: int | None) -> GenerationConfig:
    """The settings of one batch; complete under `own_settings_aside`.

    Args:
        max_new_tokens: Limit of the batch, at most that of `sampling`.
        ends: Tokens that end a row; none for rows that always run to the limit.
        pad: Fills up shorter rows.
    """
    how: dict[str, Any] = {"do_sample": False}
    if sampling.temperature:
        how = {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            # Without a number of its own, transformers keeps the 50 likeliest tokens.
            "top_k": sampling.top_k,
        }
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        eos_token_id=ends or None,
        pad_token_id=pad if pad is not None else (ends or [0])[0],
        disable_compile=True,
        **how,
    )


class DrawByRow(LogitsProcessor):
    """Leaves of each row's scores only the token that the row's own number picks.

    `generate` then draws what `treadle.rollout` would have drawn from the same numbers. Given to a `generate` that
    samples with neutral settings, for it puts its own warpers after the processors of the caller.

    Args:
        sampling: With a temperature above 0; applied here.
        uniform_RT: From `treadle.rollout.generate.row_numbers`.
        width: Padded length of the prompts.
    """

    def __init__(self, sampling: Sampling, uniform_RT: torch.Tensor, width: int) -> None:
        self.uniform_RT, self.width = uniform_RT, width
        self.warpers = LogitsProcessorList([TemperatureLogitsWarper(float(sampling.temperature))])
        if sampling.top_k:
            self.warpers.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            self.warpers.append(TopPLogitsWarper(sampling.top_p))

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        step = input_ids.shape[1] - self.width
        token_R = inverse_cdf(self.warpers(input_ids, scores.float()).softmax(dim=-1), self.uniform_RT[:, step])
        if int(token_R.max()) >= scores.shape[1]:
            raise ModelError(
                f"New token {step + 1}: the model's probabilities are not numbers, expected finite logits; look at "
                "its weights and dtype (float16 overflows where bfloat16 does not)."
            )
        return torch.full_like(scores, -torch.inf).scatter_(1, token_R[:, None], 0.0)


def as_generation(
    decode: Callable[[Sequence[int]], str], tokens: Sequence[int], ends: Sequence[int], limit: int
) -> Generation:
    """The text of a row's new tokens up to the first end token, or to `limit`; `decode` is a `Chat`'s."""
    tokens = tokens[:limit]
    length = next((n + 1 for n, token in enumerate(tokens) if token in ends), None)
    kept = tokens if length is None else tokens[:length]
    return Generation(
        text=decode(kept),
        n_tokens=len(kept),
        finish=Finish.LENGTH if length is None else Finish.STOP,
    )
