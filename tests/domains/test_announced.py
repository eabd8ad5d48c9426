"""Domains that packages announce, by the metadata that pip leaves, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.domains.folders import YAML, write_domain
from tests.plugins import write_package

CODE = """
from pathlib import Path
from treadle.domains.folder import read_folder
FIELD = read_folder(Path(__file__).parent / "field")
TEXT = "text"
"""
ASKED = """
from treadle.domains.registry import by_folder, find
from treadle.errors import DomainError
try:
    print(find("field").about, by_folder(find("field")))
except DomainError as error:
    print(error)
"""


@pytest.fixture
def announced(tmp_path):
    """What `find` says beside an installed package."""

    def ask(code=CODE, entries="field = fields:FIELD", content=YAML):
        site = tmp_path / "site"
        write_package(site, "fields-of-mine", "fields", code, entries, "treadle.domains")
        write_domain(site / "field", content)
        paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TREADLE_DOMAINS": ""}
        told = subprocess.run(
            [sys.executable, "-c", ASKED], capture_output=True, text=True, env=environment, check=True
        )
        return told.stdout.strip()

    return ask


def test_a_package_brings_one(announced):
    assert announced() == "Moves on a line. False"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"entries": "field = fields:TEXT"},
            "found str, expected a Domain, such as treadle.domains.folder.read_folder",
        ),
        ({"entries": "field = fields:NOTHING"}, "cannot be imported (AttributeError"),
        ({"code": "import nothing_of_this_name"}, "cannot be imported (ModuleNotFoundError"),
        ({"content": "name: math"}, "the name 'math' is treadle's own"),
        ({"content": "name: field\nstep: calls"}, "unknown key 'step'; did you mean 'steps'?"),
        ({"entries": "field = fields:FIELD\nagain = fields:FIELD"}, "the name 'field' is that of "),
    ],
)
def test_what_is_wrong_names_the_package_in_a_line(announced, change, said):
    line = announced(**change)
    assert said in line
    assert "\n" not in line
    assert "of the module fields (entry point of group 'treadle.domains')" in line
    assert "pip uninstall fields-of-mine" in line
