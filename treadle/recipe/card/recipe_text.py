"""The recipe as a card shows it: everything that decides the result, and nothing of the machine it ran on."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from treadle.recipe.card.base import shown_path
from treadle.recipe.schema import Recipe

_ADDRESSES = ("vllm_server_", "vllm_group_port")
"""Keys of `trl` that say where a server was."""


def recipe_text(recipe: Recipe, number: int) -> str:
    """YAML of a recipe with all defaults, up to stage `number` (from 0), paths by their names."""
    content = recipe.model_dump(mode="json")
    content["stages"] = content["stages"][: number + 1]
    for key in ("data", "output"):
        content[key] = shown_path(content[key])
    for key in ("model", "tokenizer"):
        if content[key] and Path(content[key]).exists():
            content[key] = shown_path(content[key])
    for stage in content["stages"]:
        stage["trl"] = {key: value for key, value in stage["trl"].items() if not key.startswith(_ADDRESSES)}
    return yaml.safe_dump(_without_paths(content), sort_keys=False, allow_unicode=True)


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    return shown_path(value) if isinstance(value, str) and _is_path(value) else value


def _is_path(text: str) -> bool:
    return text.startswith("~") or PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
