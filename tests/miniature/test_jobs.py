"""Jobs side by side: order, failure, and the end of the run's processes."""

from __future__ import annotations

import multiprocessing
import signal
import time
from pathlib import Path

import pytest

from treadle.errors import Interrupted
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


def train_until_told(begun: str, saved: str) -> str:
    """A job as a stage in training is: it answers SIGTERM by saving, which takes it a moment."""
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    Path(begun).touch()
    while not told:
        time.sleep(0.1)
    time.sleep(1)
    Path(saved).touch()
    return "saved"


def interrupted_when(begun: str) -> str:
    while not Path(begun).exists():
        time.sleep(0.1)
    raise Interrupted("stage 'srl' stopped")


def test_when_one_job_is_interrupted_the_others_save_and_end(tmp_path):
    begun, saved = str(tmp_path / "begun"), str(tmp_path / "saved")
    jobs = [
        Job("trains", "trains", train_until_told, (begun, saved), tmp_path / "a"),
        Job("stops", "stops", interrupted_when, (begun,), tmp_path / "b"),
    ]
    with (
        Board({job.name: Line(job.title, None, 0) for job in jobs}) as board,
        pytest.raises(Interrupted, match="the same command without --overwrite continues"),
    ):
        run_jobs(jobs, 2, board)
    assert Path(saved).exists()
    assert not [p for p in multiprocessing.active_children() if p.is_alive()]
