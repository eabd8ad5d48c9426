"""What is read back of a file that treadle wrote, checked against the types that it writes.

Such files are copied, mended by hand and handed on; what is not as it was written is named by file and key before
anything is done with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from treadle.errors import OutputError, TreadleError

T = TypeVar("T")

STRICT = ConfigDict(strict=True)
"""For a `TypedDict` of what is used as it was read: a text of digits is no number."""
_MOST = 2**53  # the integers that JSON's readers agree on
Count = Annotated[int, Field(ge=0, le=_MOST)]
Number = Annotated[float, Field(ge=-_MOST, le=_MOST, allow_inf_nan=False)]


def checked(
    kind: type[T], value: Any, where: str, remedy: str, error: type[TreadleError] = OutputError, key: str = ""
) -> T:
    """A value of this type.

    Args:
        where: Names the file, and the line of it.
        remedy: What mends it.
        key: Under which the value stands there.

    Raises:
        OutputError: It is of another type; or the `error` that is given.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as found:
        first = found.errors(include_url=False)[0]
        place = ".".join(map(str, (*([key] if key else []), *first["loc"]))) or "the whole"
        was = "" if first["type"] == "missing" else f", found {first['input']!r:.60}"
        raise error(f"{where}: {place:.120}: {first['msg'].lower()}{was}; {remedy}") from None


def record_of(kind: type[T], record: Mapping[str, Any], where: str, remedy: str, key: str = "") -> T:
    """A dataclass from the keys of a record; arguments as for `checked`.

    Raises:
        OutputError: A key is missing or unknown, or its value is of another type.
    """
    known = {field.name for field in fields(kind)}
    if unknown := sorted(map(str, record.keys() - known)):
        place = f"{key}: " if key else ""
        raise OutputError(f"{where}: {place}unknown key {unknown[0]!r}, expected {', '.join(sorted(known))}; {remedy}")
    return checked(kind, record, where, remedy, key=key)


def read_object(path: Path, remedy: str, error: type[TreadleError] = OutputError) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        FileNotFoundError: There is no such file.
        OutputError: It is no JSON object; or the `error` that is given.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as found:
        raise error(f"{path}: no JSON ({found}); {remedy}") from None
    if not isinstance(content, dict):
        raise error(f"{path}: found {type(content).__name__}, expected an object; {remedy}")
    return content


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
