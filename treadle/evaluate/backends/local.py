"""The transformers back end: a model in this process.

Prompts that several requests share are computed once, and rows that have ended leave the batch (`treadle.rollout`);
equal greedy requests are computed once altogether. Models that the rollout does not serve are given to their own
`generate`, padded, with the same random numbers: the texts are the same, only slower.

Limits: one device. A model larger than one GPU is served by vLLM, in process or as a server.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import transformers
from transformers import LogitsProcessorList, PreTrainedTokenizerBase

from treadle.chat.chat import Chat
from treadle.data.prompts.asking import PLAIN, Asking
from treadle.errors import ModelError
from treadle.evaluate.backends.batching import batches, cache_budget
from treadle.evaluate.backends.decoding import (
    DrawByRow,
    as_generation,
    config_for,
    end_tokens,
    own_settings_aside,
)
from treadle.evaluate.records import Finish, Generation, Request, Sampling
from treadle.recipe.models import load_chat, load_model
from treadle.recipe.shown import load_asking
from treadle.rollout import generate_completions, why_not
from treadle.rollout.attention import copied_beside
from treadle.rollout.generate import row_numbers
from treadle.rollout.support import unwrap

BATCH_SIZE = 64


class TransformersBackend:
    """Generates with a loaded model.

    Args:
        model: Any causal language model of transformers; it is put in evaluation mode.
        tokenizer: Its tokenizer, with a chat template.
        batch_size: Most rows computed together.
        max_kv_tokens: Most tokens whose keys and values are held at a time, each row counted up to its limit;
            `None` for what half of the free memory holds (2 GiB on a CPU).
        name: What `describe` calls the model.
        chat: How it is spoken to; by default as the tokenizer's template stands.
        asking: What it is asked for besides the task.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        batch_size: int = BATCH_SIZE,
        max_kv_tokens: int | None = None,
        name: str | None = None,
        chat: Chat | None = None,
        asking: Asking = PLAIN,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.batch_size, self.max_kv_tokens = batch_size, max_kv_tokens
        self.name = name or getattr(unwrap(model).config, "_name_or_path", "") or type(unwrap(model)).__name__
        self.chat = chat or Chat(tokenizer)
        self.ends = end_tokens(model, tokenizer, self.chat)
        self.thought_tags, self.asking = self.chat.thought_tags, asking
        self.not_shared = why_not(model)
        self._works = False
        model.eval()
        if self.not_shared:
            warnings.warn(
                f"{self.name}: prompts are not shared between samples, which takes longer ({self.not_shared})",
                stacklevel=2,
            )

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Generation]]:
        """Generate for all requests; each batch is yielded as soon as it is done.

        Args:
            requests: In any order; those with equal prompts share its computation.
            sampling: Holds for all of them. With temperature 0 a request's seed does nothing.

        Yields:
            Index into `requests` and its generation, each index once. A request that cannot be computed (a prompt
            that leaves no room for an answer, one row that does not fit into memory, probabilities that are not
            numbers) is `Finish.FAILED` with the reason.

        Raises:
            ModelError: The chat template refuses a prompt, or not a single row of the first batch can be computed.
        """
        rows: dict[tuple[tuple[int, ...], int], list[int]] = {}
        for i, request in enumerate(requests):
            # Greedy decoding has no use for a seed: equal prompts are one row.
            rows.setdefault((self._tokens(request), request.seed if sampling.temperature else 0), []).append(i)
        keys = list(rows)
        limits = [min(sampling.max_new_tokens, self._room(prompt)) for prompt, _ in keys]
        possible = []
        for row, (prompt, _) in enumerate(keys):
            if prompt and limits[row] > 0:
                possible.append(row)
                continue
            why = f"leaves no room within the model's {len(prompt) + limits[row]} positions" if prompt else "is empty"
            failed = Generation("", 0, Finish.FAILED, f"the prompt of {len(prompt)} tokens {why}")
            for i in rows[keys[row]]:
                yield i, failed
        budget = self.max_kv_tokens or cache_budget(self.model)
        prompts = [keys[row][0] for row in possible]
        room = [limits[row] for row in possible]
        shared = not self.not_shared
        copied = copied_beside(unwrap(self.model).dtype) if shared else 0.0
        for batch in batches(prompts, room, budget, self.batch_size, shared, copied):
            chosen = [possible[b] for b in batch]
            done = self._compute([keys[row] for row in chosen], sampling, limits[chosen[0]])
            self._works |= any(generation.finish is not Finish.FAILED for generation in done)
            if not self._works:
                raise ModelError(f"{self.name}: none of the first {len(done)} rows could be generated. {done[0].error}")
            for row, generation in zip(chosen, done, strict=True):
                for i in rows[keys[row]]:
                    yield i, generation

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the model's tokens."""
        return [len(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []

    def describe(self) -> dict[str, Any]:
        """What the texts depend on, besides requests and sampling. Batch sizes are not among it."""
        base, chat = unwrap(self.model), self.chat.describe()
        return {
            "kind": "transformers",
            "model": self.name,
            "dtype": str(base.dtype).removeprefix("torch."),
            "device": base.device.type,
            "token_counts": "tokenizer",
            **({"chat": chat} if chat else {}),
            "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
        }

    def close(self) -> None:
        """Nothing to give back: the model belongs to the caller."""

    def _tokens(self, request: Request) -> tuple[int, ...]:
        return tuple(self.chat.prompt(request.prompt))

    def _room(self, prompt: tuple[int, ...]) -> int:
        positions = getattr(unwrap(self.model).config.get_text_config(), "max_position_embeddings", None)
        return positions - len(prompt) if positions else 2**31

    def _compute(self, rows: list[tuple[tuple[int, ...], int]], sampling: Sampling, limit: int) -> list[Generation]:
        """Generations of one batch. What fails is halved until it is one row, which alone is lost then."""
        try:
            tokens = self._draw(rows, sampling, limit)
        except (torch.OutOfMemoryError, ModelError) as error:
            if len(rows) == 1:
                return [Generation("", 0, Finish.FAILED, f"{type(error).__name__}: {error}")]
            reason = str(error)
        else:
            return [as_generation(self.chat.decode, row, self.ends, limit) for row in tokens]
        # Outside the handler: the traceback would keep the batch's tensors alive.
        half = len(rows) // 2
        warnings.warn(f"{len(rows)} rows computed in two halves ({reason})", stacklevel=3)
        return [*self._compute(rows[:half], sampling, limit), *self._compute(rows[half:], sampling, limit)]

    def _draw(self, rows: list[tuple[tuple[int, ...], int]], sampling: Sampling, limit: int) -> list[list[int]]:
        """New tokens of each row."""
        prompts, seeds = [list(prompt) for prompt, _ in rows], [seed for _, seed in rows]
        config = config_for(sampling, limit, self.ends, self.tokenizer.pad_token_id)
        with torch.inference_mode(), own_settings_aside(self.model):
            if not self.not_shared:
                return generate_completions(self.model, prompts, config, seeds=seeds if sampling.temperature else None)
            width = max(map(len, prompts))
            pad = config.pad_token_id
            device = unwrap(self.model).device
            ids_RW = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=device)
            mask_RW = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
            last = LogitsProcessorList()
            if sampling.temperature:
                last.append(DrawByRow(sampling, row_numbers(seeds, limit).to(device), width))
                config = config_for(Sampling(limit, temperature=1.0), limit, self.ends, pad)
            output_RT = self.model.generate(
                input_ids=ids_RW, attention_mask=mask_RW, generation_config=config, logits_processor=last
            )
            return output_RT[:, width:].tolist()


def open_transformers(
    model: str,
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int = BATCH_SIZE,
    max_kv_tokens: int | None = None,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    system_role: str | None = None,
    date: str | None = None,
    thought_tags: Sequence[str] | None = None,
    trust_remote_code: bool = False,
) -> TransformersBackend:
    """Load a model folder or hub id.

    Args:
        dtype: `"float32"`, `"bfloat16"`, `"float16"`, or `"auto"` for the one it was saved in.
        device: As PyTorch names it, or `"auto"`: a GPU where there is one.
        chat_template_kwargs, system_role, date, thought_tags: See `treadle.chat.settings.ChatSettings`; by default as
            the model was trained.
        trust_remote_code: Whether Python code that comes with the model is executed.

    Raises:
        ModelError: The model or its tokenizer cannot be loaded, or the device is not there.
    """
    if device == "auto":
        mps = torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    chat = load_chat(model, None, chat_template_kwargs, system_role, date, thought_tags, trust_remote_code)
    network = load_model(model, dtype, trust_remote_code)
    try:
        network = network.to(device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device {device!r}: {str(error).splitlines()[0]}; expected cpu, cuda or cuda:NUMBER"
        ) from error
    asking = load_asking(model, chat.thought_tags.pair)
    return TransformersBackend(network, chat.tokenizer, batch_size, max_kv_tokens, model, chat, asking)
