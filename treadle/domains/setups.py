"""The column `setup` of a row: what a domain's own code needs to set a problem up, any JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

SETUP = "setup"


def setup_of(row: Mapping[str, Any]) -> Any:
    """What the column holds, `None` for nothing; a text that is JSON stands for what it says, as tables have it.

    Raises:
        ValueError: It holds what JSON cannot say, such as a date or a number that is not finite.
    """
    value = row.get(SETUP)
    try:
        if isinstance(value, str):
            with suppress(ValueError, RecursionError):
                return json.loads(value)
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"column {SETUP!r} holds {value!r:.80}, expected JSON ({error})") from None
