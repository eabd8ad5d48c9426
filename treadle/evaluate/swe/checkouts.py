"""The tree that an issue is about, as one commit: nothing that was committed later can be read in it.

What has been in a sandbox is read as files and never by git outside of it: a `.git` folder that a model could write to
can name programs that git runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.archives import unpack
from treadle.evaluate.swe.instances import SOURCES
from treadle.evaluate.swe.patches.apply import apply_patch
from treadle.evaluate.swe.records import MissingError, SweInstance
from treadle.evaluate.swe.restoring import Restored, restore_tests
from treadle.files.digests import sha256
from treadle.files.typed import read_object
from treadle.files.whole import writing

__all__ = ["Restored", "checkout", "clone_of", "commit_date", "release_of", "restore_tests", "submodules_of"]

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SECONDS = 600
_QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_AUTHOR_NAME": "treadle",
    "GIT_AUTHOR_EMAIL": "treadle@localhost",
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "treadle",
    "GIT_COMMITTER_EMAIL": "treadle@localhost",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
    "LC_ALL": "C",
}


def checkout(instance: SweInstance, into: Path, mirrors: Path | None = None, *, commit: str = "") -> Path:
    """Write an instance's tree, before its gold patch, and make it a repository with one commit.

    Args:
        into: A folder that is not there yet, or is empty.
        mirrors: The folder that holds clones of real repositories, see `clone_of`.
        commit: Another commit of a real repository than the issue's, as environments may be built at.

    Returns:
        `into`.

    Raises:
        DataError: There is no clone, it lacks the commit, or the release of a package task is missing or another one.
        OutputError: The folder holds something already, or cannot be written.
    """
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise OutputError(f"{into}: is there already; a checkout needs an empty folder")
    with writing(into):
        into.mkdir(parents=True, exist_ok=True)
    try:
        if instance.of_release:
            unpack(release_of(instance), into)
        else:
            _from_clone(instance, commit or instance.base_commit, into, mirrors)
        if instance.bug is not None:
            _insert(instance, into)
        _commit(instance, into)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise
    return into


def clone_of(repo: str, mirrors: Path | None) -> Path:
    """The local clone of a repository `owner/name`: `owner__name`, `owner+name`, `owner/name` or `name` in the folder
    of mirrors, bare or not, with or without `.git` at its end.

    Raises:
        DataError: There is none.
    """
    if mirrors is None or not mirrors.is_dir():
        found = "no clone of it is known" if mirrors is None else f"--mirrors {mirrors} is no folder"
        line = f"git clone --bare https://github.com/{repo} MIRRORS/{repo.replace('/', '__')}"
        raise MissingError(f"{repo}: {found}; {line}, and give --mirrors MIRRORS")
    owner, _, name = repo.rpartition("/")
    names = [f"{owner}__{name}", f"{owner}+{name}", repo, name] if owner else [name]
    if ".." not in repo.split("/") and not repo.startswith("/"):
        for folder in (mirrors / f"{one}{end}" for one in names for end in ("", ".git")):
            if (folder / ".git").exists():
                return folder / ".git"
            if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
                return folder
    raise DataError(f"{repo}: no clone in {mirrors}; git clone --bare https://github.com/{repo} {mirrors}/{names[0]}")


def commit_date(instance: SweInstance, commit: str, mirrors: Path | None) -> str:
    """When a commit of an instance's repository was made, as an ISO date.

    Raises:
        DataError: There is no clone, or it lacks the commit.
    """
    clone = _clone_with(instance, commit, mirrors)
    return _git(["show", "--no-patch", "--format=%cI", commit], clone, clone.parent).stdout.strip()


def tag_before(instance: SweInstance, mirrors: Path | None) -> str:
    """The last tag at an instance's base or before it; empty where there is none.

    Raises:
        DataError: There is no clone, or it lacks the commit.
    """
    clone = _clone_with(instance, instance.base_commit, mirrors)
    ran = _git(["describe", "--tags", "--abbrev=0", "--match=*[0-9]*", instance.base_commit], clone, clone.parent)
    return ran.stdout.strip() if ran.returncode == 0 else ""


def _clone_with(instance: SweInstance, commit: str, mirrors: Path | None) -> Path:
    where = f"{instance.instance_id}: commit {commit[:64]!r}"
    if not _COMMIT.fullmatch(commit):
        raise DataError(f"{where}: expected the hexadecimal name of a commit")
    clone = clone_of(instance.repo, mirrors)
    if _git(["cat-file", "-e", f"{commit}^{{commit}}"], clone, clone.parent).returncode:
        raise DataError(f"{where}: the clone {clone} lacks it; git -C {clone} fetch --all --tags, or clone it again")
    return clone


def submodules_of(instance: SweInstance, mirrors: Path | None) -> list[str]:
    """Paths of the submodules that an instance's commit has. In its checkout they are empty folders, as they are in the
    images of SWE-bench's harness, which clones without them.

    Raises:
        DataError: There is no clone, or it lacks the commit.
    """
    if instance.bug is not None:
        return []
    clone, commit = _clone_with(instance, instance.base_commit, mirrors), instance.base_commit
    if _git(["cat-file", "-e", f"{commit}:.gitmodules"], clone, clone.parent).returncode:
        return []
    listed = _git(["ls-tree", "-r", "-z", commit], clone, clone.parent).stdout
    return [entry.partition("\t")[2] for entry in listed.split("\0") if entry.startswith("160000 ")]


def release_of(instance: SweInstance) -> Path:
    """The source distribution of a package task, checked against the hash in its `tasks.json`.

    Raises:
        DataError: It is missing, or another file than the tasks were made from.
    """
    name, _, version = instance.base_commit.partition("==")
    where = f"{instance.instance_id}: the release {instance.base_commit}"
    if instance.folder is None:
        raise DataError(f"{where}: the instance names no folder of tasks; read it with its folder, not a copied line")
    sources = instance.folder / SOURCES
    found = sorted(path for path in sources.glob("*.tar.gz") if _plain(path.name) == _plain(f"{name}-{version}.tar.gz"))
    if not found:
        raise DataError(f"{where} is not in {sources}; copy the whole folder of tasks again")
    described = instance.folder / "tasks.json"
    if described.is_file():
        known = _hashes(read_object(described, "copy the folder of tasks again", DataError))
        if known and sha256(found[0]) not in known:
            raise DataError(f"{found[0]}: not the file that the tasks were made from (SHA-256); copy it again")
    return found[0]


def _hashes(value: object) -> set[str]:
    """All that stands under `sha256`, at any depth."""
    if isinstance(value, dict):
        own = {value["sha256"]} if isinstance(value.get("sha256"), str) else set()
        return own.union(*map(_hashes, value.values()))
    return set().union(*map(_hashes, value)) if isinstance(value, list) else set()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _from_clone(instance: SweInstance, commit: str, into: Path, mirrors: Path | None) -> None:
    """All files of the commit, as they are: `git archive` would leave out and change what `.gitattributes` says."""
    clone = _clone_with(instance, commit, mirrors)
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        place = {"GIT_INDEX_FILE": os.path.join(folder, "index"), "GIT_WORK_TREE": str(into.resolve())}
        for words in (["read-tree", commit], ["checkout-index", "--all", "--force"]):
            ran = _git(words, clone, into, place)
            if ran.returncode:
                raise DataError(f"{instance.instance_id}: git {words[0]} {commit} in {clone}: {_line(ran)}")


def _insert(instance: SweInstance, into: Path) -> None:
    applied = apply_patch(into, instance.bug or "")
    if applied.fault:
        raise DataError(
            f"{instance.instance_id}: its bug does not apply to {instance.base_commit}: {applied.fault}, "
            f"{applied.reason}"
        )


def _commit(instance: SweInstance, into: Path) -> None:
    for words in (
        ["init", "--quiet", "--template=", "--initial-branch=main"],
        ["add", "--all", "--force"],
        ["commit", "--quiet", "--allow-empty", "--no-verify", "--message", "base"],
    ):
        settings = [
            "-c",
            "core.autocrlf=false",
            "-c",
            "gc.auto=0",
            "-c",
            "core.safecrlf=false",
            "-c",
            "core.fsync=none",
        ]
        ran = _run(["git", *settings, *words], cwd=into)
        if ran.returncode:
            raise OutputError(f"{instance.instance_id}: git {words[0]} in {into}: {_line(ran)}")


def _git(
    words: Sequence[str], clone: Path, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return _run(["git", f"--git-dir={clone.resolve()}", "-c", "core.hooksPath=/dev/null", *words], cwd=cwd, env=env)


def _run(command: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=inherited | _QUIET | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise DataError("git: not found; install git") from None
    except subprocess.TimeoutExpired:
        raise DataError(f"{' '.join(command)[:200]}: did not end within {_SECONDS} seconds") from None


def _line(ran: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in ran.stderr.splitlines() if line.strip()]
    return lines[0][:300] if lines else f"ended with {ran.returncode}"
