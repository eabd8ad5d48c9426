"""Read expert trajectories: `read_trajectories` yields a `Trajectory` a row and counts what became of the rest.

form.py       what a form is; rows come from `treadle.files.chunks`, in chunks that can go to other processes
registry.py   which form a row has; one module a form turns the row into a trajectory
reading.py    the two put together, with what the source says about success and a time limit a row
report.py     what became of each row
"""

from treadle.data.sources.reading import read_trajectories

__all__ = ["read_trajectories"]
