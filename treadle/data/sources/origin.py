"""Where a trajectory that `treadle teach` made came from, as its row says it; kept in `meta`, counted by `prepare`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMN = "origin"
_TEXTS, _NUMBERS = ("kind", "model", "prompt_sha256", "problem_id"), ("sample", "round", "attempt")


def origin_in(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a row has under `origin`, where that is what `treadle.teacher.drafts.Origin` writes; `None` otherwise."""
    found = data.get(COLUMN)
    if not isinstance(found, Mapping):
        return None
    texts = all(isinstance(found.get(name), str) for name in _TEXTS)
    numbers = all(type(found.get(name)) is int for name in _NUMBERS)
    return dict(found) if texts and numbers else None


def origin_title(origin: Mapping[str, Any]) -> str:
    """A trajectory's origin in words, for counts: what was done by which model, in which round."""
    return f"{origin['kind']} by {origin['model']}" + (f", round {origin['round']}" if origin["round"] else "")
