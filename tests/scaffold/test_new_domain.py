"""The folder of a new domain: what is in it is read as meant, whatever its name; names and folders that are taken."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys

import pytest

from treadle.domains.domain import Hosted, Limits
from treadle.domains.folder import read_folder
from treadle.errors import DomainError, OutputError
from treadle.evaluate.benchmarks import load_data
from treadle.scaffold.new_domain import files_of, write_domain


@pytest.mark.parametrize("environment", [False, True])
def test_what_domain_yaml_says(tmp_path, environment):
    files = write_domain("coins", tmp_path / "here", environment)
    assert sorted(files) == sorted(path.name for path in (tmp_path / "here").iterdir())
    assert ("world.py" in files) is environment
    domain = read_folder(tmp_path / "here")
    assert (domain.name, domain.reward, domain.shown) == ("coins", "exact", "code")
    assert domain.verdict == Hosted("verdict.py:judge", Limits(5, 1024))
    assert domain.environment == (Hosted("world.py:World", Limits(5, 1024)) if environment else None)
    assert domain.ends == ("environment" if environment else "boxed")
    found = load_data(tmp_path / "here" / "problems.jsonl")
    stated = domain.problems["test"]
    assert (
        (len(found.problems), found.sha256[: len(stated.sha256)]) == (5, stated.sha256) == (stated.count, stated.sha256)
    )


@pytest.mark.parametrize("name", ["class", "on", "1e5", "0x1", "my-field.v2", "_", "Upper"])
def test_names_that_other_readers_would_misread(tmp_path, name):
    """YAML's truth values and numbers, Python's keywords and what it has no modules for."""
    files = files_of(name, "a folder: 'of' #mine\n", environment=True)
    write_domain(name, tmp_path / "here", environment=True)
    assert read_folder(tmp_path / "here").name == name
    test = next(file for file in files if file.startswith("test_"))
    assert test.removesuffix(".py").isidentifier()
    assert ast.parse(files[test])
    assert {json.loads(line)["domain"] for line in files["experts.jsonl"].splitlines()} == {name}


@pytest.mark.parametrize("environment", [False, True])
def test_its_code_is_as_code_is_written_here(tmp_path, environment):
    write_domain("coins", tmp_path / "coins", environment)
    shutil.copy(tmp_path / "coins" / "test_coins.py", tmp_path)
    for words in (["check", "--select", "E,F,W,I,B,UP,SIM,RET"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", words[0], "--isolated", "--line-length", "120", *words[1:], "coins"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["math", "Agent", "miniature"])
def test_a_name_that_is_taken(tmp_path, name):
    with pytest.raises(DomainError, match=f"there is a domain '{name.lower()}' already .*; choose another name"):
        write_domain(name, tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "a/b", "con", "x" * 101, "größe"])
def test_what_is_no_name(tmp_path, name):
    with pytest.raises(DomainError, match="cannot be a name; expected letters a to z"):
        write_domain(name, tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_nothing_is_written_over(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    write_domain("coins", mine)  # an empty folder is none that could be lost
    before = {path.name: path.read_bytes() for path in mine.iterdir()}
    with pytest.raises(OutputError, match="stays as it is; choose another with -o FOLDER"):
        write_domain("coins", mine, environment=True)
    assert {path.name: path.read_bytes() for path in mine.iterdir()} == before
    with pytest.raises(OutputError, match="is a file; choose another folder"):
        write_domain("coins", mine / "README.md")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
