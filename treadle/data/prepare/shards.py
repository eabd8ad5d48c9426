"""`treadle prepare --shard I/N`: the first pass over a share of the input, for the job arrays of clusters.

A shard's folder holds the parts of its share, and `merge` decides over those of all shards together, so that the
result is the one of a single run:

    shard.json       which shard of what, under which settings; the folder is whole where it is there
    parts.parquet    the trajectories, a row group for each part that has any
    parts.jsonl      a line a part: its place in the input, what became of its rows, what decisions need
    signatures       MinHash values of the trajectories, 512 bytes each

The input is dealt by files where there are many of about one size, else by chunks, which every shard finds for itself;
finding them is a small part of the work for JSON lines and parquet.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import treadle
from treadle.data.prepare.parts import Part
from treadle.data.prepare.reuse import LAYOUT, check_whole, fingerprint, marked, tokenizer_hash
from treadle.data.prepare.run import check_settings, part_maker, workers_for
from treadle.data.prepare.settings import PrepareSettings
from treadle.data.prepare.workers import ordered_map
from treadle.data.prepare.writing import part_writer
from treadle.data.sources.registry import forms
from treadle.data.sources.report import DETAIL
from treadle.errors import DataError, Interrupted
from treadle.files.chunks import Chunk, iter_chunks
from treadle.files.digests import listed
from treadle.files.inputs import SHARD, input_files
from treadle.files.output import appearing, check_out, owned
from treadle.files.secrets import refuse_secrets

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MARKER, TABLE, PARTS, SIGNATURES = SHARD, "parts.parquet", "parts.jsonl", "signatures"
SHARE = 0.25
"""The largest file, as a share of what one shard has to read, up to which whole files are dealt."""


class ShardOf(NamedTuple):
    """Which of how many shards, from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> ShardOf:
    """Read `--shard I/N`.

    Raises:
        DataError: It is none.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if match and 1 <= int(match[1]) <= int(match[2]):
        return ShardOf(int(match[1]), int(match[2]))
    raise DataError(f"--shard {text!r}: expected I/N with I from 1 to N, such as 3/8 for the third of eight shards")


def prepare_shard(
    source: str | Path,
    out: Path,
    shard: ShardOf,
    settings: PrepareSettings | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    overwrite: bool = False,
    workers: int | None = 1,
) -> dict[str, Any]:
    """Read one share of the input and write its parts to the folder `out`.

    Args:
        source, settings, tokenizer, overwrite, workers: As for `prepare`; they must be the same for all shards.

    Returns:
        The content of `shard.json`. A folder that was made before from the same input with the same settings is left
        as it is, and the content has `reused`.

    Raises:
        DataError: The input is unreadable, or is standard input.
        OutputError: `out` exists and `overwrite` is not set, cannot be written, or is being written by another command.
        Interrupted: Ctrl-C. Nothing is left behind.
    """
    settings = settings or PrepareSettings()
    refuse_secrets(str(source), "INPUT", DataError)
    if str(source) == "-":
        raise DataError(f"--shard {shard}: standard input is read once and cannot be shared; name a file or folder")
    check_settings(settings, tokenizer)
    about = described(source, shard, settings, tokenizer)
    if not overwrite and (before := _reusable(out, about)):
        return before
    maker = part_maker(settings, tokenizer)
    workers = workers_for(source, settings.split) if workers is None else workers
    skipped: Counter[str] = Counter()
    deal = Deal(source, settings, shard)
    try:
        with owned(out):
            if not overwrite and (before := _reusable(out, about)):  # of a command that has just ended
                return before
            check_out(out, overwrite, MARKER, source)
            with appearing(out, overwrite) as folder:
                parts = ordered_map(maker, deal.chunks(skipped), workers, attrgetter("size"))
                counts = _write(((deal.places.popleft(), part) for part in parts), folder)
                about |= {**counts, "chunks": deal.seen, "skipped_files": dict(skipped)}
                about["files"] = listed(folder, folder.iterdir())
                (folder / MARKER).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; nothing was written to {out}. Start again with the same command") from None
    return about


def _reusable(out: Path, about: dict[str, Any]) -> dict[str, Any] | None:
    """What `shard.json` in `out` says, where it is of this shard under these settings, and whole."""
    before = marked(out / MARKER)
    if before is None or not about["fingerprint"] or any(before.get(name) != value for name, value in about.items()):
        return None
    check_whole(out, before.get("files"))
    return {**before, "reused": True}


def described(
    source: str | Path, shard: ShardOf, settings: PrepareSettings, tokenizer: PreTrainedTokenizerBase | None
) -> dict[str, Any]:
    """What shards of one input have in common, and which one this is; JSON."""
    name = tokenizer and str(tokenizer.name_or_path)
    return {
        "shard": shard.number,
        "shards": shard.count,
        "layout": LAYOUT,
        "version": treadle.__version__,
        "forms": list(forms()),
        "source": str(source),
        "settings": json.loads(json.dumps(asdict(settings))),
        "tokenizer": str(Path(name).resolve()) if name and Path(name).exists() else name,
        "tokenizer_hash": tokenizer and tokenizer_hash(tokenizer),
        "fingerprint": fingerprint(source, settings, tokenizer),
    }


class Deal:
    """The chunks of one shard, and their places in the input: number of the file, number of the chunk in it.

    Args:
        source: As for `iter_chunks`.
    """

    def __init__(self, source: str | Path, settings: PrepareSettings, shard: ShardOf) -> None:
        self._source, self._settings, self._shard = source, settings, shard
        files = input_files(source, settings.split) or []
        self._numbers = {str(file): number for number, file in enumerate(files)}
        sizes = [file.stat().st_size for file in files]
        self._by_file = sum(sizes) > 0 and max(sizes) * shard.count <= SHARE * sum(sizes)
        self.places: deque[tuple[int, int]] = deque()
        self.seen: int | None = None if self._by_file else 0

    def chunks(self, skipped: Counter[str]) -> Iterator[Chunk]:
        """The chunks; the place of each is added to `places` when it is given out.

        Args:
            skipped: As for `iter_chunks`.
        """
        settings, file, number = self._settings, None, 0
        wanted: Callable[[Path], bool] | None = self._is_mine if self._by_file else None
        for chunk in iter_chunks(self._source, settings.split, settings.max_row_mb, skipped, wanted):
            number = number + 1 if chunk.file == file else 0
            file = chunk.file
            if self.seen is not None:
                self.seen += 1
                if (self.seen - self._shard.number) % self._shard.count:
                    continue
            self.places.append((self._numbers.get(file, 0), number))
            yield chunk

    def _is_mine(self, file: Path) -> bool:
        return self._numbers[str(file)] % self._shard.count == self._shard.number - 1


def _write(parts: Iterator[tuple[tuple[int, int], Part]], folder: Path) -> dict[str, int]:
    counts = Counter(read=0, kept=0)
    with (
        part_writer(folder / TABLE) as table,
        (folder / PARTS).open("w", encoding="utf-8") as lines,
        (folder / SIGNATURES).open("wb") as signatures,
    ):
        for place, part in parts:
            if part.facts:
                table.write_table(part.table)
                signatures.write(part.signatures.tobytes())
            outcomes = [
                (o.where, o.form, o.reason, " ".join(o.detail.split())[:DETAIL], o.notes) for o in part.outcomes
            ]
            line = {
                "place": place,
                "outcomes": outcomes,
                "facts": [astuple(fact) for fact in part.facts],
                "changes": part.changes,
            }
            lines.write(json.dumps(line) + "\n")
            counts.update(read=len(outcomes), kept=len(part.facts))
    return dict(counts)
