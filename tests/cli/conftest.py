"""Commands of the command line, run in the process of the tests."""

from __future__ import annotations

import sys

import pytest

from treadle.cli import main as cli


@pytest.fixture
def treadle(monkeypatch, capfd):
    """Run a command in this process; returns exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["treadle", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run
