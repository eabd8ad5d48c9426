"""Names of models, as recipes and commands give them. Needs nothing that takes long to import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

BASE = "miniature"
"""Name under which recipes refer to the small model that is shipped with the package."""


def resolve(model: str) -> str:
    """A recipe's model name as a path or hub id: `miniature` stands for the shipped base."""
    return str(Path(__file__).parent.parent / "miniature" / "base") if model == BASE else model


def short_names(models: Sequence[str]) -> list[str]:
    """A name for each model that tells it from the others: of a hub id the last part, of what was trained here run and
    stage, and as many of the parts before as it takes."""
    for more in range(8):
        names = [_short(model, more) for model in models]
        if len(set(names)) == len(set(models)):
            return names
    return list(models)


def _short(model: str, more: int) -> str:
    parts = [part for part in PurePath(model).parts if part != "/"]
    if len(parts) > 1 and parts[-1] == "model":
        parts.pop()
    shown = 1
    while shown < len(parts) and _INNER.fullmatch(parts[-shown]):
        shown += 1
    return "/".join(parts[-shown - more :]) or model


_INNER = re.compile(r"checkpoint-\d+|\d+-.+")
"""Folders in a run: of a stage, and in it of a checkpoint."""
