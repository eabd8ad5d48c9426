"""No character of data, names, models or libraries acts on the terminal, whichever command prints it."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

ACTS = "\x1b]0;title\x07\x1b[2J\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x9b31m\x08\x08over\rline\u202egnp\u202c\u2066\u2069"
HIDES = "\u200b\u2060\ufeff\U000e0041\U000e0042\u2028\u2029\u200e\u061c\x00\x7f\x85"
EVIL = ACTS + HIDES
HIDDEN = re.compile("[\u200b\u200e\u200f\u061c\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e0fff\ud800-\udfff]")
CASES = Path("/work/shared/cases/hostile")


def shows_nothing_hidden(outcome):
    outcome.is_clean()
    assert not re.search(r"\r[^\r\n]*title", outcome.out + outcome.err)
    assert not HIDDEN.search(outcome.out + outcome.err)


@pytest.fixture
def evil(scratch):
    """Rows whose every text acts."""
    rows = [
        {
            "id": f"{n}{EVIL}",
            "domain": "math",
            "problem": f"What is {n} + {n}?{EVIL}",
            "steps": [
                {"title": f"Add{EVIL}", "thought": EVIL + "t", "action": f"{n} + {n} = {2 * n}{EVIL}"},
                {"action": f"\\boxed{{{2 * n}}}{EVIL}", "observation": EVIL},
            ],
            "answer": str(2 * n),
        }
        for n in range(3, 9)
    ]
    rows += [{EVIL: EVIL}, {"problem": EVIL, "solution": EVIL}]
    text = "".join(json.dumps(row) + "\n" for row in rows) + EVIL.replace("\r", "") + "\n"
    (scratch / "evil.jsonl").write_text(text)
    return "evil.jsonl"


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "evil.jsonl", "--full"),
        ("inspect", "evil.jsonl", "--limit", "9"),
        ("inspect", "evil.jsonl", "--id", f"3{EVIL[:-3]}"),
        ("inspect", "evil.jsonl", "--html", "page.html", "--limit", "9"),
        ("prepare", "evil.jsonl", "-o", "out", "--workers", "1"),
        ("prepare", "evil.jsonl", "-o", "out", "--workers", "2"),
        ("prepare", "evil.jsonl", "-o", "out", "--shard", "1/2"),
    ],
    ids=lambda a: " ".join(a[:1] + a[2:])[:30].encode("unicode_escape").decode(),
)
def test_rows_that_act(treadle, evil, arguments):
    arguments = [a.replace("\x00", "") for a in arguments]
    outcome = treadle(*arguments, seconds=120)
    shows_nothing_hidden(outcome)
    assert outcome.out or outcome.err
    if arguments[-1] in ("--full", "1"):
        assert "\\x1b]0;title\\x07\\x1b[2J" in outcome.out
        assert "\\u202egnp\\u202c" in outcome.out


NAME = EVIL.replace("\x00", "").replace("/", "") + "\ntreadle: error: fake"


@pytest.mark.parametrize(
    "arguments",
    [
        (NAME,),
        ("inspect", NAME),
        ("inspect", "evil.jsonl", "--format", NAME),
        ("inspect", "evil.jsonl", f"--{NAME}"),
        ("inspect", "evil.jsonl", "--limit", NAME),
        ("prepare", NAME, "-o", "out"),
        ("prepare", "evil.jsonl", "-o", "out", "--columns", f"{NAME}=x"),
        ("prepare", "evil.jsonl", "-o", "out", "--targets", NAME),
        ("prepare", "evil.jsonl", "-o", "out", "--against", NAME),
        ("merge", NAME, "-o", "out"),
        ("check", NAME),
        ("plan", NAME),
        ("train", NAME),
        ("train", "recipe.yaml"),
        ("train", "recipe.yaml", f"{NAME}=1"),
        ("evaluate", NAME, "-o", "out", "--benchmark", "aime24"),
        ("evaluate", "m", "-o", "out", "--benchmark", NAME),
        ("evaluate", "m", "-o", "out", "--chat-template-kwargs", NAME),
        ("compare", NAME),
        ("view", NAME),
        ("grade", NAME, "--column", "c", "--answer", "a"),
        ("grade", "evil.jsonl", "--column", NAME, "--answer", "a"),
        ("quickstart", "--seeds", NAME),
    ],
    ids=lambda a: " ".join(x for x in a if len(x) < 20),
)
def test_arguments_that_act(treadle, scratch, evil, arguments):
    (scratch / "recipe.yaml").write_text(json.dumps({"model": "m", "data": "d", "output": "o", f"k{EVIL}": EVIL}))
    outcome = treadle(*arguments, seconds=120)
    assert outcome.code == 2, outcome
    shows_nothing_hidden(outcome)
    assert not re.search(r"^treadle: error: fake", outcome.err, re.MULTILINE)


@pytest.mark.parametrize("name", ["xss_numbered.jsonl", "surrogate.jsonl", "xss_eval.jsonl"])
@pytest.mark.parametrize("command", [("inspect", "--full"), ("prepare", "-o", "out")])
def test_cases_that_got_through(treadle, scratch, name, command):
    if not CASES.is_dir():
        pytest.skip(f"{CASES} is not there")
    (scratch / name).write_bytes((CASES / name).read_bytes())
    shows_nothing_hidden(treadle(command[0], name, *command[1:], seconds=120))


def test_verdicts_and_a_file_of_data(treadle, scratch):
    (scratch / "o.jsonl").write_text(json.dumps({"id": EVIL, "out": f"\\boxed{{4}}{EVIL}", "a": "4"}) + "\n")
    outcome = treadle("grade", "o.jsonl", "--column", "out", "--answer", "a", "-o", "graded.jsonl", "--workers", "1")
    assert outcome.code == 0, outcome.err
    shows_nothing_hidden(outcome)
    (row,) = (json.loads(line) for line in (scratch / "graded.jsonl").read_text(encoding="utf-8").split("\n") if line)
    assert row["id"] == EVIL, "files hold what was there"


def on_a_terminal(folder, *arguments):
    """What a command writes to a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm-256color", PYTHONPATH=str(ROOT), COLUMNS="200")
        os.execv(sys.executable, [sys.executable, "-m", "treadle.cli", *arguments])
    said = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not more:
            break
        said += more
    os.close(terminal)
    os.waitpid(pid, 0)
    return said.decode()


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    "arguments", [("inspect", "evil.jsonl", "--limit", "9"), (f"in{NAME}spect",), ("view", f"--{NAME}"), ("--help",)]
)
def test_colours_are_treadles_own(scratch, evil, arguments):
    said = on_a_terminal(scratch, *arguments)
    assert COLOUR.search(said), "a terminal has colours"
    plain = COLOUR.sub("", said).replace("\r\n", "\n")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", plain)
    assert not HIDDEN.search(plain)
    if arguments != ("--help",):
        assert "\\x1b" in plain
        assert "\x1b[31mm" not in said
