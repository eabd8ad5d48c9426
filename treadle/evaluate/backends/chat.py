"""What is sent to a chat completions endpoint and what is read from its answer.

The OpenAI fields alone leave a model's own repetition penalty and top-k in force on the server. How they are set aside
differs, so there are three `Dialect`s, tried in this order until one is not refused: the fields of vLLM and SGLang,
the `generation_config` of `transformers serve`, and the plain fields, under which the server's defaults hold.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, NamedTuple

from treadle.chat.chat import system_to_user
from treadle.chat.settings import ChatSettings
from treadle.evaluate.backends.http import BYTES_OF_A_TOKEN, LEAST_BYTES, Fault, Passing, shown
from treadle.evaluate.records import Doubt, Finish, Generation, Request, Sampling
from treadle.scoring.thoughts import PLAIN, ThoughtTags

# Think blocks that the server took out of the text, under the names that servers use.
_REASONING = ("reasoning_content", "reasoning")
_SEEDS = 2**63
LEAST_CHARACTERS = 1 << 14
MOST_PROMPT_TOKENS = 1 << 30
"""What a server says of a longer prompt is not believed."""
_SURROGATES = re.compile("[\ud800-\udfff]")


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


class Answer(NamedTuple):
    """A completion as a server gave it. `count` is `None` where it does not say how many tokens it has, and so are the
    tokens of the prompt and the model's name."""

    text: str
    finish: Finish
    count: int | None
    doubts: tuple[Doubt, ...] = ()
    prompt_tokens: int | None = None
    model: str | None = None


def answer_bytes(max_tokens: int) -> int:
    """Bytes that an answer of so many tokens may have."""
    return LEAST_BYTES + BYTES_OF_A_TOKEN * max_tokens


def read_completion(content: dict[str, Any], max_tokens: int, tags: ThoughtTags = PLAIN) -> Answer:
    """What an answer holds.

    A think block that the server gives apart is put back before the text; it stays open where the limit cut it off.

    Args:
        max_tokens: That were asked for. A text that is longer than these can be is none, and a number of tokens above
            twice as many is not believed, nor is one that is no whole number, below 0, or 0 for a text.

    Raises:
        Passing: There is not one choice with a text and a known reason for its end.
    """
    try:
        (choice,) = content["choices"]
        message, reason = choice["message"], choice["finish_reason"]
        parts = [message.get("content"), next((message[name] for name in _REASONING if message.get(name)), None)]
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Passing(Fault.NO_TEXT, f"no completion, or several, in the answer: {_short(content)}") from error
    if reason not in ("stop", "length"):
        raise Passing(Fault.NO_TEXT, f"the completion ended for {_short(reason)}, expected 'stop' or 'length'")
    if not all(part is None or isinstance(part, str) for part in parts):
        raise Passing(Fault.NO_TEXT, f"the completion is no text: {_short(message)}")
    if sum(len(part or "") for part in parts) > max(BYTES_OF_A_TOKEN * max_tokens, LEAST_CHARACTERS):
        raise Passing(Fault.TOO_LONG, f"a text longer than max_tokens={max_tokens} can be")
    whole = [_SURROGATES.sub("\ufffd", part or "") for part in parts]
    doubts = [Doubt.SURROGATES] if whole != [part or "" for part in parts] else []
    (text, thought), finish = whole, Finish(reason)
    if thought:
        cut_off = finish is Finish.LENGTH and not text
        text = f"{tags.open}{thought}" + ("" if cut_off else f"{tags.close}{text}")
    usage = content.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if count is not None and (type(count) is not int or not bool(text) <= count <= 2 * max_tokens):
        doubts, count = [Doubt.USAGE, *doubts], None
    return Answer(text, finish, count, tuple(doubts), _prompt_tokens(usage), _model(content))


def _prompt_tokens(usage: Any) -> int | None:
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if type(count) is int and 0 < count < MOST_PROMPT_TOKENS else None


def _model(content: dict[str, Any]) -> str | None:
    name = content.get("model")
    return shown(name) if isinstance(name, str) and name.strip() else None


def _short(found: Any) -> str:
    try:
        return shown(json.dumps(found))
    except RecursionError:
        return "something deeply nested"


def failed(error: str) -> Generation:
    return Generation("", 0, Finish.FAILED, error)
