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
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from treadle.data.instances import Rendering, step_instance
from treadle.data.prompts.asking import PLAIN, Asking
from treadle.data.sources import read_trajectories
from treadle.errors import DataError
from treadle.files.inputs import SHARD
from treadle.trajectory import StepInstance, Trajectory

Split = Literal["train", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "heldout")

_RENDERING = b"treadle.rendering"
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
    metadata = {_RENDERING: json.dumps(asdict(rendering)).encode()}
    return pa.schema([("trajectory", pa.int32()), ("step", pa.int16())], metadata=metadata)


class Prepared:
    """A prepared folder, checked when opened.

    Raises:
        DataError: The folder does not exist or was not written by `treadle prepare`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        expected = ["report.json", "instances_train.parquet", "trajectories_train.parquet"]
        missing = [name for name in expected if not (self.folder / name).is_file()]
        if missing:
            state = f"no {', '.join(missing)} in it" if self.folder.is_dir() else "no such folder"
            if (self.folder / SHARD).is_file():
                raise DataError(f"{self.folder}: a shard; join all shards first: treadle merge SHARDS... -o FOLDER")
            raise DataError(
                f"{self.folder}: {state}; expected a folder made by `treadle prepare INPUT -o {self.folder}`"
            )

    @property
    def report(self) -> dict[str, Any]:
        """The content of `report.json`.

        Raises:
            DataError: It is no JSON.
        """
        path = self.folder / "report.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(
                f"{path}: no JSON ({error}); expected the report of `treadle prepare`. Prepare the data again with "
                "--overwrite"
            ) from None

    @property
    def answers_only(self) -> bool:
        """Whether there are problems and answers without steps, as `--answers-only` writes them."""
        return bool(self.report.get("settings", {}).get("answers_only"))

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
        metadata = pq.read_schema(self.instance_file("train")).metadata
        return Rendering(**json.loads(metadata[_RENDERING]))

    def trajectory_file(self, split: Split = "train") -> Path:
        return self.folder / f"trajectories_{split}.parquet"

    def instance_file(self, split: Split = "train") -> Path:
        return self.folder / f"instances_{split}.parquet"

    def trajectories(self, split: Split = "train") -> Iterator[Trajectory]:
        """The trajectories of a split, one at a time."""
        if self.count("trajectories", split):
            yield from read_trajectories(self.trajectory_file(split), format="treadle", keep_unverified=True)

    def instances(self, split: Split = "train", asking: Asking = PLAIN) -> Iterator[StepInstance]:
        """The step instances of a split with their prompts, one at a time, in constant memory.

        Args:
            asking: What prompts ask for.
        """
        rendering = self.rendering
        trajectories = enumerate(self.trajectories(split))
        at, trajectory = -1, None
        for batch in pq.ParquetFile(self.instance_file(split)).iter_batches():
            for row in batch.to_pylist():
                while at < row["trajectory"]:
                    at, trajectory = next(trajectories)
                yield step_instance(trajectory, row["step"], rendering, asking)

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
