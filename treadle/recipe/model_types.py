"""The types of what a model folder's JSON files hold, as far as transformers does not look at them itself.

transformers takes most values as they are and fails later with an error of its own, or computes with them. Only keys
that are read in training and evaluation stand here; what else a file holds may be anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from treadle.errors import ModelError
from treadle.files.typed import STRICT, checked

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Token = int | None
_Tokens = int | list[int] | None


class GenerationValues(TypedDict, total=False):
    """generation_config.json."""

    __pydantic_config__ = STRICT
    bos_token_id: _Token
    eos_token_id: _Tokens
    pad_token_id: _Token
    do_sample: bool | None
    temperature: _Finite | None
    top_p: _Finite | None
    top_k: int | None
    min_p: _Finite | None
    repetition_penalty: _Finite | None
    max_length: int | None
    max_new_tokens: int | None


class TokenizerValues(TypedDict, total=False):
    """tokenizer_config.json. The length is a float such as 1e30 where there is no limit."""

    __pydantic_config__ = STRICT
    model_max_length: Annotated[int | float, Field(gt=0)] | None
    chat_template: str | list[dict[str, Any]] | dict[str, str] | None


def check_types(file: Path, content: dict[str, Any], kind: Any, remedy: str) -> None:
    """Raise `ModelError` for a key of a model's file whose value is of another type."""
    checked(kind, content, str(file), remedy, ModelError)
