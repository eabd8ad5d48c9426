"""Whether the parquet files of a prepared folder have the columns that `treadle prepare` writes.

Footers alone are read, so that files of any size take no time. What of a file is damaged behind a whole footer shows
when its rows are read (`reading`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from treadle.data.instances import Rendering
from treadle.data.sources.native import REQUIRED, SCHEMA, read_native
from treadle.errors import DataError, TreadleError
from treadle.files.row_copies import mapped
from treadle.files.rows import Rejected
from treadle.trajectory import Trajectory

if TYPE_CHECKING:
    from datasets import Dataset

RENDERING = b"treadle.rendering"
"""Where the metadata of the instances' file say how prompts are rendered."""
AGAIN = "prepare the data again with --overwrite, or copy the folder again from where it was made"


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """What a damaged parquet file raises, as one line."""
    try:
        yield
    except TreadleError:
        raise
    except Exception as error:  # `datasets` wraps what went wrong in an error of its own
        cause = error if isinstance(error, OSError | pa.ArrowException) else error.__cause__
        if not isinstance(cause, OSError | pa.ArrowException):
            raise
        reason = " ".join(str(cause).split())[:160]
        raise DataError(f"{file}: cannot be read as parquet ({reason}); {AGAIN}") from None


def check_trajectories(file: Path) -> None:
    """Raise `DataError` for a file of trajectories with other columns."""
    with reading(file):
        found = pq.read_schema(file)
    _check_columns(file, found, SCHEMA, REQUIRED)


def check_instances(file: Path) -> None:
    """Raise `DataError` for a file of instances with other columns, or that does not say how they are rendered."""
    with reading(file):
        found = pq.read_schema(file)
    _check_columns(file, found, INSTANCES, INSTANCES.names)
    rendering_of(file, found)


def check_references(instances: Path, trajectories: Path) -> None:
    """Raise `DataError` where an instance names a trajectory that is not there."""
    with reading(instances):
        first, last = _ends(instances, instances.stat().st_mtime_ns)
    with reading(trajectories):
        count = pq.ParquetFile(trajectories).metadata.num_rows
    if first < 0 or last >= count:
        wrong = first if first < 0 else last
        raise DataError(
            f"{instances}: an instance is of trajectory {wrong}, expected 0 to {count - 1}, which are in "
            f"{trajectories.name}: the two do not belong together; {AGAIN}"
        )


@lru_cache(maxsize=16)
def _ends(instances: Path, changed: int) -> tuple[int, int]:
    """The lowest and the highest number of a trajectory; 0 and -1 without instances."""
    column = pq.read_table(instances, columns=["trajectory"])["trajectory"]
    if column.null_count:
        raise pa.ArrowInvalid(f"column 'trajectory' has {column.null_count} nulls")
    ends = pc.min_max(column).as_py()
    return (ends["min"], ends["max"]) if len(column) else (0, -1)


def stored(file: Path, features: Any = None) -> Dataset:
    """The rows of a file, memory-mapped, see `treadle.files.row_copies.mapped`.

    Raises:
        DataError: They are damaged.
    """
    with reading(file):
        return mapped(file, features)


def trajectory_of(row: dict[str, Any], file: Path, number: int) -> Trajectory:
    """The trajectory of a row (from 0) of a file of trajectories.

    Raises:
        DataError: It is not as `treadle prepare` writes it.
    """
    try:
        return read_native(row)
    except Rejected as rejected:
        raise DataError(f"{file}, row {number + 1}: {rejected.detail}; {AGAIN}") from None


def rendering_of(file: Path, schema: pa.Schema) -> Rendering:
    """How the prompts of a file of instances are rendered.

    Raises:
        DataError: It does not say.
    """
    stated = (schema.metadata or {}).get(RENDERING)
    try:
        return Rendering(**json.loads(stated or b"null"))
    except (ValueError, TypeError, RecursionError):
        said = "nothing" if stated is None else repr(stated[:60].decode(errors="replace"))
        raise DataError(
            f"{file}: its metadata {RENDERING.decode()} say {said}, expected how prompts are rendered (give_title, "
            f"context); {AGAIN}"
        ) from None


INSTANCES = pa.schema([("trajectory", pa.int32()), ("step", pa.int16())])
"""The trajectory's row in its file, and the 1-based step."""


def _check_columns(file: Path, found: pa.Schema, expected: pa.Schema, required: tuple[str, ...] | list[str]) -> None:
    for name in required:
        if name not in found.names:
            raise DataError(
                f"{file}: has no column {name!r}, expected {', '.join(expected.names)}; found "
                f"{', '.join(found.names)[:80] or 'none'}; {AGAIN}"
            )
    for column in expected:
        if column.name in found.names and not _alike(now := found.field(column.name).type, column.type):
            raise DataError(
                f"{file}: column {column.name!r} is {str(now)[:80]}, expected {str(column.type)[:80]}; {AGAIN}"
            )


def _alike(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether values of the two are the same; other writers name members of lists otherwise, and have large strings."""
    if pa.types.is_list(expected):
        return (pa.types.is_list(found) or pa.types.is_large_list(found)) and _alike(
            found.value_type, expected.value_type
        )
    if pa.types.is_struct(expected):
        here = {field.name: field.type for field in found} if pa.types.is_struct(found) else {}
        return "action" in here and all(_alike(here[f.name], f.type) for f in expected if f.name in here)
    if pa.types.is_string(expected):
        return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_null(found)
    return found.equals(expected) or (pa.types.is_boolean(expected) and pa.types.is_null(found))
