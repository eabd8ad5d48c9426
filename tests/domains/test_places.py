"""Where a domain's code is: files in its folder, modules of packages, and what is neither."""

from __future__ import annotations

import os.path

import pytest

from treadle.domains.places import imported_from, wrong_in_place
from treadle.errors import DomainError


@pytest.mark.parametrize("place", ["a.py:f", "sub/a.py:World", "package.module:name", "module:name"])
def test_places(place):
    assert wrong_in_place(place) is None


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("a.py", "expected"),
        ("a.py:", "expected a.py:NAME"),
        ("a.py:1f", "expected a.py:NAME"),
        ("../a.py:f", "within the domain's folder"),
        ("sub/../../a.py:f", "within the domain's folder"),
        ("/tmp/a.py:f", "within the domain's folder"),
        ("words", "expected file.py:name or package.module:name"),
        ("", "expected file.py:name or package.module:name"),
    ],
)
def test_no_places(place, said):
    assert said in wrong_in_place(place)


def test_a_file_may_import_its_neighbours(tmp_path):
    folder = tmp_path / "a field é"
    folder.mkdir()
    (folder / "tables_of_this_test.py").write_text("TEN = 10\n")
    (folder / "code.py").write_text("from tables_of_this_test import TEN\ndef f(x):\n    return TEN + x\n")
    assert imported_from("code.py:f", folder, "same")(1) == 11


def test_files_of_one_name_in_two_folders_are_two(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").write_text(f"NAME = {name!r}\n")
    assert [imported_from("code.py:NAME", tmp_path / name, "same") for name in ("a", "b")] == ["a", "b"]


def test_modules_of_packages(tmp_path):
    assert imported_from("os.path:join", tmp_path, "same") is os.path.join


@pytest.mark.parametrize(
    ("code", "place", "said"),
    [
        ("", "code.py:f", "code.py has no 'f'; mend same: code.py:f in domain.yaml"),
        ("1/0", "code.py:f", r"code.py cannot be imported \(ZeroDivisionError: division by zero\)"),
        ("import sys; sys.exit(3)", "code.py:f", r"code.py cannot be imported \(SystemExit: 3\)"),
        ("def f(:", "code.py:f", r"code.py cannot be imported \(SyntaxError"),
        ("", "other.py:f", r"other.py cannot be imported \(FileNotFoundError: no file"),
        ("", "no_such_module:f", r"no_such_module cannot be imported \(ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_imported_is_a_line(tmp_path, code, place, said):
    (tmp_path / "code.py").write_text(code)
    with pytest.raises(DomainError, match=f"{tmp_path}: same: {said}") as error:
        imported_from(place, tmp_path, "same")
    assert "\n" not in str(error.value)
