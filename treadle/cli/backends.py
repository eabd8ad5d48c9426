"""The back ends' options on the command line: which flag sets which, and what each takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from treadle.cli.data import one_of
from treadle.cli.options import option, taking
from treadle.cli.trust import TRUST
from treadle.errors import TreadleError
from treadle.files.secrets import refuse_secrets

_CHAT = {
    "chat_template_kwargs": "--chat-template-kwargs",
    "system_role": "--system-role",
    "thought_tags": "--thought-tags",
}
_TRUST = {"trust_remote_code": "--trust-remote-code"}
BACKEND_FLAGS = {  # the back ends' options and the flags that set them
    "transformers": {
        "dtype": "--dtype",
        "device": "--device",
        "batch_size": "--batch-size",
        **_CHAT,
        "date": "--date",
        **_TRUST,
    },
    "openai": {
        "url": "--base-url",
        "api_key_variable": "--api-key-env",
        "concurrency": "--concurrency",
        "retries": "--retries",
        "timeout": "--timeout",
        "tokenizer": "--tokenizer",
        **_CHAT,
        **_TRUST,
    },
    "vllm": {
        "dtype": "--dtype",
        "gpus": "--gpus",
        "max_model_len": "--max-model-len",
        **_CHAT,
        "date": "--date",
        **_TRUST,
    },
}


PANEL = "Back end"


def _flags(
    backend: Annotated[
        str, option("transformers, openai (a server) or vllm (in this process).", PANEL)
    ] = "transformers",
    dtype: Annotated[str | None, option("float32, bfloat16, float16, float64 or auto.", PANEL)] = None,
    device: Annotated[str | None, option("transformers: cpu, cuda, cuda:1 ... or auto.", PANEL)] = None,
    batch_size: Annotated[int | None, option("transformers: rows computed together.", PANEL, min=1)] = None,
    base_url: Annotated[str | None, option("openai: such as http://localhost:8000/v1.", PANEL)] = None,
    api_key_env: Annotated[str | None, option("openai: name of the environment variable with the key.", PANEL)] = None,
    concurrency: Annotated[int | None, option("openai: requests at a time.", PANEL, min=1)] = None,
    retries: Annotated[int | None, option("openai: tries after a failed request.", PANEL, min=0)] = None,
    timeout: Annotated[float | None, option("openai: seconds for one request.", PANEL, min=1)] = None,
    tokenizer: Annotated[str | None, option("openai: model folder or id to count tokens with.", PANEL)] = None,
    gpus: Annotated[int | None, option("vllm: GPUs that share the model.", PANEL, min=1)] = None,
    max_model_len: Annotated[int | None, option("vllm: longest prompt with its answer.", PANEL, min=1)] = None,
    chat_template_kwargs: Annotated[
        str | None, option("Variables of the chat template as JSON; by default as the model was trained.", PANEL)
    ] = None,
    system_role: Annotated[
        str | None, option("Where system messages go: auto, template or user (before the first user's).", PANEL)
    ] = None,
    thought_tags: Annotated[
        str | None, option("Opening and closing tag of thoughts; by default as the model was trained.", PANEL)
    ] = None,
    date: Annotated[str | None, option("What a template that shows the date shows, as YYYY-MM-DD.", PANEL)] = None,
    trust_remote_code: Annotated[bool, option(TRUST, PANEL, "--trust-remote-code")] = False,
) -> None:
    """The options, as a signature from which commands have theirs."""


@dataclass(frozen=True)
class BackEnd:
    """What a command was told of its back end.

    Args:
        kind: The value of `--backend`.
        given: The values of the other options, by parameter.
    """

    kind: str
    given: Mapping[str, Any]

    def options(self) -> dict[str, Any]:
        """The options that were given, for `treadle.evaluate.backends.open_backend`.

        Raises:
            TreadleError: There is no such back end, a value is wrong, or the back end has no such option.
        """
        one_of("--backend", self.kind, tuple(BACKEND_FLAGS))
        given = {
            name: self.given[flag.removeprefix("--").replace("-", "_")]
            for flags in BACKEND_FLAGS.values()
            for name, flag in flags.items()
        }
        given["chat_template_kwargs"] = json_object("--chat-template-kwargs", given["chat_template_kwargs"])
        given["thought_tags"] = two_words("--thought-tags", given["thought_tags"])
        given["trust_remote_code"] = given["trust_remote_code"] or None
        return _allowed(self.kind, given)


def takes_back_end(default: str = "transformers") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with the options of the back ends, which it is given as `back_end`, a keyword parameter.

    Args:
        default: Of `--backend`.
    """
    return taking("back_end", _flags, lambda given: BackEnd(given.pop("backend"), given), backend=default)


def _allowed(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, all of which the back end must have."""
    options = {name: value for name, value in given.items() if value is not None}
    flags = {name: flag for found in BACKEND_FLAGS.values() for name, flag in found.items()}
    for name in options:
        if name not in BACKEND_FLAGS[kind]:
            has = ", ".join(BACKEND_FLAGS[kind].values())
            raise TreadleError(f"{flags[name]} is no option of --backend {kind}, which has {has}")
    return options


def json_object(flag: str, text: str | None) -> dict[str, Any] | None:
    """The value of a flag that takes names with values as JSON; `None` where it is not given."""
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError as error:
        content = error
    if not isinstance(content, dict):
        raise TreadleError(f"""{flag} {text}: expected a JSON object such as '{{"enable_thinking": false}}'""")
    refuse_secrets(content, flag, TreadleError)
    return content


def two_words(flag: str, text: str | None) -> list[str] | None:
    """The value of a flag that takes two words; `None` where it is not given."""
    words = None if text is None else text.split()
    if words is not None and len(words) != 2:
        raise TreadleError(f"{flag} {text!r}: expected two words, such as '<think> </think>'")
    return words
