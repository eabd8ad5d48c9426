"""The form of shard.json and of report.json, so far as they are read again."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from treadle.files.typed import STRICT, Count

MOST_SHARDS = 100_000
"""Their numbers are listed one by one."""
Counts = dict[str, Count]
Numbered = Annotated[int, Field(ge=1, le=MOST_SHARDS)]


class Shard(TypedDict):
    """shard.json."""

    __pydantic_config__ = STRICT
    shard: Numbered
    shards: Numbered
    layout: int
    version: str
    forms: list[str]
    source: str
    settings: dict[str, Any]
    tokenizer: str | None
    tokenizer_hash: str | None
    fingerprint: str | None
    read: Count
    kept: Count
    chunks: Count | None
    skipped_files: Counts
    files: dict[str, dict[str, Any]]


class Rows(TypedDict):
    """What became of the rows, see `treadle.data.sources.report.ReadReport`."""

    read: Count
    kept: Count
    dropped: Counts
    forms: Counts
    dropped_examples: dict[str, list[Any]]
    skipped_files: Counts
    notes: NotRequired[dict[str, Counts]]


class Splits(TypedDict):
    """A count of each split."""

    train: Count
    heldout: Count


class Report(TypedDict):
    """report.json, see `treadle.data.prepare.report.PrepareReport`."""

    __pydantic_config__ = STRICT
    source: str
    settings: dict[str, Any]
    rows: Rows
    trajectories: Splits
    instances: Splits
    with_answer: Count
    verified: Counts
    repositories: Counts
    origins: NotRequired[Counts]
    curated: Counts
    duplicates: dict[str, Any]
    overlap: Counts
    overlap_examples: list[list[str]]
    distributions: dict[str, dict[str, Any]]
    examples: list[dict[str, str]]
    domains: NotRequired[dict[str, dict[str, Any]]]
    floors: NotRequired[dict[str, Any] | None]
