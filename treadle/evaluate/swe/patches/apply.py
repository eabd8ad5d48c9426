"""Patches on files, all or nothing; see `treadle.evaluate.swe.patches.faults` for the ladder and the faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from treadle.evaluate.swe.patches import names
from treadle.evaluate.swe.patches.faults import PatchError, PatchFault, Rung, ladder
from treadle.evaluate.swe.patches.hunks import patched
from treadle.evaluate.swe.patches.model import FilePatch
from treadle.evaluate.swe.patches.parse import parse_patch
from treadle.evaluate.swe.patches.tree import TreeFiles, write_tree

_MODES = ("100644", "100755")


@dataclass(frozen=True)
class Patched:
    """What a patch makes of files.

    Args:
        files: Those that it changes, with their new text; `None` for one that is removed.
        rung: The loosest rung of the ladder that was needed; empty where the patch was not applied.
        rungs: All of them.
        fault: A value of `PatchFault`; empty where the patch was applied.
        reason: One line about the fault.
        executable: Of changed files those whose mode is given: whether they can be executed.
        origins: Of files that were renamed or copied, their old paths.
    """

    files: dict[str, str | None] = field(default_factory=dict)
    rung: str = ""
    rungs: tuple[str, ...] = ()
    fault: str = ""
    reason: str = ""
    executable: dict[str, bool] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """What a patch did to a tree: `files` are the paths that it changed; the rest is as in `Patched`."""

    rung: str
    files: tuple[str, ...] = ()
    fault: str = ""
    reason: str = ""
    rungs: tuple[str, ...] = ()


def apply_to_files(files: Mapping[str, str], patch: str, allowed: Callable[[str], bool] | None = None) -> Patched:
    """Apply a patch to texts.

    Args:
        files: Text of each file by its path; read with `get` alone.
        patch: A unified diff, or an answer that holds one.
        allowed: Which paths may be changed; all of the repository without it.
    """
    try:
        return _Applying(files, allowed).run(patch)
    except PatchError as error:
        return Patched(fault=error.fault, reason=error.reason)


def apply_patch(root: Path, patch: str, allowed: Callable[[str], bool] | None = None) -> Applied:
    """Apply a patch to the files below a folder, which stays as it was where the patch has a fault.

    Args:
        root: The folder; nothing outside it is read or written, and nothing through a link in it.
        patch, allowed: As for `apply_to_files`.

    Raises:
        OutputError: The files cannot be written, for instance because the disk is full; they are as they were.
    """
    found = apply_to_files(TreeFiles(root), patch, allowed)
    if not found.fault:
        write_tree(root, found.files, found.executable, found.origins)
    return Applied(found.rung, tuple(sorted(found.files)), found.fault, found.reason, found.rungs)


class _Applying:
    def __init__(self, files: Mapping[str, str], allowed: Callable[[str], bool] | None) -> None:
        self.before, self.allowed = files, allowed
        self.written: dict[str, str] = {}
        self.removed: set[str] = set()
        self.executable: dict[str, bool] = {}
        self.origins: dict[str, str] = {}
        self.rungs: set[Rung] = set()

    def run(self, text: str) -> Patched:
        patch = parse_patch(text)
        self.rungs |= patch.rungs
        entries = []
        for file in patch.files:
            old, new, rung = names.paths_of(file, lambda name: self._text(name) is not None)
            if old and new and old != new and not file.moved:
                old = self._same(old, new)
            entries.append((file, old, new))
            self.rungs.add(rung)
            if self.allowed and (refused := next((n for n in (old, new) if n and not self.allowed(n)), None)):
                raise PatchError(PatchFault.NOT_ALLOWED, f"{refused}: this file must not be changed")
        going = {old for file, old, new in entries if old and old != new and not file.kept}
        for file, old, new in entries:
            try:
                self._one(file, old, new, going)
            except PatchError as error:
                raise PatchError(error.fault, f"{new or old}: {error.reason}") from None
        files: dict[str, str | None] = dict.fromkeys(self.removed - self.written.keys()) | self.written
        files = {path: new for path, new in sorted(files.items()) if new != self.before.get(path)}
        modes = {path: mode for path, mode in self.executable.items() if path in self.written}
        if not files and not modes:
            raise PatchError(PatchFault.NO_CHANGE, "after the patch every file is as before")
        for path in modes:
            files.setdefault(path, self.written[path])
        rungs = ladder(self.rungs)
        origins = {new: old for new, old in self.origins.items() if new in files}
        return Patched(files, rungs[-1], rungs, executable=modes, origins=origins)

    def _same(self, old: str, new: str) -> str:
        """The file that is changed where a patch has two names for it, such as that of a kept old version."""
        if self._text(new) is None:
            raise PatchError(
                PatchFault.MALFORMED, f"{old[:100]!r} becomes {new[:100]!r}, without a header that says so"
            )
        self.rungs.add(Rung.HEADER)
        return new

    def _text(self, path: str) -> str | None:
        """A file as the patch up to here leaves it."""
        if path in self.written:
            return self.written[path]
        return None if path in self.removed else self.before.get(path)

    def _one(self, file: FilePatch, old: str | None, new: str | None, going: set[str]) -> None:
        for mode in (file.old_mode, file.new_mode):
            if mode and mode not in _MODES:
                raise PatchError(PatchFault.OUTSIDE, f"a link or a repository (mode {mode}), expected a plain file")
        text = self._old_text(file, old, new, going)
        if text is None:
            text = ""
            self._must_be_free(new, going)
        elif new is not None and old != new:
            self._must_be_free(new, going)
        text, rungs = patched(text, file.hunks)
        self.rungs |= rungs
        if new is None and text:
            raise PatchError(PatchFault.NOT_FOUND, "to be removed, but the patch does not have all of its lines")
        if old is not None and old != new and not file.kept:
            self.removed.add(old)
            if old not in self.origins:
                self.written.pop(old, None)
        if new is not None:
            self.written[new] = text
            if old is not None and old != new:
                self.origins[new] = old
            if file.new_mode:
                self.executable[new] = file.new_mode == "100755"

    def _old_text(self, file: FilePatch, old: str | None, new: str | None, going: set[str]) -> str | None:
        """The text that hunks are put into; `None` for a new file."""
        if old is None:
            return None
        # Of files that exchange their names both are read as they were.
        exchanged = file.moved and old in going and old in self.origins
        text = self.before.get(old) if exchanged else self._text(old)
        if text is None:
            if old == new and file.hunks and not any(hunk.old for hunk in file.hunks):
                self.rungs.add(Rung.HEADER)
                return None
            raise PatchError(PatchFault.NO_FILE, f"there is no file {old}")
        return text

    def _must_be_free(self, path: str | None, going: set[str]) -> None:
        if path is None:
            return
        if path in self.written or (self.before.get(path) is not None and path not in going):
            raise PatchError(PatchFault.EXISTS, "the patch makes it anew, but it is there")
        parts = path.split("/")
        for above in ("/".join(parts[:k]) for k in range(1, len(parts))):
            if above in self.written or (above not in going and self._is_file(above)):
                raise PatchError(PatchFault.EXISTS, f"its folder cannot be made, since {above} is a file")

    def _is_file(self, path: str) -> bool:
        try:
            return self.before.get(path) is not None
        except PatchError:  # a folder; a link is found when the file itself is looked at
            return False
