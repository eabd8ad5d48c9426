"""Forms of this package and of others, and which of them a row has."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from tests.plugins import write_package
from treadle import ReadReport, read_trajectories
from treadle.data.sources import registry
from treadle.data.sources.announced import announced
from treadle.data.sources.form import Form, ReadOptions
from treadle.errors import DataError
from treadle.files.rows import Rejected, Row

PAGE = (Path(__file__).parents[3] / "docs" / "forms.md").read_text()
MODULE = re.search(r"```python\n(# shell_log.py\n.*?)```", PAGE, re.DOTALL)[1]
ENTRY = re.search(r"```toml\n.*?\n(.*?)\n```", PAGE, re.DOTALL)[1].replace('"', "")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package with an entry point the way pip leaves it: a module and its metadata on the path."""

    def install(entry=ENTRY, module=MODULE):
        site = tmp_path / "site"
        write_package(site, "shell-log", "shell_log", module, entry)
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        registry.forms.cache_clear()
        announced.cache_clear()

    yield install
    registry.forms.cache_clear()
    announced.cache_clear()
    sys.modules.pop("shell_log", None)


def test_the_form_of_the_documentation_is_found_by_its_entry_point(package, tmp_path):
    package()
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"task": "t1", "goal": "list", "commands": [{"cmd": "ls", "out": "a b"}]}\n'
        '{"task": "t2", "goal": "list", "commands": [{"cmd": "ls", "out": ""}], "ok": false}\n'
        '{"task": "t3", "goal": "list", "commands": []}\n'
        '{"task": "t4", "goal": "list", "commands": [{"cmd": "ls"}]}\n'
    )
    report = ReadReport()
    (trajectory,) = read_trajectories(path, report=report)
    assert report.dropped == {"marked_as_failed": 1, "no_actions": 1, "form_failed": 1}
    assert report.forms == {"shell-log": 4}
    assert (trajectory.id, trajectory.steps[0].action, trajectory.steps[0].observation) == ("t1", "ls", "a b")
    assert next(iter(registry.forms())) == "shell-log"
    assert [t.id for t in read_trajectories(path, format="shell-log")] == ["t1"]


def test_an_entry_point_that_is_no_form_is_named(package):
    package("shell-log = shell_log:read")
    with pytest.raises(DataError, match=r"form 'shell-log' of the module shell_log .*found function, expected a"):
        registry.forms()


def test_a_name_cannot_be_taken_twice(package):
    package(module=MODULE.replace('"shell-log"', '"gsm8k"'))
    with pytest.raises(
        DataError,
        match=r"form 'shell-log' of the module shell_log .*: the name 'gsm8k' is a built-in form's; mend the package",
    ):
        registry.forms()


def test_every_form_has_a_name_and_a_line_for_the_table():
    for name, form in registry.forms().items():
        assert isinstance(form, Form)
        assert form.name == name
        assert 10 < len(form.description) < 120
    with pytest.raises(DataError, match=r"format 'xml': expected auto or one of treadle, swe-agent"):
        registry.form_named("xml")


def test_a_row_of_no_form_is_rejected_with_its_columns():
    with pytest.raises(Rejected, match="unknown_form: columns a, b"):
        registry.detect(Row({"a": 1, "b": 2}, "here", "file", 1))


SAMPLES = {  # forms of the real samples, which forms of other sources must leave alone
    "mini_swe_agent.traj.json": {"mini-swe-agent"},
    "nebius_swe_agent.jsonl": {"swe-agent"},
    "openhands_sdk": {"tool-calls", "xml-calls"},
    "openhands_swebench.json": {"openhands"},
    "swe_agent": {"swe-agent"},
    "swe_gym_openhands.jsonl": {"tool-calls"},
    "swe_smith_messages.jsonl": {"xml-calls"},
    "swe_smith_xml.jsonl": {"xml-calls"},
}


@pytest.mark.parametrize("name", SAMPLES)
def test_real_samples_are_known_as_before(data, name):
    report = ReadReport()
    assert list(read_trajectories(data / "trajectories" / name, report=report)) or name == "openhands_swebench.json"
    assert set(report.forms) == SAMPLES[name]


@pytest.mark.parametrize(
    "data",
    [
        {"Question": "q", "Complex_CoT": "hm", "Response": "1. **A** x\n2. **B** y"},
        {"Problem": "q", "Final Answer": "2", "Solution": "1. **A** x\n2. **B** y"},
        {"question": "q", "answer": "2", "Solution": "1. **A** x\n2. **B** y"},
    ],
)
def test_names_in_capitals_are_the_usual_ones(data):
    row, form = registry.recognised(Row(data, "f", "f", 1))
    trajectory = form.read(row, ReadOptions())
    assert (trajectory.problem, len(trajectory.steps)) == ("q", 2)


def test_a_name_that_is_there_twice_stays():
    row, _ = registry.recognised(Row({"problem": "q", "Problem": "r", "solution": "1. **A** x"}, "f", "f", 1))
    assert row.data["Problem"] == "r"
