"""The key of a server: read from the environment, sent to that server alone, and never kept or shown."""

from __future__ import annotations

import os
import re

from treadle.errors import ModelError
from treadle.files.secrets import HIDDEN, hidden

LEAST_KEY = 8
"""Characters of a key that is looked for in texts: local servers take any word, such as `EMPTY`."""


class ApiKey:
    """A key that an environment variable holds.

    Args:
        variable: Its name; `None` for a server without a key.

    Attributes:
        value: The key, or `None`.

    Raises:
        ModelError: The variable is not set or holds no key, or is no name: people also give the key itself.
    """

    def __init__(self, variable: str | None) -> None:
        self.value = _read(variable) if variable else None

    def hidden_in(self, said: object) -> str:
        """What a server said, without the key where it repeats that: errors are stored and shown."""
        return hidden(str(said), self.value)

    def cut_from(self, text: str) -> str:
        """An answer without the key, which a server may repeat in it; a short key, which is a word, stays."""
        return text.replace(self.value, HIDDEN) if self.value and len(self.value) >= LEAST_KEY else text


def _read(variable: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", variable):
        raise ModelError(
            "--api-key-env (api_key_variable): expected the name of an environment variable, such as OPENAI_API_KEY, "
            "and not the key itself: export OPENAI_API_KEY=... and give that name"
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        named = (variable, variable) if variable.isupper() else ("that --api-key-env names", "NAME")
        raise ModelError(f"environment variable {named[0]} is not set; export {named[1]}=KEY")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelError(
            f"environment variable {variable} holds a line end or another character that no key has; "
            f'export {variable}="$(tr -d "[:space:]" < FILE)"'
        )
    return key
