from __future__ import annotations

import pytest

from treadle.files.names import LONGEST, is_inside, same_but_for_case, wrong_in_name, wrong_in_path


@pytest.mark.parametrize("name", ["srl", "1", "_a", "srl-2.5_final", "x" * LONGEST])
def test_names(name):
    assert wrong_in_name(name) is None


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "-a", "a.", "a/b", "a b", "a\n", "NUL", "x" * (LONGEST + 1)])
def test_no_names(name):
    assert "cannot be a name; expected letters a to z" in wrong_in_name(name)


def test_letters_of_other_alphabets():
    assert wrong_in_name("数据", any_letters=True) is None
    assert wrong_in_name("数据") is not None


def test_case():
    assert same_but_for_case(["a", "b", "A"]) == "A"
    assert same_but_for_case(["a", "b"]) is None


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("a", True),
        ("a/b..c", True),
        ("../a", False),
        ("a/../../b", False),
        ("/a", False),
        ("", False),
        (".", False),
        (3, False),
    ],
)
def test_paths_that_files_name(name, inside):
    assert is_inside(name) is inside


def test_paths_that_users_give():
    assert wrong_in_path("../a folder/ü") is None
    assert wrong_in_path("é" * 127) is None, "254 bytes"
    assert "of 128 characters" in wrong_in_path("é" * 128)
