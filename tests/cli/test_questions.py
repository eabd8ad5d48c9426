"""No library gets an answer from standard input or from the terminal."""

from __future__ import annotations

import getpass
import io
import sys

import pytest
import typer

from treadle.cli.questions import nothing_asked
from treadle.errors import TreadleError

YES = b"y\ny\n"


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
        lambda: sys.stdin.readlines(),
        lambda: next(iter(sys.stdin)),
        lambda: typer.confirm("Go on?"),
        lambda: typer.prompt("Name"),
    ],
    ids=["input", "getpass", "readline", "read", "readlines", "lines", "confirm", "prompt"],
)
def test_a_question_is_an_error(ask, piped):
    with pytest.raises(TreadleError, match="not answered"):
        ask()


def test_data_is_read_all_the_same(piped):
    assert sys.stdin.buffer.read() == YES
    assert not sys.stdin.isatty()
    assert not sys.stdin.readable()


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


def test_a_password_says_what_asked(piped):
    with pytest.raises(TreadleError, match=r"asked for a password \(Key:\)"):
        getpass.getpass("Key: ")


def test_afterwards_all_is_as_before():
    before = sys.stdin, getpass.getpass
    with pytest.raises(TreadleError), nothing_asked():
        sys.stdin.readline()
    assert (sys.stdin, getpass.getpass) == before
