"""Environments: what is installed when, what stays of the repository's own build, and what is said when one fails."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.environments import (
    EnvironmentError_,
    _built,
    environment_for,
    lay_over,
    package_environment,
)
from treadle.evaluate.swe.installing import Builder, files_of, site_packages
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.sandbox import Sandbox, why_not

HAS_UV = shutil.which("uv") or Path(sys.executable).with_name("uv").is_file()
needs_uv = pytest.mark.skipif(not HAS_UV, reason="needs uv, of the extra swe")


def test_pinned_versions_may_be_later_than_the_date(tmp_path):
    words = Builder(tmp_path, "some-1", "2020-01-01T00:00:00+00:00")._dated(
        ["pytest", "toml==0.10.2", "x[a] == 1", "y>=2"]
    )
    assert words[:2] == ["--exclude-newer", "2020-01-01T00:00:00+00:00"]
    assert {"--exclude-newer-package=toml=2100-01-01", "--exclude-newer-package=x=2100-01-01"} <= set(words)
    assert not any("pytest" in word or "=y=" in word for word in words)
    assert "--exclude-newer-package=setuptools=2021-08-01T00:00:00+00:00" in words


def test_a_step_that_fails_is_one_line_with_the_log(tmp_path):
    builder = Builder(tmp_path, "some-1", "")
    with pytest.raises(EnvironmentError_) as caught:
        builder.run(["sh", "-c", "echo first; echo 'cannot do it' >&2; echo because >&2; exit 3"])
    assert str(caught.value) == (
        f"some-1: its environment cannot be built: cannot do it because first; see {tmp_path / 'build.log'}"
    )
    assert builder.log.read_text().startswith("$ sh -c echo first")


DAYS = tuple(f"20{year}-01-01T00:00:00+00:00" for year in (20, 24))


@pytest.mark.parametrize(("works_since", "said"), [("2020", ""), ("2024", "packages until 2024-01-01 in place of")])
def test_packages_of_a_later_date_serve_where_those_of_the_issue_do_not_fit(tmp_path, works_since, said):
    def build(builder: Builder) -> str:
        builder.run(["sh", "-c", f"test '{builder.date}' '>' {works_since}"])
        (builder.folder / "made").touch()
        return "left out: a line"

    builder, note = _built(tmp_path / "folder", "some-1", DAYS, build)
    assert builder.date.startswith(works_since)
    assert note == (f"{said} 2020-01-01; left out: a line" if said else "left out: a line")


def test_where_no_date_serves_the_error_is_of_the_last_whose_log_is_there(tmp_path):
    tried = []

    def build(builder: Builder) -> str:
        tried.append(builder.date)
        builder.run(["sh", "-c", f"echo {builder.date}; exit 1"])
        return ""

    with pytest.raises(EnvironmentError_, match="2024-01-01"):
        _built(tmp_path / "folder", "some-1", DAYS, build)
    assert "2024-01-01" in (tmp_path / "folder" / "build.log").read_text()
    with pytest.raises(EnvironmentError_, match="2024-01-01"):
        _built(tmp_path / "folder", "some-1", DAYS[::-1], build)  # the other one is no later
    assert tried == [*DAYS, DAYS[1]]


def test_the_repository_is_taken_out_and_what_it_lacked_is_kept(tmp_path):
    tree = tmp_path / "tree"
    for name in ("src/pkg/core.py", "other.py", "pyproject.toml"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    had = files_of(tree)
    (tree / "src/pkg/_version.py").write_text("written by the build, into the tree, too")
    site = tmp_path / "venv/lib/python3.11/site-packages"
    installed = ["pkg/core.py", "pkg/_version.py", "pkg/fast.cpython-311.so", "other.py", "pkg/__pycache__/core.pyc"]
    for name in (*installed, "pkg-1.dist-info/METADATA", "pytest/__init__.py", "pytest-8.dist-info/METADATA"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name)
    (site / "pkg-1.dist-info/direct_url.json").write_text("{}")
    record = "".join(f"{name},sha256=x,1\n" for name in (*installed, "pkg-1.dist-info/METADATA", "../../../bin/pkg"))
    (site / "pkg-1.dist-info/RECORD").write_text(record)
    (site / "pytest-8.dist-info/RECORD").write_text("pytest/__init__.py,,\n")
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/bin/pkg").write_text("script")

    Builder(tmp_path, "some-1", "").take_out({"pytest-8.dist-info"}, tree, had)
    overlay = tmp_path / "overlay"
    kept = sorted(path.relative_to(overlay).as_posix() for path in overlay.rglob("*") if path.is_file())
    assert kept == ["src/pkg/_version.py", "src/pkg/fast.cpython-311.so"]
    left = sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    assert left == [
        "pkg-1.dist-info/METADATA",
        "pkg-1.dist-info/RECORD",
        "pkg-1.dist-info/direct_url.json",
        "pytest-8.dist-info/METADATA",
        "pytest-8.dist-info/RECORD",
        "pytest/__init__.py",
        "treadle-checkout.pth",
    ]
    assert (tmp_path / "venv/bin/pkg").is_file()
    assert "['.', 'src']" in (site / "treadle-checkout.pth").read_text()


def test_instances_that_cannot_have_one_are_one_line(tmp_path):
    real = SweInstance("some-1", "sympy/sympy", "0" * 40, "", "", ("t",), (), version="1.1")
    with pytest.raises(DataError, match="no clone in"):
        environment_for(real, tmp_path / "cache", mirrors=tmp_path)
    with pytest.raises(DataError, match="no environment is known"):
        environment_for(SweInstance("some-1", "a/b", "0" * 40, "", "", ("t",), ()), tmp_path / "cache")
    _sdist(tmp_path / "calc-1.0.tar.gz")
    with pytest.raises(DataError, match="expected an ISO date"):
        package_environment("calc", "1.0", tmp_path / "cache", tmp_path / "calc-1.0.tar.gz", "yesterday")
    assert not (tmp_path / "cache").exists()


def _sdist(path: Path, requires: str = "") -> Path:
    files = {
        "pyproject.toml": (
            "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
            f"[project]\nname = 'calc'\nversion = '1.0'\ndependencies = [{requires}]\n"
        ),
        "src/calc.py": "from made import VALUE\n",
        "setup.py": "open('src/made.py', 'w').write('VALUE = 3')\nfrom setuptools import setup\nsetup()\n",
        "tests/test_calc.py": "import calc\ndef test(): assert calc.VALUE == 3 and '/testbed/src' in calc.__file__\n",
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"calc-1.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


@pytest.mark.slow
@needs_uv
def test_an_environment_is_built_once_and_runs_tests_of_a_checkout(tmp_path):
    sdist = _sdist(tmp_path / "calc-1.0.tar.gz")
    made = package_environment("calc", "1.0", tmp_path / "cache", sdist, "2026-01-01")
    assert "pytest==" in made.lock.read_text()
    assert not (site_packages(made.python) / "calc.py").exists()
    before = made.lock.stat().st_mtime_ns
    assert package_environment("calc", "1.0", tmp_path / "cache", sdist, "2026-01-01") == made
    assert made.lock.stat().st_mtime_ns == before

    root = tmp_path / "root"
    with tarfile.open(sdist) as tar:
        tar.extractall(root, filter="data")
    assert lay_over(made, root / "calc-1.0") == ("src/made.py",)
    if why_not() is None:
        ran = Sandbox(root / "calc-1.0", python=made.python).run(made.test_command)
        assert (ran.code, "1 passed" in ran.output) == (0, True), ran.output


@pytest.mark.slow
@needs_uv
def test_a_pin_without_a_wheel_is_a_later_wheel_of_its_series(tmp_path, monkeypatch):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, tag in (("calc-1.2.3", "cp27-none-any"), ("calc-1.2.5", "py3-none-any"), ("calc-1.3.0", "py3-none-any")):
        with zipfile.ZipFile(wheels / f"{name}-{tag}.whl", "w") as wheel:
            about, folder = name.replace("-", "\nVersion: "), f"{name}.dist-info"
            wheel.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {about}\n")
            wheel.writestr(f"{folder}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            wheel.writestr(f"{folder}/RECORD", "")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    builder = Builder(tmp_path / "made", "some-1", "")
    builder.folder.mkdir()
    builder.make(f"3.{sys.version_info.minor}")
    assert builder.install_pinned(["calc==1.2.3"]) == ["calc==1.2.3"]
    assert builder.distributions() == {"calc-1.2.5.dist-info"}
    assert builder.install_pinned(["calc==1.2.5"]) == []
    with pytest.raises(EnvironmentError_):
        builder.install_pinned(["calc>=4"])


@pytest.mark.slow
@needs_uv
def test_the_version_is_told_to_the_build_of_the_repository_alone(tmp_path):
    told = "import os; told = os.environ.get('SETUPTOOLS_SCM_PRETEND_VERSION')\nfrom setuptools import setup\n"
    for name, text in {
        "needed": "assert told is None\nsetup(name='needed', version='3', py_modules=['needed'])\n",
        "tree": "setup(name='own', version=told, py_modules=['own'], extras_require={'test': ['needed @ file://%s']})\n"
        % (tmp_path / "needed"),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "setup.py").write_text(told + text)
        (tmp_path / name / f"{'own' if name == 'tree' else name}.py").touch()
    builder = Builder(tmp_path / "made", "some-1", "")
    builder.folder.mkdir()
    builder.make(f"3.{sys.version_info.minor}")
    builder.install_tree(".[test]", tmp_path / "tree", (), "2.15")
    assert builder.distributions() == {"own-2.15.dist-info", "needed-3.dist-info"}
    assert (site_packages(builder.venv) / "own-2.15.dist-info/direct_url.json").is_file()


@pytest.mark.slow
@needs_uv
def test_an_environment_that_cannot_be_built_keeps_its_log(tmp_path):
    sdist = _sdist(tmp_path / "calc-1.0.tar.gz", requires="'treadle-has-no-such-dependency'")
    with pytest.raises(EnvironmentError_, match=r"calc==1\.0: its environment cannot be built: .*; see .*build\.log"):
        package_environment("calc", "1.0", tmp_path / "cache", sdist)
    log = next((tmp_path / "cache").rglob("build.log"))
    assert "treadle-has-no-such-dependency" in log.read_text()
