"""The folder that `treadle prepare` writes and training reads.

    trajectories_train.parquet, trajectories_heldout.parquet   each trajectory once
    instances_train.parquet, instances_heldout.parquet         which step of which trajectory is a target
    rows_train.parquet, rows_heldout.parquet                   with --materialise: the same with prompts, plain rows
    rows.jsonl                                                 what became of each row that was read
    report.json, report.md, report.html                        counts, settings and examples

An instance is a reference of six bytes, and its prompt is rendered when it is asked for. Written out, the prompts of
a trajectory repeat its beginning once a step, which is quadratic in its length.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import TypedDict

from treadle.data.instances import Rendering, step_instance
from treadle.data.prepared_files import (
    AGAIN,
    INSTANCES,
    RENDERING,
    check_instances,
    check_references,
    check_trajectories,
    reading,
    rendering_of,
    trajectory_of,
)
from treadle.data.prompts.asking import PLAIN, Asking
from treadle.errors import DataError
from treadle.files.inputs import SHARD
from treadle.files.typed import STRICT, Number, checked, read_object
from treadle.trajectory import StepInstance, Trajectory

Split = Literal["train", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "heldout")
BATCH = 256
"""Trajectories that are in memory at a time."""
_FILES = ("instances", "trajectories")

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
ROW_SCHEMA = pa.schema(
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


def instance_schema(rendering: Rendering) -> pa.Schema:
    """Columns of the instances: the trajectory's row in its file, and the 1-based step. How prompts are rendered
    stands in the file's metadata, so that it belongs to the data and to its digest."""
    metadata = {RENDERING: json.dumps(asdict(rendering)).encode()}
    return INSTANCES.with_metadata(metadata)


class _Settings(TypedDict, total=False):
    answers_only: bool


class _Floor(TypedDict):
    name: str
    value: Number
    low: Number | None
    high: Number | None


class _Floors(TypedDict):
    floor: _Floor


class _Domain(TypedDict):
    digest: str
    about: str
    trajectories: int


class _Report(TypedDict, total=False):
    """What is read of report.json."""

    __pydantic_config__ = STRICT  # for what is in it, too
    settings: _Settings
    floors: _Floors | None
    domains: dict[str, _Domain]


class Prepared:
    """A prepared folder, checked when opened.

    Raises:
        DataError: The folder does not exist or was not written by `treadle prepare`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        expected = ["report.json", *(f"{what}_{split}.parquet" for what in _FILES for split in SPLITS)]
        missing = [name for name in expected if not (self.folder / name).is_file()]
        if missing:
            state = f"no {', '.join(missing)} in it" if self.folder.is_dir() else "no such folder"
            if (self.folder / SHARD).is_file():
                raise DataError(f"{self.folder}: a shard; join all shards first: treadle merge SHARDS... -o FOLDER")
            if self.folder.is_file():
                raise DataError(
                    f"{self.folder}: a file, expected a folder of prepared data; make it with `treadle prepare "
                    f"{self.folder} -o FOLDER` and name that folder"
                )
            raise DataError(
                f"{self.folder}: {state}; expected a folder made by `treadle prepare INPUT -o {self.folder}`"
            )
        for split in SPLITS:
            check_trajectories(self.trajectory_file(split))
            check_instances(self.instance_file(split))
            check_references(self.instance_file(split), self.trajectory_file(split))

    @property
    def report(self) -> dict[str, Any]:
        """The content of `report.json`.

        Raises:
            DataError: It is no JSON, or not as it was written.
        """
        path = self.folder / "report.json"
        content = read_object(path, AGAIN, DataError)
        checked(_Report, content, str(path), AGAIN, DataError)
        return content

    @property
    def answers_only(self) -> bool:
        """Whether there are problems and answers without steps, as `--answers-only` writes them."""
        return bool(self.report.get("settings", {}).get("answers_only"))

    @property
    def domains(self) -> dict[str, str | None]:
        """The domains of the trajectories, each with the digest of its prompts when they were prepared (see
        `treadle.domains.digest`); `None` where the folder was made before that was recorded."""
        if recorded := self.report.get("domains"):
            return {name: about["digest"] for name, about in recorded.items()}
        with reading(self.folder):
            columns = [pq.read_table(self.trajectory_file(split), columns=["domain"])["domain"] for split in SPLITS]
        return dict.fromkeys(chain.from_iterable(column.unique().to_pylist() for column in columns))

    @property
    def floors(self) -> dict[str, Any] | None:
        """What similarity is earned without reading the problem, see `treadle.scoring.floors`.

        `None` for one trajectory, and for folders made before floors were measured.
        """
        return self.report.get("floors")

    @property
    def floor(self) -> float | None:
        """What a policy that has learned nothing earns at most; `None` as `floors`."""
        floors = self.floors
        return floors["floor"]["value"] if floors else None

    @property
    def rendering(self) -> Rendering:
        """How prompts are rendered."""
        file = self.instance_file("train")
        return rendering_of(file, pq.read_schema(file))

    def trajectory_file(self, split: Split = "train") -> Path:
        return self.folder / f"trajectories_{split}.parquet"

    def instance_file(self, split: Split = "train") -> Path:
        return self.folder / f"instances_{split}.parquet"

    def trajectories(self, split: Split = "train") -> Iterator[Trajectory]:
        """The trajectories of a split, one at a time."""
        file = self.trajectory_file(split)
        with reading(file):
            rows = chain.from_iterable(batch.to_pylist() for batch in pq.ParquetFile(file).iter_batches(BATCH))
            for number, row in enumerate(rows):
                yield trajectory_of(row, file, number)

    def instances(self, split: Split = "train", asking: Asking = PLAIN) -> Iterator[StepInstance]:
        """The step instances of a split with their prompts, one at a time, in constant memory.

        Args:
            asking: What prompts ask for.
        """
        rendering = self.rendering
        trajectories = enumerate(self.trajectories(split))
        at, trajectory = -1, None
        for row in self._references(split):
            while at < row["trajectory"]:
                at, trajectory = next(trajectories)
            yield step_instance(trajectory, row["step"], rendering, asking)

    def _references(self, split: Split) -> Iterator[dict[str, int]]:
        file = self.instance_file(split)
        with reading(file):
            for batch in pq.ParquetFile(file).iter_batches():
                yield from batch.to_pylist()

    def digest(self, split: Split = "train") -> str:
        """A short hash of what training reads, so that a run notices when its data was prepared anew."""
        total = hashlib.sha256()
        for path in (self.instance_file(split), self.trajectory_file(split)):
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()[:16]

    def count(self, what: Literal["trajectories", "instances"], split: Split = "train") -> int:
        """Number of rows, from the file's footer."""
        path = self.trajectory_file(split) if what == "trajectories" else self.instance_file(split)
        return pq.ParquetFile(path).metadata.num_rows
