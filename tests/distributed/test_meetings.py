"""A process that waits in vain ends with what was lost, for how long it waited and how to go on."""

from __future__ import annotations

import json
import socket

import pytest

from tests.distributed.meetings import WAIT
from tests.processes import forked

HOST = socket.gethostname()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("meetings")
    with forked("tests.distributed.meetings", folder, out=folder / "said") as process:
        assert process.wait(200) == 0, process.output[-3000:]
    return folder


@pytest.mark.parametrize(
    ("case", "codes", "words"),
    [("killed", [2, -9], "closed by peer|reset by peer"), ("hangs", [2, 0], "Timed out waiting 1500ms")],
)
def test_one_that_is_lost_is_named_with_the_last_checkpoint(folder, case, codes, words):
    said = (folder / f"{case}.said").read_text()
    assert said.startswith(f"LostProcess: process 0 of 2 on {HOST} lost another (1 on {HOST}): ")
    assert any(each in said for each in words.split("|"))
    assert f"a wait ends after {WAIT} s (wait_seconds)" in said
    assert f"The last checkpoint is {folder}/run/2-rlvr/checkpoint-10. Start the same command again on every" in said
    assert "gloo" not in said
    assert "typically" not in said
    assert json.loads((folder / f"{case}.json").read_text())["exit_codes"] == codes


def test_one_that_never_comes(folder):
    said = (folder / "absent.said").read_text()
    assert said.startswith(f"LostProcess: process 0 of 2 on {HOST} did not meet the others at 127.0.0.1:")
    assert f"within {WAIT} s (wait_seconds): " in said
    assert "Start the same command on every machine, each with its own --machine_rank" in said
    ended = json.loads((folder / "absent.json").read_text())
    assert ended["exit_codes"] == [2, 0]
    assert ended["seconds"] < 30


def test_errors_of_a_process_itself_stay_what_they_are(folder):
    assert (folder / "fails.said").read_text() == "RuntimeError: mat1 and mat2 shapes cannot be multiplied"
