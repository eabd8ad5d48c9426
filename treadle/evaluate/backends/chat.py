"""What is sent to a chat completions endpoint and what is read from its answer.

The OpenAI fields alone leave a model's own repetition penalty and top-k in force on the server. How they are set aside
differs, so there are three `Dialect`s, tried in this order until one is not refused: the fields of vLLM and SGLang,
the `generation_config` of `transformers serve`, and the plain fields, under which the server's defaults hold.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from treadle.chat.chat import system_to_user
from treadle.chat.settings import ChatSettings
from treadle.evaluate.backends.http import Fault, Passing
from treadle.evaluate.records import Finish, Generation, Request, Sampling
from treadle.scoring.thoughts import PLAIN, ThoughtTags

# Think blocks that the server took out of the text, under the names that servers use.
_REASONING = ("reasoning_content", "reasoning")
_SEEDS = 2**63


class Dialect(StrEnum):
    """Which fields beside OpenAI's a server takes."""

    SAMPLER = "sampler fields of vLLM and SGLang"
    CONFIG = "generation_config of transformers serve"
    PLAIN = "plain"

    @property
    def next(self) -> Dialect | None:
        """The one to try when this one is refused."""
        rest = list(Dialect)[list(Dialect).index(self) + 1 :]
        return rest[0] if rest else None


def payload_of(
    model: str, request: Request, sampling: Sampling, dialect: Dialect, settings: ChatSettings | None = None
) -> dict[str, Any]:
    """The body of a request.

    Args:
        settings: How the model is spoken to, as far as a request can say it; its date is the server's own.
    """
    settings = settings or ChatSettings()
    kwargs = dict(settings.template_kwargs)
    return {
        "model": model,
        "messages": system_to_user(request.prompt) if settings.system_role == "user" else request.prompt,
        **({"chat_template_kwargs": kwargs} if kwargs else {}),
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": request.seed % _SEEDS,
        "stream": False,
        **_extension(sampling, dialect),
    }


def _extension(sampling: Sampling, dialect: Dialect) -> dict[str, Any]:
    if dialect is Dialect.SAMPLER:
        return {"top_k": sampling.top_k or -1, "min_p": 0.0, "repetition_penalty": 1.0}
    if dialect is Dialect.CONFIG:
        # Without do_sample, transformers serve decodes greedily at any temperature.
        settings = {
            "do_sample": bool(sampling.temperature),
            "top_k": sampling.top_k,
            "repetition_penalty": 1.0,
            "no_repeat_ngram_size": 0,
            "num_beams": 1,
            "max_new_tokens": sampling.max_new_tokens,
        }
        return {"generation_config": json.dumps(settings)}
    return {}


def names_extension(message: str, dialect: Dialect) -> bool:
    """Whether a refusal is about a field that only this dialect has."""
    return any(name in message for name in _extension(Sampling(1), dialect))


def concerns_length(status: int, message: str) -> bool:
    """Whether a refusal is about the length of one prompt and not about the request's form."""
    words = message.lower()
    return status == 413 or any(w in words for w in ("context length", "context window", "too long", "longer than"))


def read_completion(content: dict[str, Any], tags: ThoughtTags = PLAIN) -> tuple[str, Finish, int | None]:
    """Text, finish and number of tokens (`None` where the server does not say).

    A think block that the server gives apart is put back before the text; it stays open where the limit cut it off.

    Raises:
        Passing: There is no choice with a text and a known reason for its end.
    """
    try:
        choice = content["choices"][0]
        message, reason = choice["message"], choice["finish_reason"]
        text = message.get("content") or ""
        thought = next((message[name] for name in _REASONING if message.get(name)), "")
    except (LookupError, TypeError, AttributeError) as error:
        raise Passing(Fault.NO_TEXT, f"no completion in the answer: {json.dumps(content)[:200]}") from error
    if not isinstance(text, str) or not isinstance(thought, str) or reason not in ("stop", "length"):
        raise Passing(Fault.NO_TEXT, f"the completion ended for {reason!r}, expected 'stop' or 'length'")
    finish = Finish(reason)
    if thought:
        cut_off = finish is Finish.LENGTH and not text
        text = f"{tags.open}{thought}" + ("" if cut_off else f"{tags.close}{text}")
    usage = content.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return text, finish, count if isinstance(count, int) else None


def failed(error: str) -> Generation:
    return Generation("", 0, Finish.FAILED, error)
