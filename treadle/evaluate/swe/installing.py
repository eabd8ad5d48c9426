"""Virtual environments by `uv`, as they would have been at a date.

The repository itself is built like any package, then its modules are taken out of the environment again, so that tests
see the checkout alone: a `.pth` file names it. What the build made and the checkout lacks, such as compiled modules and
files with the version, is kept as an overlay for checkouts. Old releases of setuptools have no editable installs of
this kind, and those of new ones name the folder of the build.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from treadle.errors import TreadleError
from treadle.evaluate.swe.dates import settled
from treadle.evaluate.swe.interpreters import interpreter, this_or_later, uv
from treadle.evaluate.swe.sandbox import CHECKOUT

_SECONDS = 3600
_SOURCES = (".", "src", "lib", "python")
_TOOLS = ("pip", "setuptools", "wheel")
_TOOLS_SINCE = "2021-08-01T00:00:00+00:00"  # the last setuptools that still takes what old releases say
_NO_DATE = "2100-01-01"
_PINNED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*[=~]=")
_EXACT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==(\d+\.\d+\.\d+)")
_SEEN = (
    "import os, sys; sys.path.extend(os.path.normpath(os.path.join(os.environ.get({variable!r}, '/testbed'), part)) "
    "for part in {parts!r})\n"
)


class EnvironmentError_(TreadleError):
    """An environment cannot be built; the message names the instance and the log. Python's own is another."""


@dataclass
class Builder:
    """One environment that is being built.

    Args:
        folder: Gets `venv/`, `overlay/` and `build.log`.
        who: The instance or package, for messages.
        date: Nothing published later is installed, unless it is pinned; empty for no such limit. `make` moves it to
            when there were packages for the interpreter.
    """

    folder: Path
    who: str
    date: str

    @property
    def venv(self) -> Path:
        return self.folder / "venv"

    @property
    def log(self) -> Path:
        return self.folder / "build.log"

    def make(self, python: str) -> str:
        """Make the environment with the wanted version of Python or the next later one that is here.

        Returns:
            The version that was taken.
        """
        for version in this_or_later(python):
            found = interpreter(version)
            if found:
                self.run([*uv(), "venv", "--no-python-downloads", "--python", str(found), str(self.venv)])
                self.date = settled(self.date, version) if self.date else ""
                return version
        raise EnvironmentError_(
            f"{self.who}: no Python {python} or later is here; install it, for instance: uv python install {python}"
        )

    def install(self, words: Sequence[str], cwd: Path | None = None) -> None:
        """Install requirements, `-r FILE` or a folder."""
        if words:
            self.run([*uv(), "pip", "install", *self._into(), *self._dated(words), *words], cwd)

    def install_tree(self, target: str, tree: Path, flags: Sequence[str], version: str) -> None:
        """Install a repository: a wheel is built and then installed, so that what is told to its build is not told to
        the builds of what it requires.

        Args:
            target: `.`, or with extras `.[test]`.
            flags: Of both steps.
            version: What builds that ask version control for one are told, as the history is not there.
        """
        folder = self.folder / "wheel"
        told = ["build", "--wheel", "--out-dir", str(folder), *self._into(), *self._dated(()), *flags, "."]
        self.run([*uv(), *told], tree, {"SETUPTOOLS_SCM_PRETEND_VERSION": version} if version else {})
        wheel = next(folder.glob("*.whl"))
        self.install([*flags, f"{wheel}{target.removeprefix('.')}"])
        shutil.rmtree(folder)

    def _into(self) -> list[str]:
        return ["--python", str(self.venv / "bin" / "python")]

    def install_what_can_be(self, lines: Sequence[str], cwd: Path, flags: Sequence[str] = ()) -> list[str]:
        """Install requirements together, without those that cannot be had even alone: some were withdrawn since, some
        are packages of conda. What does not fit together is installed one by one.

        Args:
            flags: For each installation.

        Returns:
            Those left out.
        """
        if not lines:
            return []
        file = cwd / ".treadle-requirements.txt"
        try:
            if self._can_be(lines, file, flags):
                return []
            lost = [line for line in lines if not self._can_be([line], file, [*flags, "--dry-run"])]
            rest = [line for line in lines if line not in lost]
            if lost and self._can_be(rest, file, flags):
                return lost
            return lost + [line for line in rest if not self._can_be([line], file, flags)]
        finally:
            file.unlink(missing_ok=True)

    def install_pinned(self, words: Sequence[str]) -> list[str]:
        """Install requirements; where they cannot be, take a later wheel of its series, `1.19.5`, for a pin `1.19.2`:
        conda has packages for interpreters for which the index has none.

        Returns:
            The pins that were not held.
        """
        try:
            self.install(words)
            return []
        except EnvironmentError_:
            pins = {word: found for word in words if (found := _EXACT.fullmatch(word))}
            if not pins:
                raise
            binary = [f"--only-binary={found[1]}" for found in pins.values()]
            self.install([*binary, *(f"{pins[word][1]}~={pins[word][2]}" if word in pins else word for word in words)])
            installed = self.freeze().splitlines()
            return [pin for pin in pins if pin.lower() not in map(str.lower, installed)]

    def _can_be(self, lines: Sequence[str], file: Path, flags: Sequence[str]) -> bool:
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        try:
            self.install([*flags, "-r", file.name], file.parent)
        except EnvironmentError_:
            return False
        return True

    def freeze(self) -> str:
        return self.run([*uv(), "pip", "freeze", *self._into()])

    def _dated(self, words: Iterable[str]) -> list[str]:
        """A pinned version is meant, whenever it was published; builds need tools that know today's protocol."""
        if not self.date:
            return []
        pinned = sorted({found[1] for word in words if (found := _PINNED.match(word))})
        dates = dict.fromkeys(_TOOLS, max(self.date, _TOOLS_SINCE)) | dict.fromkeys(pinned, _NO_DATE)
        return [
            "--exclude-newer",
            self.date,
            *(f"--exclude-newer-package={name}={date}" for name, date in dates.items()),
        ]

    def run(self, command: Sequence[str], cwd: Path | None = None, told: Mapping[str, str] | None = None) -> str:
        """Run a command of the build; all that it says is in the log.

        Args:
            told: Variables for it alone.

        Returns:
            Its standard output.

        Raises:
            EnvironmentError_: It failed or took too long.
        """
        env = {
            key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        }
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            start = log.tell()
            try:
                ran = subprocess.run(
                    command,
                    cwd=cwd or self.folder,
                    env=env | {"VIRTUAL_ENV": str(self.venv)} | dict(told or {}),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=_SECONDS,
                    encoding="utf-8",
                    errors="replace",
                )
            except subprocess.TimeoutExpired:
                raise EnvironmentError_(
                    f"{self.who}: its environment was not built within {_SECONDS} seconds; see {self.log}"
                ) from None
            log.write(ran.stdout)
        if ran.returncode:
            raise EnvironmentError_(f"{self.who}: its environment cannot be built: {self._said(start)}; see {self.log}")
        return ran.stdout

    def _said(self, start: int) -> str:
        """The first lines of what a command said, on one."""
        with self.log.open("rb") as log:
            log.seek(start)
            lines = log.read(20_000).decode("utf-8", "replace").splitlines()
        told = [line.strip() for line in lines if line.strip() and not line.startswith(("warning:", "Using "))]
        return " ".join(told)[:300] or "it said nothing"

    def take_out(self, before: set[str], tree: Path, had: frozenset[str]) -> None:
        """Take the modules of what was just installed out of the environment, and keep what the tree lacked of them.

        Args:
            before: Names of the installed distributions before; those of the repository are new and direct.
            tree: The sources that they were built from.
            had: What `files_of` said of them before the build, which writes into them, too.
        """
        site = site_packages(self.venv)
        overlay = self.folder / "overlay"
        overlay.mkdir(exist_ok=True)
        sources = {"."}
        for record in site.glob("*.dist-info/RECORD"):
            if record.parent.name in before or not (record.parent / "direct_url.json").exists():
                continue
            for row in csv.reader(record.read_text(encoding="utf-8").splitlines()):
                path = PurePosixPath(row[0])
                if path.is_absolute() or ".." in path.parts or path.parts[0].endswith((".dist-info", ".data")):
                    continue
                source = PurePosixPath(_source_of(path, tree))
                sources.add(str(source))
                installed = site / path
                if installed.is_file() and (source / path).as_posix() not in had and path.suffix != ".pyc":
                    kept = overlay / source / path
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(installed, kept)
                installed.unlink(missing_ok=True)
        _remove_empty(site)
        parts = [one for one in _SOURCES if one in sources or (one == "src" and (tree / one).is_dir())]
        (site / "treadle-checkout.pth").write_text(_SEEN.format(variable=CHECKOUT, parts=parts))

    def distributions(self) -> set[str]:
        return {path.name for path in site_packages(self.venv).glob("*.dist-info")}

    def readable(self) -> None:
        """Let the sandbox's user read it, whatever the umask was."""
        for folder, _, names in os.walk(self.folder):
            for path in (Path(folder), *(Path(folder, name) for name in names)):
                mode = path.lstat().st_mode
                more = 0o555 if stat.S_ISDIR(mode) or mode & 0o100 else 0o444
                if not stat.S_ISLNK(mode) and mode & more != more:
                    path.chmod(stat.S_IMODE(mode) | more)


def files_of(tree: Path) -> frozenset[str]:
    """Paths of all files of a tree."""
    return frozenset(path.relative_to(tree).as_posix() for path in tree.rglob("*") if not path.is_dir())


def site_packages(venv: Path) -> Path:
    """The folder of installed packages."""
    return next((venv / "lib").glob("python*/site-packages"))


def _source_of(path: PurePosixPath, tree: Path) -> str:
    """Below which folder of the tree an installed file has its source."""
    for whole in (path, PurePosixPath(path.parts[0])):
        for source in _SOURCES:
            if (tree / source / whole).exists():
                return source
    return "."


def _remove_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if place != str(folder) and not os.listdir(place):
            os.rmdir(place)
