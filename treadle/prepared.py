"""The folder that `treadle prepare` writes and training reads.

    trajectories_train.parquet, trajectories_heldout.parquet   whole solutions, for SFT, RLVR and evaluation
    train.parquet, heldout.parquet                             step instances with their prompts, for SRL
    report.json, report.md                                     what was read, kept and dropped, and the settings

The step instances are plain rows: `datasets.load_dataset("parquet", ...)` and a stock `GRPOTrainer` with
`treadle.srl_reward` train on them too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from treadle.errors import DataError
from treadle.sources import read_trajectories
from treadle.sources.native import SCHEMA, to_row
from treadle.trajectory import StepInstance, Trajectory

Split = Literal["train", "heldout"]

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
INSTANCE_SCHEMA = pa.schema(
    [
        ("trajectory_id", pa.string()),
        ("step", pa.int32()),
        ("n_steps", pa.int32()),
        ("prompt", pa.list_(_MESSAGE)),
        ("expert_action", pa.string()),
        ("title", pa.string()),
        ("answer", pa.string()),
    ]
)
ROWS_PER_GROUP = 1024


def write_trajectories(folder: Path, split: Split, trajectories: Iterable[Trajectory]) -> None:
    _write(folder / f"trajectories_{split}.parquet", SCHEMA, map(to_row, trajectories))


def write_instances(folder: Path, split: Split, instances: Iterable[StepInstance]) -> None:
    _write(folder / f"{split}.parquet", INSTANCE_SCHEMA, map(asdict, instances))


def _write(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        held: list[dict[str, Any]] = []
        for row in rows:
            held.append(row)
            if len(held) == ROWS_PER_GROUP:
                writer.write_table(pa.Table.from_pylist(held, schema))
                held = []
        if held:
            writer.write_table(pa.Table.from_pylist(held, schema))


class Prepared:
    """A prepared folder, checked when opened.

    Raises:
        DataError: The folder does not exist or was not written by `treadle prepare`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        expected = ["report.json", "train.parquet", "trajectories_train.parquet"]
        missing = [name for name in expected if not (self.folder / name).is_file()]
        if missing:
            state = f"no {', '.join(missing)} in it" if self.folder.is_dir() else "no such folder"
            raise DataError(
                f"{self.folder}: {state}; expected a folder made by `treadle prepare INPUT -o {self.folder}`"
            )

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))

    def trajectories(self, split: Split = "train") -> Iterator[Trajectory]:
        path = self.folder / f"trajectories_{split}.parquet"
        if self.count("trajectories", split):
            yield from read_trajectories(path, format="treadle", keep_unverified=True)

    def instance_file(self, split: Split = "train") -> Path:
        return self.folder / f"{split}.parquet"

    def digest(self) -> str:
        """A short hash of what training reads, so that a run notices when its data was prepared anew."""
        total = hashlib.sha256()
        for name in ("train.parquet", "trajectories_train.parquet"):
            with (self.folder / name).open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()[:16]

    def count(self, what: Literal["trajectories", "instances"], split: Split = "train") -> int:
        """Number of rows, from the file's footer."""
        name = f"trajectories_{split}.parquet" if what == "trajectories" else f"{split}.parquet"
        return pq.ParquetFile(self.folder / name).metadata.num_rows
