"""What pydantic found wrong in a recipe, in the words of treadle: key, found, expected, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from treadle.recipe.other_names import is_passed_on, key_of, kind_of

_EXAMPLES = {"model": "Qwen/Qwen2.5-7B-Instruct", "data": "data/s1k", "output": "runs/s1k", "stages": "[{kind: srl}]"}
_EXAMPLES |= {"policy": "adaptive"}


def explain(problem: Any, whole: type[BaseModel], parts: Mapping[str, type[BaseModel]]) -> str:
    """One of pydantic's errors as a line.

    Args:
        problem: An entry of `ValidationError.errors()`.
        whole: The recipe's class.
        parts: The classes within it, by the names under which they stand in an error's location.
    """
    kinds = [name for name in parts if name not in ("lora", "prompts")]
    loc = problem["loc"]
    # Below a stage's number stands its kind, which is no key; a key may have the same name.
    location = [str(part) for i, part in enumerate(loc) if not (part in kinds and i and isinstance(loc[i - 1], int))]
    key = ".".join(location) or "recipe"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"], whole, parts)
        if location[-1] == "prefix":  # of a stage of another kind
            return f"unknown key {key!r}; prefixes are for stages of kind rlvr, whose reward is the final answer"
        kind, owners = loc[-2:-1], [name for name in kinds if location[-1] in parts[name].model_fields]
        if owners and kind and kind[0] in kinds:
            return (
                f"unknown key {key!r}; it is for stages of kind {', '.join(owners)}, and this is one of kind {kind[0]}"
            )
        if owners and len(location) == 1:
            return f"unknown key {key!r}; it belongs to a stage: stages: [{{kind: {owners[-1]}, {key}: ...}}]"
        if own := key_of(location[-1]):
            return f"unknown key {key!r}; here it is {own}"
        if is_passed_on(location[-1]):
            return f"unknown key {key!r}; it is TRL's and belongs under trl: as in trl: {{{location[-1]}: ...}}"
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
        return f"unknown key {key!r}; {hint}"
    if problem["type"] == "missing":
        return f"missing key {key!r}; add it, for instance {key}: {_EXAMPLES.get(location[-1], '...')}"
    if problem["type"] == "union_tag_not_found":
        return f"{key}: missing key 'kind'; expected one of {', '.join(kinds)}"
    if problem["type"] == "union_tag_invalid":
        given = problem["input"].get("kind")
        near = kind_of(given) or next(iter(difflib.get_close_matches(str(given), kinds, n=1)), None)
        hint = f"; did you mean {near}?" if near else ""
        return f"{key}.kind: found {_shown(given)}, expected one of {', '.join(kinds)}{hint}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: found {_shown(problem['input'])}; {message[0].lower() + message[1:]}"


def _shown(value: Any) -> str:
    """A value in a line of text: its beginning, where it is long."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _known_keys(location: Sequence[Any], whole: type[BaseModel], parts: Mapping[str, type[BaseModel]]) -> list[str]:
    """Field names of the class at the parent of `location`."""
    return list(next((parts[p] for p in reversed(location[:-1]) if p in parts), whole).model_fields)
