"""How a command ends: its exit code and the one line that says why."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

import pytest
from typer import rich_utils

from treadle.cli.outcome import carry_out, how_to_continue
from treadle.errors import DataError, Interrupted, ModelError, OutputError, RecipeError, RewardError, TrainingFault
from treadle.files.row_copies import copies_folder
from treadle.report.console import VisibleConsole

HF = "hf_" + "QxTzVbNmKl" * 3


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """What a command sets for its process, put back; no arguments."""
    monkeypatch.setattr(sys, "argv", ["treadle"])
    monkeypatch.setattr(rich_utils, "Console", rich_utils.Console)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def raising(error):
    def command():
        raise error

    return command


def test_one_process_names_its_command_and_one_of_several_what_started_them_all(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/treadle", "train", "my recipe.yaml"])
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert how_to_continue() == "`treadle train 'my recipe.yaml'`"
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert how_to_continue() == "`treadle train 'my recipe.yaml'`"
    monkeypatch.setenv("WORLD_SIZE", "16")
    assert how_to_continue() == "the command that started these 16 processes, on every machine"


@pytest.mark.parametrize("kind", [DataError, RecipeError, ModelError, RewardError, OutputError])
def test_what_a_user_can_mend(kind, capfd):
    assert carry_out(raising(kind("a.json: no object; mend it"))) == 2
    assert capfd.readouterr() == ("", "treadle: error: a.json: no object; mend it\n")


def test_training_that_stopped_itself(capfd):
    assert carry_out(raising(TrainingFault("no gradient"))) == 3
    assert capfd.readouterr().err == "treadle: training stopped: no gradient\n"


def test_an_interruption(capfd):
    assert carry_out(raising(Interrupted("stopped; the same command starts again"))) == 130
    assert capfd.readouterr().err == "treadle: stopped; the same command starts again\n"


@pytest.mark.parametrize("code", [None, 0, 1, 2, 141, "text"])
def test_how_a_command_ends_by_itself_is_passed_on(code, capfd):
    assert carry_out(raising(SystemExit(code))) == code
    assert capfd.readouterr().err == ""


def test_what_ends_well_says_nothing(capfd):
    assert carry_out(lambda: print("done")) is None
    assert capfd.readouterr() == ("done\n", "")


def test_a_name_that_no_disk_has(tmp_path, capfd):
    assert carry_out(lambda: (tmp_path / ("x" * 300)).read_text()) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"treadle: error: {str(tmp_path)[:40]}")
    assert said.endswith("a name that is too long for the file system; shorten it\n")


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file", "a"), ValueError("x"), ZeroDivisionError()])
def test_what_is_no_mistake_of_the_user_comes_through(error):
    with pytest.raises(type(error)):
        carry_out(raising(error))


def test_sigterm_is_an_interruption():
    def command():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise Interrupted("saved") from None

    assert carry_out(command) == 130


@pytest.mark.parametrize(
    ("argument", "said"),
    [(HF, "argument 2, after --out: holds a Hugging Face token"), ("a\udcff", "its bytes are no UTF-8")],
)
def test_arguments_are_looked_at_before_anything_is_done(argument, said, monkeypatch, capfd):
    done = []
    monkeypatch.setattr(sys, "argv", ["treadle", "--out", argument])
    assert carry_out(lambda: done.append(1)) == 2
    shown = capfd.readouterr().err
    assert said in shown
    assert HF not in shown
    assert done == []


def test_what_is_printed_is_seen(capfd):
    def command():
        print("a\x1b[2Jb")
        raise DataError("f\x1b]0;: two\nlines")

    assert carry_out(command) == 2
    assert capfd.readouterr() == ("a\\x1b[2Jb\n", "treadle: error: f\\x1b]0;: two\n  lines\n")


def test_nothing_is_asked(capfd):
    assert carry_out(lambda: input("Execute? ")) == 2
    assert "which is not answered" in capfd.readouterr().err


def test_help_and_usage_errors_are_seen():
    carry_out(lambda: None)
    assert rich_utils.Console is VisibleConsole


@pytest.mark.parametrize("error", [SystemExit(0), DataError("x"), ValueError("x")])
def test_copies_of_rows_are_gone(error):
    folders = []

    def command():
        folders.append(copies_folder())
        raise error

    with suppress(ValueError):
        carry_out(command)
    assert not os.path.exists(folders[0])


def test_an_output_that_fails_at_the_very_end(monkeypatch, capfd):
    """What is still in the buffer of standard output belongs to the command."""
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert carry_out(lambda: print("x")) == 2
        monkeypatch.undo()
        assert "standard output: cannot be written to (No space left on device)" in capfd.readouterr().err
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # for what is flushed when it is closed
