"""The column `setup` of a row: what a domain's own code needs to set a problem up, any JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

SETUP = "setup"
DEEPEST = 100
"""Levels of lists and objects; what writes and reads JSON ends at a few hundred, depending on where it is called."""


def setup_of(row: Mapping[str, Any]) -> Any:
    """What the column holds, `None` for nothing; a text that is JSON stands for what it says, as tables have it.

    Raises:
        ValueError: It holds what JSON cannot say, such as a date or a number that is not finite.
    """
    value = row.get(SETUP)
    try:
        if isinstance(value, str):
            with suppress(json.JSONDecodeError):
                value = json.loads(value)
        if _deeper(value, DEEPEST):
            raise ValueError(f"nested in more than {DEEPEST} levels")
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"column {SETUP!r} holds {_begin(row[SETUP])}, expected JSON ({error})") from None


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects lie in one another in more levels than that."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return bool(inner) and (levels == 0 or any(_deeper(one, levels - 1) for one in inner))


def _begin(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except RecursionError:
        return type(value).__name__
