"""Jobs side by side: order, failure, and the end of the run's processes."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from treadle.miniature.board import Board, Line
from treadle.miniature.jobs import Job, run_jobs


def test_a_failing_job_ends_the_others_at_once(tmp_path):
    jobs = [
        Job("sleeps", "sleeps", time.sleep, (300,), tmp_path / "a"),
        Job("fails", "fails", int, ("x",), tmp_path / "b"),
    ]
    started = time.monotonic()
    with Board({job.name: Line(job.title, None, 0) for job in jobs}) as board, pytest.raises(ValueError, match="'x'"):
        run_jobs(jobs, 2, board)
    assert time.monotonic() - started < 100
    assert not [p for p in multiprocessing.active_children() if p.is_alive()]


def test_what_is_done_is_not_run_again(tmp_path):
    (tmp_path / "a").touch()
    with Board({"a": Line("a", None, 0)}) as board:
        run_jobs([Job("a", "a", int, ("x",), tmp_path / "a")], 1, board)
    assert board.lines["a"].result == "done before"
