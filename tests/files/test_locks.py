"""The lock beside what is written."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from treadle.errors import OutputError
from treadle.files.locks import alone, holder

HOLD = "import sys, time; from pathlib import Path; from treadle.files.locks import alone\n"
HOLD += "with alone(Path(sys.argv[1])):\n print('held', flush=True); time.sleep(60)"


def test_a_lock_is_there_as_long_as_it_is_held(tmp_path):
    with alone(tmp_path / "a" / "out"):
        assert os.listdir(tmp_path / "a") == [".out.lock"]
    assert os.listdir(tmp_path) == []


def test_it_is_released_by_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), alone(tmp_path / "out"):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_two_names_of_one_folder_are_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    with alone(tmp_path / "out"), pytest.raises(OutputError, match="link is being written"), alone(tmp_path / "link"):
        pass


def test_who_holds_it_is_said_and_a_killed_one_holds_nothing(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out"), "and\nmore"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(OutputError) as told, alone(tmp_path / "out"):
            pass
        said = str(told.value)
        assert f"(process {process.pid} on {os.uname().nodename}, since {time.strftime('%Y-%m-')}" in said
        assert f"`{sys.executable} -c" in said
        assert "\n" not in said
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / ".out.lock").exists()
    with alone(tmp_path / "out"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_forked_worker_does_not_hold_it(tmp_path):
    with alone(tmp_path / "out"):
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,))
        worker.start()
    try:
        with alone(tmp_path / "out"):
            assert worker.is_alive()
    finally:
        worker.kill()
        worker.join()


def test_a_forked_worker_that_ends_does_not_release_it(tmp_path):
    with alone(tmp_path / "out"):
        worker = multiprocessing.get_context("fork").Process(target=sys.exit)
        worker.start()
        worker.join()
        assert os.listdir(tmp_path) == [".out.lock"]


@pytest.mark.parametrize("text", ["", "x\n", "1\n", "1\n2\n3\n4\n"])
def test_a_holder_that_nobody_knows(tmp_path, text):
    (tmp_path / "lock").write_text(text)
    assert holder(tmp_path / "lock").startswith("a process that did not write down which it is (since ")
    assert holder(tmp_path / "none") == "another process"


def test_what_cannot_have_a_lock(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for path in (tmp_path / "a", Path("/dev/null/x/y"), Path("/proc/x/y")):
        with pytest.raises(OutputError, match=f"{path}: cannot be written"), alone(path):
            pass
