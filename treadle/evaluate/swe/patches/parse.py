"""A text to a patch: unified diffs as git and diff write them, and as models do.

What git takes is read as git reads it. Where counts are wrong, headers are bare or lines of context lack their space,
a hunk goes to the next header, and what was overlooked is noted. Nothing of a hunk is left out: where it is open
whether a line belongs to it, it does, and the hunk is then not found rather than applied in part.
"""

from __future__ import annotations

import re

from treadle.evaluate.swe.patches import names
from treadle.evaluate.swe.patches.answers import check_text, inside_fences
from treadle.evaluate.swe.patches.faults import PatchError, PatchFault, Rung
from treadle.evaluate.swe.patches.model import NOWHERE, FilePatch, Hunk, Line, Patch

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(.*)", re.DOTALL)
_MODES = re.compile(r"(old mode|new mode|deleted file mode|new file mode) (\d{6})\s*")
_MOVES = re.compile(r"(rename|copy) (from|to) (.+)", re.DOTALL)
_IGNORED = ("index ", "similarity index ", "dissimilarity index ")
_BINARY = ("GIT binary patch", "Binary files ")
_SIGNATURE = ("-- ", "--")


def parse_patch(text: str) -> Patch:
    """Read a patch.

    Raises:
        PatchError: It is empty, too large, holds no diff, is malformed or has binary parts.
    """
    check_text(text)
    reading = _Reading(text)
    files = reading.files()
    if not files:
        raise PatchError(PatchFault.NO_DIFF, f"no diff in a text that begins with {text.strip()[:60]!r}")
    return Patch(tuple(files), frozenset(reading.rungs))


class _Reading:
    def __init__(self, text: str) -> None:
        self.rungs: set[Rung] = set()
        self.at = 0
        if not text.endswith("\n"):
            self.rungs.add(Rung.FINAL_NEWLINE)
            text += "\n"
        self.lines = text.split("\n")[:-1]
        header = next((k for k in range(len(self.lines)) if self._begins_file(k)), None)
        if header is not None and self.lines[header].endswith("\r"):
            self.rungs.add(Rung.CRLF)
            self.lines = [line.removesuffix("\r") for line in self.lines]
        self.numbers = range(1, len(self.lines) + 1)
        if inside := inside_fences(self.lines):
            self.rungs.add(Rung.PROSE)
            self.lines = [self.lines[at] for at in inside]
            self.numbers = [at + 1 for at in inside]

    def _line(self, at: int) -> str:
        return self.lines[at] if at < len(self.lines) else ""

    def files(self) -> list[FilePatch]:
        found = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if self._begins_file(self.at):
                found += self._file()
            elif line.startswith("@@"):
                raise self._malformed(self.at, "a hunk before any file is named")
            elif line.startswith(_BINARY):
                raise self._binary()
            else:
                if line.strip():
                    self.rungs.add(Rung.PROSE)
                self.at += 1
        return found

    def _begins_file(self, at: int) -> bool:
        return self.lines[at].startswith("diff --git ") or self._names_at(at)

    def _names_at(self, at: int) -> bool:
        return self._line(at).startswith("--- ") and self._line(at + 1).startswith("+++ ")

    def _malformed(self, at: int, said: str) -> PatchError:
        found = self._line(at)[:60]
        return PatchError(PatchFault.MALFORMED, f"line {self.numbers[at]} of the patch: {said}, {found!r}")

    def _binary(self) -> PatchError:
        said = f"line {self.numbers[self.at]} of the patch: a part that is not text, {self._line(self.at)[:100]!r}"
        return PatchError(PatchFault.BINARY, said)

    def _file(self) -> list[FilePatch]:
        """What is said of one file; nothing, where a header stands alone."""
        begin, says = self.at, {}
        both = None
        if self._line(self.at).startswith("diff --git "):
            both = names.of_git_header(self._line(self.at).removeprefix("diff --git "))
            self.at += 1
            says = self._extended()
        named = self._names_at(self.at)
        if named:
            both = (self._name(), self._name())
        elif both is not None and self._line(self.at).startswith("@@"):
            self.rungs.add(Rung.HEADER)
        if "from" in says and "to" in says:
            both = (f"a/{says['from']}", f"b/{says['to']}")
        if both is None:
            raise self._malformed(begin, "a header whose names cannot be read")
        if self._line(self.at).startswith(_BINARY):
            raise self._binary()
        old, new = both
        hunks = self._hunks(named)
        if "new file mode" in says:
            old = NOWHERE
        elif "deleted file mode" in says:
            new = NOWHERE
        elif not hunks and named:
            raise self._malformed(begin, "a file without hunks")
        elif not hunks and not says:
            self.rungs.add(Rung.PROSE)
            return []
        old_mode = says.get("old mode", says.get("deleted file mode", ""))
        new_mode = says.get("new mode", says.get("new file mode", ""))
        kind = says.get("kind")
        return [
            FilePatch(
                old, new, hunks, self.numbers[begin], old_mode, new_mode, kept=kind == "copy", moved=kind is not None
            )
        ]

    def _extended(self) -> dict[str, str]:
        """What stands between `diff --git` and the names."""
        says: dict[str, str] = {}
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if mode := _MODES.fullmatch(line):
                says[mode[1]] = mode[2]
            elif move := _MOVES.fullmatch(line):
                says["kind"] = move[1]
                says[move[2]] = self._unquoted(move[3])
            elif not line.startswith(_IGNORED):
                break
            self.at += 1
        return says

    def _name(self) -> str:
        name = self._unquoted(self._line(self.at)[4:])
        self.at += 1
        return name

    def _unquoted(self, text: str) -> str:
        try:
            name = names.unquoted(text)[0]
        except ValueError:
            raise self._malformed(self.at, "a name whose quotes cannot be read") from None
        if name != name.rstrip(" "):
            self.rungs.add(Rung.HEADER)
        return name.rstrip(" ")

    def _hunks(self, named: bool) -> tuple[Hunk, ...]:
        hunks = []
        if named and self._line(self.at)[:1] in ("+", "-", " ") and not self._boundary(self.at):
            self.rungs.add(Rung.BARE)
            hunks.append(self._hunk(None))
        while self._line(self.at).startswith("@@"):
            header = _HUNK.fullmatch(self.lines[self.at])
            self.at += 1
            hunks.append(self._hunk(header))
        return tuple(hunks)

    def _hunk(self, header: re.Match[str] | None) -> Hunk:
        begin = self.at
        start, section = None, ""
        end = None
        if header:
            start, old, _, new = (1 if group is None else int(group) for group in header.groups()[:4])
            section = header[5]
            end = self._counted(begin, old, new)
        else:
            self.rungs.add(Rung.BARE)
        if end is None:
            end = self._to_next_header(begin)
            if header:
                self.rungs.add(Rung.COUNTS)
        lines = self._tagged(begin, end)
        if not lines:
            raise self._malformed(begin - 1, "a hunk without lines")
        self.at = end
        return Hunk(start, tuple(lines), self.numbers[begin - 1], section)

    def _counted(self, at: int, old: int, new: int) -> int | None:
        """The end of a hunk that has as many lines as its header says; `None` if it has others."""
        while old > 0 or new > 0:
            if at >= len(self.lines):
                return None
            tag = self.lines[at][:1] or " "
            if tag not in " +-\\":
                return None
            old -= tag in " -"
            new -= tag in " +"
            at += 1
        if old < 0 or new < 0:
            return None
        while self._line(at).startswith("\\"):
            at += 1
        after = at
        while after < len(self.lines) and self.lines[after][:1] in ("", " "):
            after += 1  # context that is not counted changes nothing, and git passes over it
        line = self._line(after)
        if line[:1] in ("+", "-") and not self._names_at(after) and line not in _SIGNATURE:
            return None
        return at

    def _boundary(self, at: int) -> bool:
        """Whether a hunk whose counts are not to be trusted ends before this line."""
        line = self.lines[at]
        return line.startswith(("@@", "diff --git ", "Index: ", *_BINARY)) or (
            self._names_at(at) and self._line(at + 2).startswith("@@")
        )

    def _to_next_header(self, at: int) -> int:
        end = at
        while end < len(self.lines) and not self._boundary(end):
            end += 1
        for signature in range(at, end):
            if self.lines[signature] in _SIGNATURE and end - signature <= 3:
                end = signature
                break
        while end > at and (self.lines[end - 1][:1] not in ("+", "-", " ", "\\") or not self.lines[end - 1]):
            end -= 1  # prose and empty lines behind the hunk
        return end

    def _tagged(self, begin: int, end: int) -> list[Line]:
        lines: list[Line] = []
        for raw in self.lines[begin:end]:
            if raw.startswith("\\"):
                if lines:
                    lines[-1] = Line(lines[-1].tag, lines[-1].text, newline=False)
            elif raw[:1] in ("+", "-", " "):
                lines.append(Line(raw[0], raw[1:]))
            else:
                lines.append(Line(" ", raw))
                if raw:
                    self.rungs.add(Rung.UNTAGGED)
        return lines
