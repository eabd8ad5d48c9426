"""Source distributions: fetched from a folder, looked at, refused."""

from __future__ import annotations

import sys
import types

import pytest

from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.tasks import releases
from treadle.evaluate.swe.tasks.releases import fetch, read_release

from .conftest import write_sdist

CODE = {"a.py": "x = 1\n", "tests/test_a.py": "def test_a():\n    pass\n"}


def test_an_archive_is_copied_and_read(archives, tmp_path):
    for given, paths, sources in zip(
        archives,
        [(".",), ("src",)],
        [("tinysums.py",), ("src/tinywords/__init__.py", "src/tinywords/core.py")],
        strict=True,
    ):
        archive = fetch(given, tmp_path / "sources")
        release = read_release(archive, tmp_path / archive.stem)
        assert archive.parent == tmp_path / "sources"
        assert (release.paths, release.sources) == (paths, sources)
        assert release.created == "2023-11-14"
        assert fetch(given, tmp_path / "sources") == archive  # again is nothing new


def test_what_users_do_not_import_is_no_source(tmp_path):
    others = ("setup.py", "conftest.py", "docs/conf.py", "tests/helper.py", "p/_vendor/v.py", "p/tests/t.py", "x/y.py")
    archive = write_sdist(tmp_path, "p", "1", {**CODE, "p/__init__.py": "", "p/m.py": "", **dict.fromkeys(others, "")})
    assert read_release(archive, tmp_path / "tree").sources == ("a.py", "p/__init__.py", "p/m.py")


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("p-1", {"a.py": "x = 1\n"}, "p-1.tar.gz: holds no tests"),
        ("p-1", {"test_a.py": "x = 1\n"}, "p-1.tar.gz: holds no Python modules"),
        ("q-1", CODE, "q-1.tar.gz: its PKG-INFO says p==1; give the file the name that it was published under"),
        ("p-1", {**CODE, "PKG-INFO": "Name: p\n"}, "p-1.tar.gz: its PKG-INFO names no package and version"),
    ],
)
def test_a_release_that_cannot_be_used(name, files, said, tmp_path):
    archive = write_sdist(tmp_path, "p", "1", files).rename(tmp_path / f"{name}.tar.gz")
    with pytest.raises(DataError, match=said):
        read_release(archive, tmp_path / "tree")


def test_other_content_under_the_same_name(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
    first = write_sdist(tmp_path / "1", "p", "1", CODE)
    other = write_sdist(tmp_path / "2", "p", "1", {**CODE, "b.py": ""})
    fetch(str(first), tmp_path / "sources")
    with pytest.raises(OutputError, match=r"p-1.tar.gz: is there with other content"):
        fetch(str(other), tmp_path / "sources")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("toolz", "toolz: expected NAME==VERSION, such as toolz==1.0.0"),
        ("toolz>=1", "expected NAME==VERSION"),
        ("--index-url==1", "expected NAME==VERSION"),
        ("nowhere/p-1.tar.gz", "nowhere/p-1.tar.gz: no such file"),
    ],
)
def test_what_names_no_release(given, said, tmp_path):
    with pytest.raises(DataError, match=said):
        fetch(given, tmp_path)


def test_what_pip_says_is_one_line(tmp_path, monkeypatch):
    script = "import sys; print('noise\\nERROR: no \\x1b[31m such thing', file=sys.stderr); sys.exit(1)"
    calls = []

    def run(command, **settings):
        calls.append(command)
        return subprocess.run([sys.executable, "-c", script], **settings)

    import subprocess

    stand_in = types.SimpleNamespace(run=run, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)
    monkeypatch.setattr(releases, "subprocess", stand_in)
    with pytest.raises(DataError) as error:
        fetch("toolz==1.0.0", tmp_path)
    assert str(error.value) == (
        "toolz==1.0.0: pip cannot download its source distribution (no \\x1b[31m such thing); give its .tar.gz"
    )
    assert calls[0][-1] == "toolz==1.0.0"
    assert calls[0][calls[0].index("--no-binary") + 1] == "toolz"
