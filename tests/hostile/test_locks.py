"""Two commands on one file or folder: the second is told who writes; what a killed one left is in nobody's way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from filelock import SoftFileLock

from tests.hostile.driver import beside, contents, until
from treadle.data.prepare.reuse import reusable

FOLDERS = ("prepare", "shard", "merge", "train", "evaluate", "regrade", "view", "compare", "quickstart")
WRITING = (*FOLDERS, "grade")
QUICK = ("prepare", "shard", "merge", "regrade", "view", "compare", "grade")


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("name", WRITING)
def test_what_another_process_writes_is_left_alone(treadle, given, scratch, name):
    target = given.target(name, scratch)
    before = contents(scratch)
    with SoftFileLock(scratch / ".target.lock"):
        during = contents(scratch)
        outcome = treadle(*given.command(name, target))
        said = outcome.refused(f"{target} is being written by", f"process {os.getpid()} on")
        assert contents(scratch) == during
    assert "delete " + str(scratch / ".target.lock") in said
    assert time.strftime("since %Y-") in said
    assert contents(scratch) == before


@pytest.mark.parametrize("name", QUICK)
def test_the_lock_of_a_killed_command_is_taken_over(treadle, given, scratch, name):
    target = given.target(name, scratch)
    (scratch / ".target.lock").write_text(f"{dead_process()}\n{socket.gethostname()}\n")
    outcome = treadle(*given.command(name, target))
    assert outcome.code == 0, outcome
    assert os.listdir(scratch) == ["target"]
    assert not [path for path in contents(scratch) if "lock" in path or "partial" in path]


@pytest.mark.parametrize("name", ["prepare", "view", "grade"])
def test_of_another_host_nobody_can_know(treadle, given, scratch, name):
    target = given.target(name, scratch)
    (scratch / ".target.lock").write_text(f"{dead_process()}\nelsewhere\n")
    before = contents(scratch)
    said = treadle(*given.command(name, target)).refused("another command (process ", " on elsewhere, since ")
    assert contents(scratch) == before
    (scratch / ".target.lock").unlink()
    assert "delete " + str(scratch / ".target.lock") in said
    assert treadle(*given.command(name, target)).code == 0


@pytest.mark.parametrize("text", ["", "what is this\n", "1\n2\n3\n4\n"])
def test_a_lock_that_says_nothing(treadle, given, scratch, text):
    (scratch / ".target.lock").write_text(text)
    treadle(*given.command("prepare", scratch / "target")).refused("did not write down which it is", "delete ")
    assert os.listdir(scratch) == [".target.lock"]


@pytest.fixture
def pipe(scratch):
    """A pipe to a command: what reads it waits until it is written."""
    path = scratch.parent / "pipe"
    os.mkfifo(path)
    return path


def writing(scratch):
    return any(scratch.glob(".target.*.partial*"))


def test_two_at_once(treadle, given, scratch, pipe, solutions):
    rows = solutions.read_bytes()
    solutions.unlink()
    with beside(scratch, "prepare", "-", "-o", "target", stdin=pipe) as first, pipe.open("wb") as end:
        end.write(rows[:100])
        end.flush()
        until(lambda: writing(scratch))
        treadle(*given.command("prepare", scratch / "target")).refused(f"process {first.pid} on ")
        end.write(rows[100:])
        end.close()
        first.join(60)
        assert first.exitcode == 0
    assert os.listdir(scratch) == ["target"]
    other = scratch.parent / "again"
    assert treadle(*given.command("prepare", other)).code == 0
    for name in ("trajectories_train.parquet", "instances_heldout.parquet"):
        assert (scratch / "target" / name).read_bytes() == (other / name).read_bytes()


COMMANDS = {
    "prepare": ("prepare", "-", "-o", "target"),
    "grade": ("grade", "-", "--column", "o", "--answer", "a", "--workers", "1", "-o", "target"),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_stopped_leaves_nothing(scratch, pipe, name, number):
    with beside(scratch, *COMMANDS[name], stdin=pipe) as command, pipe.open("wb") as end:
        end.write(b'{"o": "1", "a": "1"}\n{')
        end.flush()
        until(lambda: writing(scratch))
        os.kill(command.pid, number)
        command.join(30)
        assert command.exitcode == 130
    said = (scratch.parent / "scratch.beside.err").read_text()
    assert [line for line in said.splitlines() if line.startswith("treadle: stopped; ")] == said.splitlines()
    assert os.listdir(scratch) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_evaluation_that_is_stopped_can_be_continued(treadle, given, scratch, number):
    command = [*given.command("evaluate", scratch / "target"), "--max-new-tokens", 20000, "--batch-size", 1]
    with beside(scratch, *command) as process:
        until((scratch / "target" / "generations.jsonl").exists)
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == 130
    assert os.listdir(scratch) == ["target"]
    assert not [path for path in contents(scratch) if "lock" in path or "partial" in path]


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_killed_is_in_nobodys_way(treadle, given, scratch, pipe, name):
    with beside(scratch, *COMMANDS[name], stdin=pipe) as command, pipe.open("wb") as end:
        end.write(b'{"o": "1", "a": "1"}\n{')
        end.flush()
        until(lambda: writing(scratch))
        os.kill(command.pid, signal.SIGKILL)
        command.join(30)
    assert (scratch / ".target.lock").exists()
    outcome = treadle(*given.command(name, scratch / "target"))
    assert outcome.code == 0, outcome
    assert os.listdir(scratch) == ["target"]


def test_what_was_killed_between_two_names_gets_its_old_one_back(treadle, given, scratch):
    """The moment at which neither the old folder nor the new one has the name."""
    target, command = scratch / "target", given.command("prepare", scratch / "target")
    assert treadle(*command).code == 0
    before = contents(target)
    target.rename(scratch / f".target.{socket.gethostname()}-{dead_process()}-0123abcd.old")
    (scratch / f".target.{socket.gethostname()}-{dead_process()}-0123abcd.partial").mkdir()
    treadle("prepare", given.folder / "outputs.jsonl", "-o", target).refused("holds what was prepared", "--overwrite")
    assert contents(target) == before
    assert os.listdir(scratch) == ["target"]
    assert "up to date" in treadle(*command).out


def test_scratch_names_of_others_stay(treadle, given, scratch):
    mine = scratch / f".target.{socket.gethostname()}-{os.getpid()}-0123abcd.partial"
    for path in (mine, scratch / ".target.partial", scratch / ".target.notes.partial", scratch / ".targets.lock"):
        path.mkdir()
    before = set(contents(scratch))
    assert treadle(*given.command("prepare", scratch / "target")).code == 0
    assert before <= set(contents(scratch))


@pytest.mark.parametrize("command", [("inspect", "target"), ("check", "recipe.yaml", "data=target")])
def test_what_only_reads_needs_no_lock(treadle, given, scratch, command):
    assert treadle(*given.command("prepare", scratch / "target")).code == 0
    (scratch / "recipe.yaml").symlink_to(given.folder / "recipe.yaml")
    with SoftFileLock(scratch / ".target.lock"):
        before = contents(scratch)
        outcome = treadle(*command)
        assert outcome.code == 0, outcome
        assert contents(scratch) == before


def test_what_is_up_to_date_is_so_while_another_writes(treadle, given, scratch):
    command = given.command("prepare", scratch / "target")
    assert treadle(*command).code == 0
    with SoftFileLock(scratch / ".target.lock"):
        assert "up to date" in treadle(*command).out
    assert reusable(scratch / "target", None) is None
