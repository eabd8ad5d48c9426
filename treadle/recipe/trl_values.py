"""Values under a stage's `trl:`, checked where TRL and transformers would look at them only in the middle of a run."""

from __future__ import annotations

import types
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Union, get_args, get_origin, get_type_hints

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from transformers import Trainer, TrainingArguments

from treadle.errors import RecipeError

_LEAST = {"dataloader_num_workers": 0, "pad_to_multiple_of": 1}
_SIMPLE = (int, float, bool, str, type(None), list[int], list[float], list[str])
_PLAIN = ("adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop")


def typed(values: Mapping[str, Any], target: type) -> dict[str, Any]:
    """The values of `trl:`, of the types that TRL's class declares.

    YAML reads `1e-8` as a text, and dataclasses take anything: a text that is a number becomes one here.

    Raises:
        RecipeError: A value is of another type.
    """
    hints = get_type_hints(target)
    for name, least in _LEAST.items():
        if isinstance(values.get(name), int) and values[name] < least:
            raise RecipeError(f"trl.{name}: found {values[name]}, expected at least {least}")
    if values.get("use_liger_kernel") and find_spec("liger_kernel") is None:
        raise RecipeError(
            "trl.use_liger_kernel: the package is not installed; pip install liger-kernel, or leave it out"
        )
    return {name: _typed(name, value, hints.get(name, Any)) for name, value in values.items()}


def check_optimizer(arguments: TrainingArguments) -> None:
    """Make the optimizer for one number; raises what it finds wrong with its settings, as `ValueError` or
    `ImportError`."""
    plain = arguments.optim in _PLAIN
    try:
        make, settings = Trainer.get_optimizer_cls_and_kwargs(arguments)
    except ValueError:
        if plain:
            raise
        return  # wants the model
    if plain:
        make([torch.nn.Parameter(torch.zeros(1))], **settings)


def _typed(name: str, value: Any, hint: Any) -> Any:
    plain = _plain(hint)
    if plain is None:
        return value
    try:
        return TypeAdapter(plain, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        expected = " or ".join(dict.fromkeys(_name(part) for part in _parts(plain)))
        raise RecipeError(f"trl.{name}: found {value!r}, expected {expected}") from error


def _plain(hint: Any) -> Any:
    """A hint of numbers, truth values and texts; `None` for others, which TRL's classes convert themselves."""
    return hint if all(part in _SIMPLE for part in _parts(hint)) else None


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _name(part: Any) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}.get(
        part, "a list"
    )
