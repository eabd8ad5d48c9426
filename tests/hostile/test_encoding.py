"""Outputs that cannot show a character, that nobody reads, or that are full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.processes import ROOT

PROBLEM = "Größe π 解 😀"


@pytest.fixture
def foreign(scratch):
    row = f'{{"problem": "{PROBLEM}", "solution": "1. **Ä:** ü\\n2. **Ω:** \\\\boxed{{1}}"}}\n'
    (scratch / "größe.jsonl").write_text(row * 3, encoding="utf-8")
    return "größe.jsonl"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-16", "koi8-r"])
@pytest.mark.parametrize(
    "command",
    [
        ("--help",),
        ("nosuch-π",),
        ("inspect", "größe.jsonl", "--full"),
        ("inspect", "none-π.jsonl"),
        ("inspect", "--forms"),
        ("prepare", "größe.jsonl", "-o", "ö"),
        ("train", "none-π.yaml"),
        ("compare", "π"),
        ("view", "π"),
        ("check", "π"),
    ],
    ids=lambda command: " ".join(command).encode("ascii", "replace").decode(),
)
def test_what_cannot_be_encoded_is_named(treadle, foreign, encoding, command):
    outcome = treadle(*command, environment={"PYTHONIOENCODING": encoding})
    assert outcome.code == (0 if command[0] == "--help" or "größe.jsonl" in command or "--forms" in command else 2)
    for said in (outcome.out, outcome.err):
        assert "Traceback" not in said
        assert "UnicodeEncodeError" not in said
    if command[:2] == ("inspect", foreign) and encoding.startswith("ascii"):
        assert "Gr\\xf6\\xdfe \\u03c0 \\u89e3 \\U0001f600" in outcome.out


def piped(scratch, script, **variables):
    """Run a line of bash with `treadle` as a function; its exit code and standard error."""
    head = f'treadle() {{ "{sys.executable}" -m treadle.cli "$@"; }}; '
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(
        ["bash", "-c", head + script], cwd=scratch, env=environment, capture_output=True, timeout=120, check=False
    )
    return done.returncode, done.stderr.decode()


BROKEN = 128 + signal.SIGPIPE


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("treadle inspect größe.jsonl --limit 3 | true; exit ${PIPESTATUS[0]}", BROKEN, ""),
        ("treadle --help | true; exit ${PIPESTATUS[0]}", BROKEN, ""),
        ("treadle inspect größe.jsonl >&-", 0, ""),
        ("treadle inspect größe.jsonl >&- 2>&-", 0, ""),
        ("treadle inspect none.jsonl 2>&-", 2, ""),
        (
            "treadle inspect größe.jsonl >/dev/full",
            2,
            "treadle: error: standard output: cannot",
        ),
        ("treadle inspect none.jsonl 2>/dev/full", 2, ""),
        ("LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 treadle inspect - <größe.jsonl >/dev/null", 0, ""),
    ],
)
def test_an_output_that_nobody_reads_ends_quietly(scratch, foreign, script, code, said):
    found, err = piped(scratch, script)
    assert (found, "Traceback" in err, "Exception ignored" in err) == (code, False, False), err
    assert err.startswith(said)
    assert err.count("\n") == bool(said)


def test_a_name_that_is_no_utf_8(treadle, scratch, foreign):
    folder = scratch / "folder"
    folder.mkdir()
    os.rename(scratch / foreign, os.fsencode(folder) + b"/b\xff.jsonl")
    outcome = treadle("prepare", "folder", "-o", "out")
    assert outcome.code == 0, outcome.err
    assert "b\\\\udcff.jsonl, line 1" in (scratch / "out" / "rows.jsonl").read_text(encoding="utf-8")
    treadle("inspect", os.fsdecode(b"b\xff.jsonl")).refused("b\\udcff.jsonl", "no UTF-8")
