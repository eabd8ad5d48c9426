"""Source distributions: fetched by pip, looked at without running anything of them, and unpacked.

pip asks the package's build backend for its metadata when it downloads a source distribution, and so runs it; who does
not want that gives the archive itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.archives import unpack
from treadle.files.digests import sha256
from treadle.files.names import wrong_in_name
from treadle.files.whole import appearing_file, writing
from treadle.visible import visible

_SPEC = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9._!+-]*)")
_ARCHIVE = ".tar.gz"
_DOWNLOAD_SECONDS = 600
_FIRST_YEAR = 2017
_TEST_FILE = re.compile(r"(test_.*|.*_test)\.py")
_NO_SOURCE = re.compile(r"(setup|conftest|versioneer|noxfile|__main__|_version|version|test_.*|.*_test)\.py")
_NO_FOLDER = re.compile(r"\..*|_?vendor(ed)?|tests?|testing|docs?|examples?|bench(marks?)?|tools|scripts|build|dist")


@dataclass(frozen=True)
class Release:
    """A source distribution with tests.

    Args:
        name, version: As its metadata says.
        archive: The file.
        sha256: Its digest.
        tests: Its test files.
        sources: The Python files that its users import.
        paths: Folders of the unpacked release that must be on Python's path, such as `src`.
        created: ISO date on which it was built; empty where the archive does not tell.
    """

    name: str
    version: str
    archive: Path
    sha256: str
    tests: tuple[str, ...]
    sources: tuple[str, ...]
    paths: tuple[str, ...]
    created: str = ""

    @property
    def label(self) -> str:
        """`name==version`."""
        return f"{self.name}=={self.version}"


def fetch(package: str, into: Path) -> Path:
    """The archive of a release in the folder `into`.

    Args:
        package: `NAME==VERSION`, downloaded by pip with the index that it is set up for, or the path of a `.tar.gz`.

    Raises:
        DataError: It names no release, or pip cannot download it.
        OutputError: It cannot be written.
    """
    if package.endswith(_ARCHIVE):
        given = Path(package)
        if not given.is_file():
            raise DataError(f"{package}: no such file; expected a source distribution, or NAME==VERSION")
        into.mkdir(parents=True, exist_ok=True)
        return _put(given, into)
    found = _SPEC.fullmatch(package)
    if not found:
        raise DataError(f"{package}: expected NAME==VERSION, such as toolz==1.0.0, or a source archive (.tar.gz)")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        archives = _downloaded(package, found[1], Path(folder))
        return _put(archives[0], into)


def _downloaded(package: str, name: str, folder: Path) -> list[Path]:
    if find_spec("pip") is None:
        raise DataError(f"{package}: pip is not there to download it; run `python -m ensurepip`, or give its .tar.gz")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    command += ["--quiet", "--no-deps", "--no-binary", name, "--dest", str(folder), package]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"{package}: pip took more than {_DOWNLOAD_SECONDS} s to download it; try again") from None
    archives = sorted(folder.glob(f"*{_ARCHIVE}"))
    if ended.returncode or not archives:
        errors = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")] or ended.stderr.splitlines()
        said = visible(errors[-1].removeprefix("ERROR: ")) if errors else "no source distribution (.tar.gz)"
        raise DataError(f"{package}: pip cannot download its source distribution ({said:.200}); give its .tar.gz")
    return archives


def _put(archive: Path, into: Path) -> Path:
    """The archive in the folder, under its own name; one of other content is not replaced."""
    if wrong := wrong_in_name(archive.name):
        raise DataError(f"{archive}: {wrong}")
    place = into / archive.name
    if place.exists() and sha256(place) != sha256(archive):
        raise OutputError(f"{place}: is there with other content; remove it, or choose another folder with -o")
    if not place.exists():
        with writing(place), appearing_file(place) as out, archive.open("rb") as file:
            shutil.copyfileobj(file, out)
    return place


def read_release(archive: Path, into: Path) -> Release:
    """What a source distribution holds.

    Args:
        into: A folder that is not there yet; the release is unpacked into it.

    Raises:
        DataError: It is no source distribution, has unsafe members, or holds no tests.
    """
    unpack(archive, into)
    name, version = _named(archive, into)
    names = sorted(str(path.relative_to(into)) for path in into.rglob("*.py") if path.is_file())
    tests = tuple(file for file in names if _TEST_FILE.fullmatch(PurePosixPath(file).name))
    if not tests:
        raise DataError(f"{archive.name}: holds no tests (test_*.py, *_test.py); choose a release that has them")
    paths = _paths(names)
    sources = tuple(file for file in names if _is_source(file, paths, names))
    if not sources:
        raise DataError(f"{archive.name}: holds no Python modules; choose a package that is written in Python")
    return Release(name, version, archive, sha256(archive), tests, sources, paths, _built(archive))


def _built(archive: Path) -> str:
    """Builders that set all dates to one of their own choose one long ago."""
    with tarfile.open(archive, "r:*") as tar:
        dates = (member.mtime for member in tar if PurePosixPath(member.name).name == "PKG-INFO")
        built = datetime.fromtimestamp(next(dates, 0), UTC)
    return built.date().isoformat() if built.year >= _FIRST_YEAR else ""


def _named(archive: Path, tree: Path) -> tuple[str, str]:
    """Name and version, from PKG-INFO; the name of the archive says the same, by which the release is found again."""
    info = tree / "PKG-INFO"
    if info.is_symlink() or not info.is_file():
        raise DataError(f"{archive.name}: holds no PKG-INFO; expected a source distribution")
    head = info.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    fields = dict(re.findall(r"^(Name|Version): *(\S+)\s*$", head, re.MULTILINE))
    label = f"{fields.get('Name', '')}=={fields.get('Version', '')}"
    if not _SPEC.fullmatch(label):
        raise DataError(f"{archive.name}: its PKG-INFO names no package and version, found {visible(label)[:80]!r}")
    if _plain(archive.name) != _plain(f"{label.replace('==', '-')}{_ARCHIVE}"):
        raise DataError(
            f"{archive.name}: its PKG-INFO says {label}; give the file the name that it was published under"
        )
    return fields["Name"], fields["Version"]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _paths(names: list[str]) -> tuple[str, ...]:
    """`src` where packages lie there, as the Python packaging guide has it, else the top of the release."""
    in_src = any(re.fullmatch(r"src/([^/]+/__init__|[^/]+)\.py", name) for name in names)
    return ("src",) if in_src else (".",)


def _is_source(name: str, paths: tuple[str, ...], names: list[str]) -> bool:
    *folders, file = PurePosixPath(name).parts
    if _NO_SOURCE.fullmatch(file) or any(map(_NO_FOLDER.fullmatch, folders)):
        return False
    if paths != (".",):
        return folders[:1] == list(paths)
    return not folders or f"{folders[0]}/__init__.py" in names
