"""Standard input is data or nothing: no library gets an answer from it."""

from __future__ import annotations

import getpass
import io
import json
import sys

import pytest
import typer

from tests.hostile import folders
from tests.hostile.folders import MARK
from treadle.cli.questions import nothing_asked
from treadle.errors import TreadleError

YES = b"y\ny\n"
COLUMNS = ("--column", "output", "--answer", "reference", "--extract", "whole", "--workers", "1")


@pytest.fixture
def piped(monkeypatch):
    """As in a command, with a `y` on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(YES)))
    with nothing_asked():
        yield


@pytest.mark.parametrize(
    "ask",
    [
        lambda: input("Do you wish to run the custom code? [y/N] "),
        lambda: getpass.getpass("Password: "),
        lambda: sys.stdin.readline(),
        lambda: sys.stdin.read(),
        lambda: next(iter(sys.stdin)),
        lambda: typer.confirm("Go on?"),
        lambda: typer.prompt("Name"),
    ],
    ids=["input", "getpass", "readline", "read", "lines", "confirm", "prompt"],
)
def test_a_question_is_an_error(ask, piped):
    with pytest.raises(TreadleError, match="not answered"):
        ask()


def test_data_is_read_all_the_same(piped):
    assert sys.stdin.buffer.read() == YES
    assert not sys.stdin.isatty()


def test_a_question_of_transformers(piped, capsys):
    """The one that a model's code is asked for by: an answer is not taken, which transformers holds for a no."""
    from transformers.dynamic_module_utils import resolve_trust_remote_code

    with pytest.raises(ValueError, match="trust_remote_code=True"):
        resolve_trust_remote_code(None, "somebody/model", has_local_code=False, has_remote_code=True)


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with nothing_asked():
        assert sys.stdin.buffer.read() == b""
    assert sys.stdin is None


def rows(solutions):
    return solutions.read_bytes()


@pytest.mark.parametrize("maker", [folders.foreign_type, folders.tokenizer_code])
@pytest.mark.parametrize("before", [b"", YES])
def test_prepare_reads_data(maker, before, treadle, solutions, scratch):
    model = maker(scratch / "m", scratch / MARK)
    outcome = treadle("prepare", "-", "-o", "out", "--tokenizer", model, stdin=before + rows(solutions))
    assert outcome.code == 0, outcome
    report = json.loads((scratch / "out" / "report.json").read_text())["rows"]
    assert (report["kept"], report["read"]) == (4, 4 + before.count(b"\n"))
    assert not (scratch / MARK).exists()


def test_grade_reads_data(treadle):
    outcome = treadle("grade", "-", *COLUMNS, stdin=b'{"output": "1/2", "reference": "0.5"}\n')
    assert outcome.code == 0, outcome
    assert "accuracy of 1" in outcome.out
    treadle("grade", "-", *COLUMNS, stdin=YES).refused("standard input")


def test_nothing_is_read_where_no_data_is_asked_for(treadle, solutions, scratch):
    assert treadle("prepare", solutions, "-o", "out", stdin=YES).code == 0
    treadle("prepare", solutions, "-o", "out", "--min-steps", "2", stdin=YES).refused("--overwrite")
