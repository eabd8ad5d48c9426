"""Which interpreter is taken, and what is said without uv."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from treadle.evaluate.swe import interpreters
from treadle.evaluate.swe.interpreters import interpreter, this_or_later, uv
from treadle.evaluate.swe.records import MissingError

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
HAS_UV = shutil.which("uv") or Path(sys.executable).with_name("uv").is_file()


def test_a_version_and_those_after_it():
    found = this_or_later("3.8")
    assert found[:3] == ["3.8", "3.9", "3.10"]
    assert OWN in found


@pytest.mark.skipif(not HAS_UV, reason="needs uv, of the extra swe")
def test_stand_ins_are_passed_over(tmp_path, monkeypatch):
    stand_in = tmp_path / f"python{OWN}"
    stand_in.write_text("#!/bin/sh\necho no such version >&2; exit 127\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(shutil.which('uv') or '/').parent}")
    found = interpreter(OWN)
    assert found is not None
    assert found != stand_in
    assert interpreter("3.99") is None


def test_without_uv_it_is_said_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(interpreters.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match=r"uv: not found.*pip install .*\[swe\]"):
        uv()
