"""Values of a recipe from the command line: `key.path=value`."""

from __future__ import annotations

from typing import Any

from treadle.errors import RecipeError
from treadle.files.secrets import refuse_secrets
from treadle.files.yaml_reading import MOST_LEVELS, parse_yaml

_SHOWN = 80


def apply_override(content: dict[str, Any], override: str) -> None:
    """Set one value of `content` in place; the value is read as YAML, stages go by name, kind or number.

    Raises:
        RecipeError: It is not of the form `key.path=value`, its path leads nowhere, or it holds a secret.
    """
    path, found, text = override.partition("=")
    refuse_secrets({path: text if found else None}, "override", RecipeError)
    override = override if len(override) <= _SHOWN else f"{override[:_SHOWN]}..."
    if not found or not path:
        raise RecipeError(f"override {override!r}: expected key.path=value, for instance stages.srl.max_steps=10")
    target: Any = content
    *parents, last = path.split(".")
    if len(parents) >= MOST_LEVELS:
        raise RecipeError(f"override {override!r}: {len(parents) + 1} levels, expected at most {MOST_LEVELS}")
    for i, key in enumerate(parents):
        target = _descend(target, key, override, ".".join(parents[:i]))
    value = parse_yaml(text, f"override of {path if len(path) <= _SHOWN else override}")
    if isinstance(target, list):
        target[_index(target, last, override)] = value
    else:
        target[last] = value


def _descend(target: Any, key: str, override: str, where: str) -> Any:
    if isinstance(target, list):
        found = target[_index(target, key, override)]
        if not isinstance(found, dict | list):
            raise RecipeError(f"override {override!r}: {where + '.' if where else ''}{key} is a value, not a section")
        return found
    if target.get(key) is None:
        target[key] = {}
    if not isinstance(target[key], dict | list):
        raise RecipeError(f"override {override!r}: {where + '.' if where else ''}{key} is a value, not a section")
    return target[key]


def _index(stages: list[Any], key: str, override: str) -> int:
    names = [str(s.get("name") or s.get("kind")) if isinstance(s, dict) else str(s) for s in stages]
    if key in names:
        return names.index(key)
    if key.isdecimal() and len(key) < 6 and int(key) < len(stages):
        return int(key)
    raise RecipeError(f"override {override!r}: no stage {key[:_SHOWN]!r}; found {', '.join(names)}")
