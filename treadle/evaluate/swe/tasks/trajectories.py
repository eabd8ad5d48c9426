"""Files of experts' trajectories for made tasks, in the form of SWE-smith's.

`treadle prepare` reads such a file as it reads SWE-smith's, and a model trained on it meets the same tools and texts
when it acts itself. What an expert does is in `treadle.evaluate.swe.tasks.episode`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import DataError, OutputError
from treadle.evaluate.store import Journal
from treadle.evaluate.swe.environments import Environment
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.tasks.episode import messages_of
from treadle.evaluate.swe.wording import counted
from treadle.files.locks import alone
from treadle.files.whole import writing

MODEL = "treadle-expert"

Environments = Callable[[SweInstance], Environment]
"""Gives the environment of a task."""


@dataclass(frozen=True)
class Written:
    """What became of the trajectories.

    Args:
        count: How many the file holds.
        left_out: Ids of the tasks that have none, with the reason.
    """

    count: int
    left_out: dict[str, str]


def write_trajectories(
    instances: Sequence[SweInstance],
    file: Path,
    environments: Environments,
    *,
    unsafe_local: bool = False,
    overwrite: bool = False,
    said: Callable[[str], None] = print,
) -> Written:
    """Write an expert's trajectory for each made task, a line each; those that the file has already are kept.

    Those of tasks that are held out go to a file beside it, see `held_out_file`, lest somebody trains on them.

    Args:
        environments: Gives the environment of a task.
        unsafe_local: Run the tools without a sandbox where none can be had.
        overwrite: Write the files anew.
        said: Told how it goes, a line for each file.

    Raises:
        DataError: A task was not made by treadle.
        OutputError: A file holds something else, or cannot be written.
        SandboxError: There is no sandbox.
    """
    parts = {file: [each for each in instances if each.meta.get("split") != "test"]}
    parts[held_out_file(file)] = [each for each in instances if each.meta.get("split") == "test"]
    left_out: dict[str, str] = {}
    count = 0
    for place, some in parts.items():
        if some:
            written = _write(some, place, environments, unsafe_local, overwrite)
            more = f", {counted(len(written.left_out), 'task')} without one" if written.left_out else ""
            said(f"{written.count:,} {'trajectory' if written.count == 1 else 'trajectories'} in {place}{more}")
            count += written.count
            left_out |= written.left_out
    return Written(count, left_out)


def held_out_file(file: Path) -> Path:
    """Where the trajectories of tasks for testing lie: `experts.test.jsonl` beside `experts.jsonl`."""
    return file.with_name(f"{file.stem}.test{file.suffix}")


def _write(
    instances: Sequence[SweInstance], file: Path, environments: Environments, unsafe_local: bool, overwrite: bool
) -> Written:
    known = {instance.instance_id for instance in instances}
    left_out: dict[str, str] = {}
    with alone(file):
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            if overwrite:
                file.unlink(missing_ok=True)
        journal = Journal(file)
        try:
            have = {str(row.get("instance_id")) for row in journal}
            if others := sorted(have - known):
                raise OutputError(
                    f"{file}: holds a trajectory of another set ({others[0][:80]}); choose another file, or replace it "
                    "with --overwrite"
                )
            for instance in instances:
                if instance.instance_id in have:
                    continue
                row = expert_row(instance, environments(instance), unsafe_local)
                if isinstance(row, str):
                    left_out[instance.instance_id] = row
                else:
                    journal.append(row)
                    have.add(instance.instance_id)
        finally:
            journal.close()
    return Written(len(have), left_out)


def expert_row(instance: SweInstance, environment: Environment, unsafe_local: bool = False) -> dict[str, Any] | str:
    """The row of a task: messages as SWE-smith's trajectories have them, or why there is none, in a line."""
    if not instance.of_release:
        raise DataError(f"{instance.instance_id}: no made task; experts are made for the tasks of `treadle swe tasks`")
    messages = messages_of(instance, environment, unsafe_local)
    if isinstance(messages, str):
        return messages
    return {
        "instance_id": instance.instance_id,
        "model": MODEL,
        "resolved": True,
        "split": instance.meta.get("split", "train"),
        "messages": messages,
        "patch": instance.patch,
    }
