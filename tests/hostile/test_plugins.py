"""Forms of other packages that are broken: named with their module, in one line, whatever they do."""

from __future__ import annotations

import json

import pytest

from tests.plugins import write_package

HEAD = """
from treadle import Step, Trajectory
from treadle.data.sources.form import Form
def matches(row): return "commands" in row.data
def read(row, options): return Trajectory(id=row.id(), problem="p", steps=[Step("ls")], meta={})
"""
FORM = 'FORM = Form("evil", "a form", matches, read)\n'
PREPARE = ("prepare", "rows.jsonl", "-o", "out", "--held-out", "0", "--row-seconds", "0.5")
COMMANDS = pytest.mark.parametrize("command", [(), PREPARE], ids=["inspect", "prepare"])


@pytest.fixture
def plugged(treadle, scratch):
    """`treadle` with an installed package `evil` that announces forms, over a row of its and one of another form."""
    gsm8k = {"question": "1+1?", "answer": "It is 1+1=<<1+1=2>>2.\nSo 2.\n#### 2"}
    (scratch / "rows.jsonl").write_text(f"{json.dumps({'commands': ['ls']})}\n{json.dumps(gsm8k)}\n")

    def run(module, *arguments, entries="evil = evil:FORM"):
        site = scratch / "site"
        write_package(site, "evil-forms", "evil", module, entries)
        command = arguments or ("inspect", "rows.jsonl", "--limit", "2")
        return treadle(*command, environment={"PYTHONPATH": str(site)})

    return run


def test_a_sound_one_reads_beside_the_others(plugged):
    outcome = plugged(HEAD + FORM)
    assert outcome.code == 0, outcome.err
    assert "evil" in outcome.out
    assert "gsm8k" in outcome.out


@COMMANDS
@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise ValueError('two\\nlines \\x1b[31m')", "ValueError: two lines \\x1b[31m"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("def broken(:", "SyntaxError"),
        ("FORMS = 1", "AttributeError"),
        ("FORM = 'text'", "found str, expected a treadle.data.sources.form.Form"),
        (HEAD + "FORM = Form(3, 'a form', matches, read)", "its name is int, expected a string"),
        (HEAD + "FORM = Form('evil', None, matches, read)", "its description is NoneType, expected a string"),
        (HEAD + "FORM = Form('evil', 'a form', None, read)", "its matches is NoneType, expected a function"),
    ],
)
def test_what_cannot_be_loaded_ends_the_command(plugged, module, said, command):
    line = plugged(module, *command).refused("form 'evil' of the module evil", said, "pip uninstall evil-forms")
    assert line.startswith("treadle: error: form 'evil'")


def test_two_of_one_name(plugged):
    entries = "evil = evil:FORM\nworse = evil:FORM"
    plugged(HEAD + FORM, entries=entries).refused("the name 'evil' is taken by evil:FORM")


@COMMANDS
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return row.data['no']", "matches raised KeyError: 'no' on rows.jsonl, line 1"),
        ("import sys; sys.exit(0)", "matches raised SystemExit: 0"),
        ("import numpy; return numpy.zeros(2)", "matches raised ValueError"),
        ("return matches(row)", "matches raised RecursionError"),
    ],
)
def test_a_test_of_rows_that_fails_ends_the_command(plugged, body, said, command):
    module = f"{HEAD}def matches(row): {body}\n{FORM}"
    plugged(module, *command).refused("form 'evil' of the module evil", said, "--format")


def test_a_test_of_rows_that_never_ends(plugged):
    outcome = plugged(f"{HEAD}def matches(row):\n    while True: pass\n{FORM}", *PREPARE)
    outcome.refused("form 'evil' of the module evil", "matches took longer than the limit for one row")
    assert outcome.seconds < 30


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise KeyError('no')", "evil:FORM: KeyError: 'no'"),
        ("import sys; sys.exit(0)", "evil:FORM: SystemExit: 0"),
        ("return None", "evil:FORM: read returned NoneType, expected a Trajectory"),
        ("return {'id': 1}", "evil:FORM: read returned dict, expected a Trajectory"),
        ("return Trajectory(1, 'p', [Step('ls')])", "a Trajectory whose id is int, expected str"),
        ("return Trajectory('i', 'p', [{'action': 'ls'}])", "a trajectory whose steps hold dict, expected Step"),
        ("return Trajectory('i', 'p', [Step('ls', observation=3)])", "a Step whose observation is int, expected str"),
        ("return Trajectory('i', 'p', [Step('ls')], meta={'f': read})", "whose meta is no JSON"),
        ("return Trajectory('i', 'p', [Step('ls')], verified='yes')", "whose verified is str, expected bool"),
        ("\n    while True: pass", "more than 0.5 s in evil:FORM"),
    ],
)
def test_a_reader_that_fails_costs_its_row(plugged, scratch, body, said):
    outcome = plugged(f"{HEAD}def read(row, options): {body}\n{FORM}", *PREPARE)
    assert outcome.code == 0, outcome.err
    outcome.is_clean()
    first, second = (json.loads(line) for line in (scratch / "out" / "rows.jsonl").read_text().splitlines())
    assert said in first["detail"]
    assert (first["form"], second["form"]) == ("evil", "gsm8k")
    assert "rows read 2, kept 1, dropped 1" in outcome.out


def test_what_it_prints_is_seen(plugged):
    outcome = plugged(f"{HEAD}print('\\x1b[2J printed')\n{FORM}")
    outcome.is_clean()
    assert "\\x1b[2J printed" in outcome.out
