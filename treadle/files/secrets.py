"""Secrets must not be written into files that people keep, upload and show: what is one, by its key or by its form.

Recipes, settings and arguments are recorded with what they lead to. Keys are therefore taken from the environment
alone, and refused everywhere else, by messages that do not repeat them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from treadle.errors import TreadleError

HIDDEN = "***"


class Secret(NamedTuple):
    """Where a secret was found, what it seems to be, and the environment variable that it belongs into."""

    where: str
    what: str
    variable: str


# What the issuers' own forms are, each with enough behind the prefix that no ordinary word is one.
_FORMS = (
    (r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{16,}", "a Hugging Face token", "HF_TOKEN"),
    (r"(?<![A-Za-z0-9])api_org_[A-Za-z0-9]{16,}", "a Hugging Face token", "HF_TOKEN"),
    (r"(?<![A-Za-z0-9])sk-ant-[\w-]{16,}", "an Anthropic key", "ANTHROPIC_API_KEY"),
    (r"(?<![A-Za-z0-9])sk-(?:proj-|svcacct-|admin-|or-v1-)[\w-]{16,}", "an OpenAI key", "OPENAI_API_KEY"),
    (r"(?<![A-Za-z0-9])sk-[A-Za-z0-9]{20,}", "an OpenAI key", "OPENAI_API_KEY"),
    (r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})", "a GitHub token", "GH_TOKEN"),
    (r"(?<![A-Za-z0-9])glpat-[\w-]{16,}", "a GitLab token", "GITLAB_TOKEN"),
    (r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])", "an AWS key", "AWS_ACCESS_KEY_ID"),
    (r"(?<![A-Za-z0-9])AIza[\w-]{30,}", "a Google key", "GOOGLE_API_KEY"),
    (r"(?<![A-Za-z0-9])xox[abeprs]-[\w-]{10,}", "a Slack token", "SLACK_TOKEN"),
    (r"(?<![A-Za-z0-9])nvapi-[\w-]{20,}", "an NVIDIA key", "NVIDIA_API_KEY"),
    (r"(?<![A-Za-z0-9])(?:gsk_|xai-|r8_)[A-Za-z0-9]{30,}", "an API key", "an environment variable"),
    (r"(?<![A-Za-z0-9])(?:wandb_v1_|pypi-AgE)[\w-]{24,}", "an API key", "an environment variable"),
    (r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}", "a signed token", "an environment variable"),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----", "a private key", "an environment variable"),
    (r"(?i)\bbearer\s+[\w.~+/-]{16,}", "a bearer token", "an environment variable"),
    (r"(?i)\bhttps?://[^/\s@]{1,400}@", "an address with a name or password", "an environment variable"),
    (
        r"(?i)\b[a-z][a-z0-9+.-]{0,30}://[^/\s:@]{0,200}:[^/\s@]{1,400}@",
        "an address with a password",
        "an environment variable",
    ),
    (
        r"(?i)[?&](?:access_?token|auth_?token|token|api_?key|key|password|secret|sig|signature|x-(?:amz|goog)-signature)"
        r"=[^&\s#]{8,}",
        "an address with a key in it",
        "an environment variable",
    ),
)
_PATTERNS = [(re.compile(pattern), what, variable) for pattern, what, variable in _FORMS]

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ALWAYS = re.compile("password|passwd|passphrase|secrets?|credentials?|apikey|authorization")
# What stands before `token` and `key` in names of settings that are no secrets: marks of a vocabulary, places in data,
# counts.
_MARKS = re.compile(
    "pad|padding|eos|bos|unk|sep|cls|mask|image|video|audio|vision|stop|start|end|begin|think|thinking|reasoning|special|"
    "extra|boundary|fim|system|user|assistant|tool|call|turn|text|prompt|completion|decoder|encoder|lang|language|first|"
    "last|next|new|row|column|dataset|data|sort|label|metric|input|output|foreign|primary|cache|dict|problem|answer|"
    "solution|messages|max|min|per|by|num|each"
)
_VARIABLES = (
    ({"hub", "hf", "huggingface"}, "HF_TOKEN"),
    ({"wandb"}, "WANDB_API_KEY"),
    ({"openai"}, "OPENAI_API_KEY"),
    ({"anthropic"}, "ANTHROPIC_API_KEY"),
    ({"aws"}, "AWS_SECRET_ACCESS_KEY"),
    ({"comet"}, "COMET_API_KEY"),
    ({"github", "gh"}, "GH_TOKEN"),
)


def secret_key(key: str) -> str | None:
    """The environment variable for what a key of this name holds, where that is a secret; `None` where it is none."""
    words = [word.lower() for word in _WORDS.findall(key)]
    if not words:
        return None
    secret = any(_ALWAYS.fullmatch(word) for word in (*words, *map("".join, pairwise(words))))
    if not secret and words[-1] in ("token", "key", "auth", "bearer", "pwd"):
        secret = len(words) == 1 or not _MARKS.fullmatch(words[-2])
    if not secret:
        return None
    for names, variable in _VARIABLES:
        if names & set(words):
            return variable
    return "HF_TOKEN" if words[-1] in ("token", "auth") else "an environment variable"


def find_in_text(text: str) -> tuple[str, str] | None:
    """What secret a text holds, and the environment variable for it; `None` for a text without one."""
    return next(((what, variable) for pattern, what, variable in _PATTERNS if pattern.search(text)), None)


def find_secret(value: Any, where: str = "") -> Secret | None:
    """The first secret in texts, lists and sections within one another.

    Args:
        where: The key under which `value` stands.
    """
    open_values: list[tuple[str, Any]] = [(where, value)]
    while open_values:
        at, found = open_values.pop()
        if isinstance(found, Mapping):
            for key, inner in found.items():
                place = f"{at}.{key}" if at else str(key)
                if find_in_text(str(key)):
                    return Secret(f"a key in {at}" if at else "a key", *find_in_text(str(key)))
                variable = secret_key(str(key))
                # `token: true` asks for the token of the environment; `<|tool|>` is one of a vocabulary.
                plain = inner in (None, "") or isinstance(inner, bool | Mapping | list | tuple)
                if variable and not plain and not str(inner).startswith("<"):
                    return Secret(place, "a secret", variable)
                open_values.append((place, inner))
        elif isinstance(found, list | tuple):
            open_values += [(f"{at}.{number}", inner) for number, inner in enumerate(found)]
        elif isinstance(found, str) and (known := find_in_text(found)):
            return Secret(at, *known)
    return None


def refuse_secrets(value: Any, where: str, error: type[TreadleError], key: str = "") -> None:
    """Raise `error` if a secret stands anywhere in `value`; the message names its place and not the secret.

    Args:
        where: What holds the value, such as a recipe's path.
        key: Under which the value stands there.
    """
    found = find_secret(value, key)
    if found is not None:
        raise error(
            f"{where}: {found.where or 'the text'} holds {found.what}, which would be stored with the results; leave "
            f"it out and set it in the environment: export {_assigned(found.variable)}"
        )


def hidden(text: str, *secrets: str | None) -> str:
    """A text with `***` for these secrets and for all that looks like one."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    for pattern, _, _ in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text


def refuse_in_arguments(arguments: Iterable[str]) -> None:
    """Raise `TreadleError` for a command line with something in it that looks like a secret."""
    option = ""
    for number, argument in enumerate(arguments, 1):
        if known := find_in_text(argument):
            place = f"argument {number}" + (f", after {option}" if option else "")
            raise TreadleError(
                f"{place}: holds {known[0]}, which would be stored with the results and in the shell's history; leave "
                f"it out and set it in the environment: export {_assigned(known[1])}"
            )
        option = argument if re.fullmatch(r"--?[a-z][a-z-]*", argument) else ""


def _assigned(variable: str) -> str:
    return f"{variable}=..." if variable.isupper() else "NAME=..."
