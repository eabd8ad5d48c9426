"""`treadle merge`: the parts of all shards in the order of the input, and from there on as one run of `prepare`."""

from __future__ import annotations

import heapq
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import treadle
from treadle.data.curate.duplicates import PERMUTATIONS
from treadle.data.curate.overlap import Overlap, OverlapKind
from treadle.data.prepare import forms
from treadle.data.prepare.parts import PART_SCHEMA, Facts, Part
from treadle.data.prepare.report import PrepareReport
from treadle.data.prepare.reuse import LAYOUT, reusable, tokenizer_hash
from treadle.data.prepare.run import WritePage, write_prepared
from treadle.data.prepare.settings import PrepareSettings
from treadle.data.prepare.shards import MARKER, PARTS, SIGNATURES, TABLE
from treadle.data.sources.reading import Outcome
from treadle.data.sources.report import DropReason, ReadReport
from treadle.errors import DataError, Interrupted
from treadle.files.digests import problem_in
from treadle.files.output import appearing, check_out, owned
from treadle.files.typed import checked, read_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AGAIN = "run this shard again with --overwrite"
_ALIKE = ("shards", "layout", "version", "forms", "source", "settings", "tokenizer_hash", "fingerprint", "chunks")


def read_shards(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """What `shard.json` says of each shard, in their order, after it is made sure that they make up one input.

    Raises:
        DataError: A folder is no shard, one is missing or there twice, or they differ in more than their number.
    """
    shards = [{**_about(Path(folder)), "folder": Path(folder)} for folder in folders]
    if not shards:
        raise DataError("no shards given; expected the folders that `treadle prepare --shard I/N -o FOLDER` wrote")
    shards.sort(key=lambda shard: shard["shard"])
    first = shards[0]
    for shard in shards:
        _check_alike(first, shard)
    if (first["version"], first["layout"]) != (treadle.__version__, LAYOUT):
        raise DataError(
            f"{first['folder']}: written by treadle {first['version']}, this is {treadle.__version__} or a later state "
            "of it; run the shards again"
        )
    for one, other in pairwise(shards):
        if one["shard"] == other["shard"]:
            raise DataError(
                f"shard {one['shard']} of {one['shards']} is there twice: {one['folder']} and {other['folder']}"
            )
    there = {shard["shard"] for shard in shards}
    if missing := [n for n in range(1, first["shards"] + 1) if n not in there]:
        raise DataError(
            f"of {first['shards']} shards {', '.join(map(str, missing[:20]))} {'is' if len(missing) == 1 else 'are'} "
            f"missing; run the same command with --shard {missing[0]}/{first['shards']}"
        )
    return shards


def merge(
    folders: Sequence[Path],
    out: Path,
    tokenizer: PreTrainedTokenizerBase | None = None,
    overwrite: bool = False,
    page: WritePage | None = None,
) -> PrepareReport:
    """Write to `out` what one run of `prepare` over the whole input would have written.

    Args:
        folders: The folders of all shards, in any order.
        tokenizer: The one that the shards were prepared with.
        overwrite, page: As for `prepare`.

    Raises:
        DataError: See `read_shards`; or no row could be used.
        OutputError: `out` exists and `overwrite` is not set, cannot be written, or is being written by another command.
        Interrupted: Ctrl-C. Nothing is left behind.
    """
    began = time.monotonic()
    shards = read_shards(folders)
    first = shards[0]
    if first["tokenizer_hash"] != (tokenizer and tokenizer_hash(tokenizer)):
        raise DataError(f"{first['folder']}: prepared with the tokenizer {first['tokenizer']}, which has changed since")
    if not overwrite and (report := reusable(out, first["fingerprint"])):
        return report
    for shard in shards:
        if (problem := problem_in(shard["folder"], shard.get("files"))) is not None:
            raise _damaged(shard["folder"], problem)
    settings = _settings(first)
    skipped: Counter[str] = Counter()
    for shard in shards:
        skipped |= Counter(shard["skipped_files"])
    report = PrepareReport(
        first["source"], asdict(settings), ReadReport(skipped_files=skipped), fingerprint=first["fingerprint"]
    )
    parts = heapq.merge(*(_parts(shard["folder"], settings) for shard in shards), key=lambda placed: placed[0])
    try:
        with owned(out):
            if not overwrite and (before := reusable(out, first["fingerprint"])):  # of a command that has just ended
                return before
            for shard in shards:
                check_out(out, overwrite, "report.json", shard["folder"])
            with appearing(out, overwrite) as folder:
                write_prepared((part for _, part in parts), folder, settings, tokenizer, report, page, began)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; nothing was written to {out}. Start again with the same command") from None
    return report


def _about(folder: Path) -> dict[str, Any]:
    path = folder / MARKER
    if not path.is_file():
        state = f"holds no {MARKER}" if folder.is_dir() else "no such folder"
        raise DataError(f"{folder}: {state}; expected a folder made by `treadle prepare INPUT --shard I/N -o {folder}`")
    about = read_object(path, AGAIN, DataError)
    checked(forms.Shard, about, str(path), AGAIN, DataError)
    return about


def _check_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in _ALIKE:
        left, right = one[name], other[name]
        if left == right:
            continue
        if name == "settings":
            name = next(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))
            left, right = left.get(name), right.get(name)
        if name in ("fingerprint", "chunks"):
            raise DataError(
                f"{other['folder']}: another input than that of {one['folder']}: the files of {one['source']} had "
                "other paths, sizes or times of change; run the shards of one of them again"
            )
        raise DataError(
            f"{other['folder']}: {name} {right!r}, but {left!r} in {one['folder']}; shards must be of one input, under "
            "the same settings"
        )


def _settings(shard: dict[str, Any]) -> PrepareSettings:
    data, where = shard["settings"], str(shard["folder"] / MARKER)
    if differing := sorted(map(str, data.keys() ^ {field.name for field in fields(PrepareSettings)})):
        raise DataError(f"{where}: settings: {differing[0]!r} is missing or unknown; {AGAIN}")
    return checked(PrepareSettings, data, where, AGAIN, DataError, "settings")


def _parts(folder: Path, settings: PrepareSettings) -> Iterator[tuple[list[int], Part]]:
    """The parts of a shard with their places."""
    width = 0 if settings.duplicates == "off" else PERMUTATIONS
    group = 0
    try:
        table = pq.ParquetFile(folder / TABLE)
        with (folder / PARTS).open(encoding="utf-8") as lines, (folder / SIGNATURES).open("rb") as signatures:
            for line in lines:
                data = json.loads(line)
                facts = [_facts(*fact) for fact in data["facts"]]
                rows = PART_SCHEMA.empty_table()
                if facts:
                    rows = table.read_row_group(group).cast(PART_SCHEMA)
                    group += 1
                size = len(facts) * width * np.dtype(np.uint32).itemsize
                values = np.frombuffer(signatures.read(size), np.uint32).reshape(len(facts), width)
                outcomes = [_outcome(*outcome) for outcome in data["outcomes"]]
                yield data["place"], Part(rows, facts, values, outcomes, Counter(data["changes"]))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise _damaged(folder, error) from None


def _facts(
    id: str, repo: str | None, n_targets: int, key: int, overlap: list[str] | None, *taught: str | None
) -> Facts:
    found = overlap and Overlap(overlap[0], overlap[1], OverlapKind(overlap[2]))
    return Facts(id, repo, n_targets, key, found, *taught)


def _outcome(where: str, form: str | None, reason: str | None, detail: str, notes: list[list[str]]) -> Outcome:
    return Outcome(
        where, form, None, reason and DropReason(reason), detail, tuple((topic, what) for topic, what in notes)
    )


def _damaged(folder: Path, problem: Exception | str) -> DataError:
    said = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return DataError(f"{folder}: the shard is damaged ({said}); run it again with --overwrite")
