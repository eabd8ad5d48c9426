"""Sizes and hashes of files; the hashes are those of `sha256sum`."""

from __future__ import annotations

import pytest

from treadle.files.digests import listed, problem_in

# printf 'abc' | sha256sum
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_is_listed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("abc")
    (tmp_path / "big").write_text("abcd")
    found = listed(tmp_path, [tmp_path / "in" / "a", tmp_path / "big"], lambda path: path.name != "big")
    assert found == {"big": {"bytes": 4}, "in/a": {"bytes": 3, "sha256": ABC}}
    assert problem_in(tmp_path, found) is None
    (tmp_path / "big").write_text("dcba")
    assert problem_in(tmp_path, found) is None
    (tmp_path / "in" / "a").write_text("abd")
    assert problem_in(tmp_path, found, hashes=False) is None
    assert problem_in(tmp_path, found).startswith("in/a has SHA-256 a52d159f262b..., expected ba7816bf8f01...")
    (tmp_path / "in" / "a").write_text("ab")
    assert problem_in(tmp_path, found) == "in/a has 2 bytes, expected 3"
    (tmp_path / "in" / "a").unlink()
    assert problem_in(tmp_path, found) == "in/a is missing, expected 3 bytes"


@pytest.mark.parametrize("expected", [None, [], 3, "x", {"a": None}, {"a": {}}, {"a": {"bytes": "x"}}])
def test_a_list_that_is_none(tmp_path, expected):
    assert problem_in(tmp_path, expected) == "the list of its files is damaged"
