"""Experts' trajectories for the tasks of a run, to stand beside the steps of an agent."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from treadle.data.sources import read_trajectories
from treadle.data.sources.report import ReadReport
from treadle.errors import DataError
from treadle.trajectory import Trajectory


def read_experts(source: str | Path, names: Collection[str]) -> dict[str, Trajectory]:
    """An expert for each task that has one: the first that is known to be right, else the first.

    Args:
        source: What `treadle prepare` reads, for instance what `treadle swe tasks --trajectories` wrote.
        names: Ids of the tasks. A trajectory's id is a task's, or begins with it and a dot.

    Raises:
        DataError: Nothing is there, or no trajectory is of these tasks.
    """
    found: dict[str, Trajectory] = {}
    report, known, other = ReadReport(), set(names), ""
    for trajectory in read_trajectories(source, keep_unverified=True, report=report):
        name = task_of(trajectory.id, known)
        if name is None:
            other = other or trajectory.id
        elif name not in found or (trajectory.verified and not found[name].verified):
            found[name] = trajectory
    if not found:
        example = f", the first {other!r:.90}" if other else ""
        raise DataError(
            f"{source}: {report.kept:,} trajectories of {report.read:,} rows{example}, none of the {len(known):,} "
            "tasks of the run; give the file that has their experts with --experts"
        )
    return found


def task_of(identity: str, known: Collection[str]) -> str | None:
    """The longest id of a task with which a trajectory's id begins; what follows is a run's name or a digest."""
    while identity not in known:
        identity, dot, _ = identity.rpartition(".")
        if not dot:
            return None
    return identity
