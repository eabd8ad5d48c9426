"""Where in a file lines stand: to the letter first, then with one more thing overlooked at a time.

At each level the place that is named counts if the lines stand there; else they must stand at one place alone. Lines
that stand at several are never put at one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from treadle.evaluate.swe.patches.faults import PatchError, PatchFault, Rung
from treadle.evaluate.swe.patches.model import Line


class Place(NamedTuple):
    """Where lines stand.

    Args:
        at: Index of the first.
        rung: What was overlooked in the lines.
        shift: White space that the file has before each line and the patch has not, or, with `-` before it, the
            other way round.
    """

    at: int
    rung: Rung
    shift: str = ""


class _Level(NamedTuple):
    """A way to compare: lines with equal keys are looked at, and `holds` decides; it gives the shift or `None`."""

    rung: Rung
    key: Callable[[str], str]
    holds: Callable[[Sequence[str], Sequence[Line]], str | None]


def _as_they_are(file: Sequence[str], lines: Sequence[Line]) -> str | None:
    return ""


def _perhaps_untagged(file: Sequence[str], lines: Sequence[Line]) -> str | None:
    """Each line of context stood in the patch with its tag or without it: then a space of its own was taken for one."""
    for found, line in zip(file, lines, strict=True):
        texts = [line.text, f" {line.text}"] if line.tag == " " else [line.text]
        if found.rstrip() not in [text.rstrip() for text in texts]:
            return None
    return ""


def _shifted(file: Sequence[str], lines: Sequence[Line]) -> str | None:
    """All lines have the same white space more, or less, than in the file; empty ones may have any."""
    shift: str | None = None
    for found, line in zip(file, lines, strict=True):
        if not line.text.strip():
            continue
        there, here = _indent(found), _indent(line.text)
        if there.endswith(here):
            one = there[: len(there) - len(here)]
        elif here.endswith(there):
            one = "-" + here[: len(here) - len(there)]
        else:
            return None
        if shift is not None and one != shift:
            return None
        shift = one
    return shift or ""


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


EXACT = (_Level(Rung.EXACT, str, _as_they_are),)
LINE_ENDS = (
    _Level(Rung.FINAL_NEWLINE, lambda line: line.removesuffix("\n"), _as_they_are),
    _Level(Rung.CRLF, _without_end, _as_they_are),
)
SPACES = (_Level(Rung.TRAILING_SPACE, str.rstrip, _as_they_are),)
INDENTS = (
    _Level(Rung.UNTAGGED, str.strip, _perhaps_untagged),
    _Level(Rung.REINDENTED, str.strip, _shifted),
)
LADDER = EXACT + LINE_ENDS + SPACES + INDENTS


class Located:
    """The lines of a file in which hunks are looked for.

    Args:
        lines: With their ends.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.taken: list[tuple[int, int]] = []
        self._keys: dict[Rung, tuple[list[str], dict[str, list[int]]]] = {}

    def take(self, at: int, count: int) -> None:
        """Keep lines from being found again."""
        if count:
            self.taken.append((at, at + count))

    def find(self, lines: Sequence[Line], named: int | None, levels: Sequence[_Level] = LADDER) -> Place:
        """The place of lines, of which there is at least one.

        Args:
            named: Index at which they should stand.

        Raises:
            PatchError: They stand nowhere, at several places, or where another hunk's lines stand.
        """
        overlaps = False
        for level in levels:
            places: list[Place] = []
            for place in self._places(level, lines, named):
                if any(place.at < end and begin < place.at + len(lines) for begin, end in self.taken):
                    overlaps = True
                    continue
                if place.at == named:
                    return place
                places.append(place)
                if len(places) > 1:
                    numbers = " and ".join(str(place.at + 1) for place in places)
                    raise PatchError(PatchFault.AMBIGUOUS, f"its lines stand at several places, lines {numbers} first")
            if places:
                return places[0]
        if overlaps:
            raise PatchError(PatchFault.OVERLAP, "its lines stand where another one before it has its own")
        raise PatchError(PatchFault.NOT_FOUND, self._missing(lines))

    def _places(self, level: _Level, lines: Sequence[Line], named: int | None) -> Iterator[Place]:
        """Places at a level, the named one first."""
        keys, index = self._indexed(level)
        wanted = [level.key(line.whole) for line in lines]
        candidates = [index.get(key, ()) for key in wanted]
        rarest = min(range(len(wanted)), key=lambda k: len(candidates[k]))
        starts = [at - rarest for at in candidates[rarest]]
        if named in starts:
            starts = [named, *(at for at in starts if at != named)]
        for at in starts:
            end = at + len(wanted)
            if at < 0 or keys[at:end] != wanted:
                continue
            shift = level.holds(self.lines[at:end], lines)
            if shift is not None:
                yield Place(at, level.rung, shift)

    def _indexed(self, level: _Level) -> tuple[list[str], dict[str, list[int]]]:
        if level.rung not in self._keys:
            keys = [level.key(line) for line in self.lines]
            index: dict[str, list[int]] = {}
            for at, key in enumerate(keys):
                index.setdefault(key, []).append(at)
            self._keys[level.rung] = keys, index
        return self._keys[level.rung]

    def _missing(self, lines: Sequence[Line]) -> str:
        """What is said of lines that stand nowhere: the first that the file lacks, if there is one."""
        there = {line.strip() for line in self.lines}
        for line in lines:
            if line.text.strip() not in there:
                return f"its lines stand nowhere in the file, which has no line {line.text.strip()[:60]!r}"
        return "its lines stand nowhere in the file one after the other"
