"""What is read back of a run's folder, checked against the types that treadle writes.

A run's folder is copied, mended by hand and handed on; what is not as it was written is named by file, line and key
before anything is counted with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from treadle.errors import OutputError

T = TypeVar("T")

MOST_SAMPLES = 1_000_000
"""Attempts at a problem; a table with a cell for each is made before they are read."""


class SetInfo(TypedDict):
    """A benchmark in run.json, as far as everything depends on it."""

    name: str
    left_out: NotRequired[dict[str, int]]


class RunInfo(TypedDict):
    """run.json, as far as everything depends on it; it holds more."""

    benchmarks: list[SetInfo]
    settings: NotRequired[dict[str, Any]]
    identity: NotRequired[dict[str, Any]]
    backend: NotRequired[dict[str, Any]]
    steps: NotRequired[int]


class Figures(TypedDict):
    """Of a benchmark in one mode and decoding."""

    samples: Annotated[int, Field(ge=0, le=MOST_SAMPLES)]


class SetResults(TypedDict):
    """A benchmark in results.json."""

    modes: NotRequired[dict[str, dict[str, Figures]]]


class Results(TypedDict):
    """results.json, as far as everything depends on it; it holds more."""

    benchmarks: dict[str, SetResults]


def record_of(kind: type[T], record: Mapping[str, Any], where: str, remedy: str) -> T:
    """A dataclass from the keys of a line.

    Args:
        where: Names file and line.
        remedy: What mends it.

    Raises:
        OutputError: A key is missing or unknown, or its value is of another type.
    """
    known = {field.name for field in fields(kind)}
    if unknown := sorted(map(str, record.keys() - known)):
        raise OutputError(f"{where}: unknown key {unknown[0]!r}, expected {', '.join(sorted(known))}; {remedy}")
    return checked(kind, record, where, remedy)


def checked(kind: type[T], value: Any, where: str, remedy: str) -> T:
    """A value of this type; raises `OutputError` as `record_of`."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the whole"
        found = "" if first["type"] == "missing" else f", found {first['input']!r:.60}"
        raise OutputError(f"{where}: {key}: {first['msg'].lower()}{found}; {remedy}") from None


@contextmanager
def as_written(folder: Path) -> Iterator[None]:
    """What figures of another form make a reader of results.json raise, as one line."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise OutputError(
            f"{folder / 'results.json'}: not as treadle writes it ({type(error).__name__}: {str(error)[:160]}); make "
            f"it again with `treadle evaluate --regrade {folder}`"
        ) from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
