"""Values of a recipe from the command line: `key.path=value`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import yaml

from treadle.errors import RecipeError


def apply_override(content: dict[str, Any], override: str) -> None:
    """Set one value of `content` in place; the value is read as YAML, stages go by name, kind or number.

    Raises:
        RecipeError: It is not of the form `key.path=value`, or its path leads nowhere.
    """
    path, found, text = override.partition("=")
    if not found or not path:
        raise RecipeError(f"override {override!r}: expected key.path=value, for instance stages.srl.max_steps=10")
    target: Any = content
    *parents, last = path.split(".")
    for i, key in enumerate(parents):
        target = _descend(target, key, override, ".".join(parents[:i]))
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"override {override!r}: {text!r} is not a YAML value") from None
    # YAML 1.1 reads 1e-4 as a string; numbers on a command line are meant as numbers.
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if isinstance(target, list):
        target[_index(target, last, override)] = value
    else:
        target[last] = value


def _descend(target: Any, key: str, override: str, where: str) -> Any:
    if isinstance(target, list):
        return target[_index(target, key, override)]
    if target.get(key) is None:
        target[key] = {}
    if not isinstance(target[key], dict | list):
        raise RecipeError(f"override {override!r}: {where + '.' if where else ''}{key} is a value, not a section")
    return target[key]


def _index(stages: list[Any], key: str, override: str) -> int:
    names = [str(s.get("name") or s.get("kind")) if isinstance(s, dict) else str(s) for s in stages]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(stages):
        return int(key)
    raise RecipeError(f"override {override!r}: no stage {key!r}; found {', '.join(names)}")
