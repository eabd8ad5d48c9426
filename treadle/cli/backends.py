"""The back ends' options on the command line: which flag sets which, and what each takes."""

from __future__ import annotations

import json
from typing import Any

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


def backend_options(kind: str, **given: Any) -> dict[str, Any]:
    """The options that were given, all of which the back end must have."""
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
