"""From a recipe's name and settings to a policy, checked before any model is loaded.

A name is that of a policy below, of one that an installed package announces in the group `treadle.prefix_policies`, or
`package.module:Class`. Settings are the fields of the policy's dataclass.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract, isclass
from typing import Any, get_args, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_json

from treadle.errors import RecipeError, TreadleError
from treadle.plugins import ON_THE_PATH, NotImported, described, fault, imported, is_place
from treadle.training.prefixes.adaptive import Adaptive
from treadle.training.prefixes.anneal import Anneal
from treadle.training.prefixes.guidance import Guidance
from treadle.training.prefixes.on_failure import OnFailure
from treadle.training.prefixes.policy import PrefixPolicy
from treadle.training.prefixes.reverse import Reverse

ENTRY_POINTS = "treadle.prefix_policies"
STAGE_KEYS = ("policy", "target", "loss")
"""Keys of a recipe's `prefix` that are the stage's, and so no policy's."""

BUILT_IN: dict[str, type[PrefixPolicy]] = {
    "reverse": Reverse,
    "anneal": Anneal,
    "adaptive": Adaptive,
    "on_failure": OnFailure,
    "guidance": Guidance,
}
_PLACES = ("completion", "prompt")


def policy_of(name: str, settings: Mapping[str, Any]) -> PrefixPolicy:
    """The policy that a recipe asks for.

    Args:
        name: A policy's name, or `package.module:Class`.
        settings: By the names of the policy's fields; what is not there keeps its default.

    Raises:
        RecipeError: There is no such policy, it cannot be imported or is none, or a setting is unknown, missing or
            wrong.
    """
    policy = _class_of(name)
    values = _checked(policy, name, settings)
    try:
        return policy(**values)
    except TreadleError:
        raise
    except Exception as error:
        raise RecipeError(f"prefix.policy {name!r}: cannot be made with {values} ({described(error)})") from None


def _class_of(name: str) -> type[PrefixPolicy]:
    announced = [entry for entry in entry_points(group=ENTRY_POINTS) if entry.name == name]
    if name in BUILT_IN:
        if announced:
            raise RecipeError(_fault(announced[0], f"the name {name!r} is a built-in policy's"))
        return BUILT_IN[name]
    if len(announced) > 1:
        raise RecipeError(_fault(announced[1], f"the name {name!r} is taken by {announced[0].value}"))
    if announced:
        return _announced(announced[0])
    if ":" in name:
        return _named(name)
    known = [*BUILT_IN, *sorted(entry.name for entry in entry_points(group=ENTRY_POINTS))]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}, or package.module:Class"
    raise RecipeError(f"prefix.policy: found {name!r}; {hint}")


def _announced(entry: EntryPoint) -> type[PrefixPolicy]:
    try:
        found = imported(entry)
    except NotImported as error:
        raise RecipeError(_fault(entry, str(error))) from None
    if wrong := _wrong(found):
        raise RecipeError(_fault(entry, wrong))
    return found


def _named(name: str) -> type[PrefixPolicy]:
    if not is_place(name):
        raise RecipeError(f"prefix.policy: found {name!r}, expected package.module:Class")
    try:
        found = imported(EntryPoint(name, name, ENTRY_POINTS))
    except NotImported as error:
        raise RecipeError(f"prefix.policy {name!r}: {error}; {ON_THE_PATH}") from None
    if wrong := _wrong(found):
        raise RecipeError(f"prefix.policy {name!r}: {wrong}")
    return found


def _fault(entry: EntryPoint, said: str) -> str:
    return fault(entry, "prefix policy", said)


def _wrong(found: Any) -> str:
    """What keeps something from being a policy's class; empty where nothing does."""
    expected = "a class derived from treadle.training.prefixes.policy.PrefixPolicy"
    if not isclass(found):
        return f"found {type(found).__name__}, expected {expected}"
    if not issubclass(found, PrefixPolicy):
        return f"found the class {found.__name__}, expected {expected}"
    if isabstract(found):
        return f"{found.__name__} is abstract; define {', '.join(sorted(found.__abstractmethods__))}"
    if found.place not in _PLACES:
        return f"{found.__name__}.place is {found.place!r}, expected one of {', '.join(_PLACES)}"
    taken = [key for key in _fields(found) if key in STAGE_KEYS]
    if taken:
        return f"{found.__name__} has a field {taken[0]!r}, which is a key of the stage; give it another name"
    return ""


def _fields(policy: type[PrefixPolicy]) -> dict[str, Field[Any]]:
    return {field.name: field for field in fields(policy) if field.init} if is_dataclass(policy) else {}


def _checked(policy: type[PrefixPolicy], name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    known = _fields(policy)
    for key in settings:
        if key not in known:
            raise RecipeError(_unknown(key, policy, name, list(known)))
    for key, field in known.items():
        if key not in settings and field.default is MISSING and field.default_factory is MISSING:
            raise RecipeError(f"missing key 'prefix.{key}', a setting of the policy {name!r} without a default; add it")
    try:
        hints = get_type_hints(policy)
        return {key: _value(key, value, hints[key]) for key, value in settings.items()}
    except (NameError, PydanticUserError) as error:
        raise RecipeError(
            f"prefix.policy {name!r}: a field's type is none that a recipe can hold ({described(error)}); expected "
            "numbers, strings, booleans, literals, and tuples, lists or dictionaries of them"
        ) from None


def _unknown(key: str, policy: type[PrefixPolicy], name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key.lower(), [*known, *STAGE_KEYS], n=1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif known:
        hint = f"settings of the policy {name!r}: {', '.join(known)}"
    elif is_dataclass(policy):
        hint = f"the policy {name!r} has no settings"
    else:
        hint = f"the policy {name!r} has no settings, which are the fields of a @dataclass"
    return f"unknown key 'prefix.{key}'; {hint}"


def _value(key: str, value: Any, kind: Any) -> Any:
    """A setting in its field's type; read as JSON, where a list may stand for a tuple and nothing else is bent."""
    try:
        return TypeAdapter(kind).validate_json(to_json(value, inf_nan_mode="constants", fallback=repr), strict=True)
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        near = difflib.get_close_matches(str(value), [str(one) for one in get_args(kind)], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RecipeError(f"prefix.{key}: found {value!r}; {said[0].lower() + said[1:]}{hint}") from None
