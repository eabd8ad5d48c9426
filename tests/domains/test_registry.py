"""Domains by name and by folder, in this process and in those that it starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.domains.folders import write_domain
from treadle.domains.digest import digest
from treadle.domains.registry import BUILT_IN, VARIABLE, by_folder, find, get, names, use
from treadle.errors import DomainError

pytestmark = pytest.mark.usefixtures("no_domains")


def test_treadles_own():
    assert set(BUILT_IN) <= set(names())
    assert [find(name).name for name in BUILT_IN] == list(BUILT_IN)
    assert find("agent").of_calls
    assert not by_folder(find("math"))


def test_what_is_unknown_names_the_nearest():
    assert get("maths") is None
    with pytest.raises(DomainError, match=r"no domain 'maths': did you mean 'math'\? .* --domain FOLDER") as error:
        find("maths")
    assert "\n" not in str(error.value)
    with pytest.raises(DomainError, match="no domain 'xyz': found agent, lean, math"):
        use("xyz")


@pytest.mark.parametrize("name", ["field", "a field", "fältet ∑", "with'quote"])
def test_a_folder_that_is_used_is_found(tmp_path, monkeypatch, name):
    write_domain(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    domain = use(f"./{name}")
    assert domain == find("field") == use("field") == use(str(tmp_path / name)), "twice, too"
    assert os.environ[VARIABLE] == str(tmp_path / name)
    assert by_folder(domain)
    assert domain.name in names()


def test_a_child_process_finds_it(tmp_path):
    use(str(write_domain(tmp_path / "a field")))
    code = "from treadle.domains.registry import find; print(find('field').about)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "Moves on a line.\n"


def test_two_folders(tmp_path):
    for name in ("a", "b"):
        use(str(write_domain(tmp_path / name, f"name: {name}")))
    assert [find(name).folder.name for name in ("a", "b")] == ["a", "b"]
    assert os.environ[VARIABLE] == os.pathsep.join(str(tmp_path / name) for name in ("a", "b"))


def test_a_name_that_is_taken(tmp_path):
    with pytest.raises(DomainError, match=r"the name 'math' is one of treadle's own; give the domain another name in"):
        use(str(write_domain(tmp_path / "own", "name: math")))
    assert os.environ[VARIABLE] == "", "nothing was added"
    use(str(write_domain(tmp_path / "a")))
    with pytest.raises(DomainError, match=f"{tmp_path / 'b'}: the name 'field' is that of {tmp_path / 'a'}"):
        use(str(write_domain(tmp_path / "b")))
    assert find("field").folder == tmp_path / "a"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DomainError, match=r"field: no domain\.yaml; expected a domain's folder"):
        use(str(tmp_path / "field"))
    assert os.environ[VARIABLE] == ""


def test_a_folder_that_was_moved(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "old"))
    with pytest.raises(
        DomainError, match=f"TREADLE_DOMAINS: no folder {tmp_path / 'old'}; take it out of the variable"
    ):
        find("math")


def test_a_folder_that_is_named_twice_and_relative(tmp_path, monkeypatch):
    folder = write_domain(tmp_path / "field")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, os.pathsep.join(["field", str(folder), "./field/"]))
    assert find("field").folder == folder
    assert use("./field") == use(str(folder)) == find("field")
    assert by_folder(find("field"))


def test_a_path_that_the_variable_cannot_hold(tmp_path):
    with pytest.raises(DomainError, match="cannot have ':' in its path; give it another name"):
        use(str(write_domain(tmp_path / "a:b")))


def test_the_digest_is_of_names_and_contents_of_what_prompts_are_made_of(tmp_path):
    folders = [write_domain(tmp_path / name) for name in ("a", "b")]
    first, second = (use(str(folders[0])), find("math"))
    assert digest(first) != digest(second)
    before = digest(first)
    (folders[0] / "notes.txt").write_text("of no matter")
    assert digest(first) == before
    (folders[0] / "step.j2").rename(folders[0] / "other.j2")
    renamed = digest(first)
    (folders[0] / "other.j2").write_text("changed")
    assert len({before, renamed, digest(first)}) == 3
