"""The back ends' options on the command line: which flag sets which, and what each takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from treadle.cli.data import one_of
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


def _flag(help: str, *names: str, **settings: object) -> object:
    return typer.Option(*names, help=help, rich_help_panel=PANEL, **settings)


# Parameters of commands that open a back end; `options_of` reads them by these names in lower case.
Backend = Annotated[str, _flag("transformers, openai (a server) or vllm (in this process).")]
Dtype = Annotated[str | None, _flag("float32, bfloat16, float16, float64 or auto.")]
Device = Annotated[str | None, _flag("transformers: cpu, cuda, cuda:1 ... or auto.")]
BatchSize = Annotated[int | None, _flag("transformers: rows computed together.", min=1)]
BaseUrl = Annotated[str | None, _flag("openai: such as http://localhost:8000/v1.")]
ApiKeyEnv = Annotated[str | None, _flag("openai: name of the environment variable with the key.")]
Concurrency = Annotated[int | None, _flag("openai: requests at a time.", min=1)]
Retries = Annotated[int | None, _flag("openai: tries after a failed request.", min=0)]
Timeout = Annotated[float | None, _flag("openai: seconds for one request.", min=1)]
Tokenizer = Annotated[str | None, _flag("openai: model folder or id to count tokens with.")]
Gpus = Annotated[int | None, _flag("vllm: GPUs that share the model.", min=1)]
MaxModelLen = Annotated[int | None, _flag("vllm: longest prompt with its answer.", min=1)]
ChatTemplateKwargs = Annotated[
    str | None, _flag("Variables of the chat template as JSON; by default as the model was trained.")
]
SystemRole = Annotated[str | None, _flag("Where system messages go: auto, template or user (before the first user's).")]
ThoughtTags = Annotated[str | None, _flag("Opening and closing tag of thoughts; by default as the model was trained.")]
Date = Annotated[str | None, _flag("What a template that shows the date shows, as YYYY-MM-DD.")]
TrustRemoteCode = Annotated[bool, _flag(TRUST, "--trust-remote-code")]


def options_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The back end's options among a command's parameters, for `treadle.evaluate.backends.open_backend`.

    Args:
        parameters: All of the command's, by name, `backend` among them.

    Raises:
        TreadleError: There is no such back end, a value is wrong, or the back end has no such option.
    """
    kind = parameters["backend"]
    one_of("--backend", kind, tuple(BACKEND_FLAGS))
    given = {
        option: parameters[flag.removeprefix("--").replace("-", "_")]
        for flags in BACKEND_FLAGS.values()
        for option, flag in flags.items()
    }
    given["chat_template_kwargs"] = json_object("--chat-template-kwargs", given["chat_template_kwargs"])
    given["thought_tags"] = two_words("--thought-tags", given["thought_tags"])
    given["trust_remote_code"] = given["trust_remote_code"] or None
    return _allowed(kind, given)


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
