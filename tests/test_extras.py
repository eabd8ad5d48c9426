"""Which line installs an extra: that of the way in which treadle itself was installed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from treadle import extras

ROOT = Path(__file__).parents[1]
REQUIRES = ["torch>=2.6", 'swebench<6,>=5; extra == "swe"', "uv>=0.8.4; extra == 'swe'", 'vllm<0.32; extra == "vllm"']


class Installed:
    """What importlib.metadata finds of a package."""

    requires = REQUIRES

    def __init__(self, origin):
        self.origin = origin

    def read_text(self, name):
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.fixture
def line(monkeypatch):
    """The arguments behind `install`."""

    def of(origin, extra="swe"):
        monkeypatch.setattr(extras, "distributions", lambda name: [Installed(origin)])
        words = shlex.split(extras.install(extra))
        return words[words.index("install") + 1 :]

    return of


def test_a_clone(line, tmp_path):
    folder = tmp_path / "my clone"
    folder.mkdir()
    origin = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    assert line(origin) == ["-e", f"{folder}[swe]"]
    assert line(origin | {"dir_info": {}}) == [f"{folder}[swe]"]
    folder.rmdir()
    assert line(origin) == ["swebench<6,>=5", "uv>=0.8.4"], "a clone that is gone"


def test_a_repository_a_wheel_and_a_registry(line):
    git = {"url": "https://example.org/t.git", "vcs_info": {"vcs": "git", "commit_id": "1f2e"}}
    assert line(git) == ["treadle[swe] @ git+https://example.org/t.git@1f2e"]
    wheel = {"url": "file:///tmp/treadle-0.1.0-py3-none-any.whl", "archive_info": {}}
    assert line(wheel, "vllm") == ["treadle[vllm] @ file:///tmp/treadle-0.1.0-py3-none-any.whl"]
    assert line(None, "vllm") == ["vllm<0.32"]


def test_run_from_its_folder_without_an_installation(monkeypatch):
    monkeypatch.setattr(extras, "distributions", lambda name: [])
    assert extras.install("swe").endswith(f" -e {shlex.quote(f'{ROOT}[swe]')}")


def test_what_a_build_left_in_the_folder_does_not_hide_the_installation(monkeypatch, tmp_path):
    """As for `python -m` in a clone, whose folder comes first on the path."""
    origin = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    for folder, written in (("clone/treadle.egg-info", "PKG-INFO"), ("site/treadle-0.1.0.dist-info", "METADATA")):
        (tmp_path / folder).mkdir(parents=True)
        text = "Metadata-Version: 2.1\nName: treadle\nVersion: 0.1.0\nRequires-Dist: uv; extra == 'swe'\n"
        (tmp_path / folder / written).write_text(text)
    (tmp_path / "site/treadle-0.1.0.dist-info/direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "clone"), str(tmp_path / "site"), *sys.path])
    assert extras.install("swe").endswith(f" -e {shlex.quote(f'{tmp_path}[swe]')}")


def test_pip_is_that_of_the_environment_that_runs(monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert extras.pip_install() == "pip install"
    monkeypatch.setenv("VIRTUAL_ENV", "/another")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert extras.pip_install() == f"{sys.executable} -m pip install"
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert extras.pip_install() == f"uv pip install --python {sys.executable}"


def test_pip_takes_the_line_of_this_installation():
    words = [*shlex.split(extras.install("swe")), "--dry-run", "--no-deps", "--no-index", "--no-build-isolation", "-q"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert "nvalid" not in done.stderr, done.stderr


def test_documents_and_errors_name_no_registry_that_treadle_need_not_be_in():
    told = re.compile(r"pip install [^\n`]*(?<![/.])\btreadle(?:\[|\b(?![/.]))")
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("recipes/**/*"), *ROOT.glob("treadle/**/*.py")]
    found = [str(path) for path in texts if path.is_file() and told.search(path.read_text(encoding="utf-8"))]
    assert found == []
