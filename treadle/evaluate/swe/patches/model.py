"""A patch as read: files, hunks and lines, with what was overlooked in reading them."""

from __future__ import annotations

from dataclasses import dataclass, field

from treadle.evaluate.swe.patches.faults import Rung

NOWHERE = "/dev/null"


@dataclass(frozen=True)
class Line:
    """A line of a hunk.

    Args:
        tag: Space for context, `-` or `+`.
        newline: False where a marker says that the file ends without one.
    """

    tag: str
    text: str
    newline: bool = True

    @property
    def whole(self) -> str:
        """The line as it stands in a file."""
        return self.text + "\n" * self.newline


@dataclass(frozen=True)
class Hunk:
    """One place of a file.

    Args:
        start: First line in the old file, counted from 1, or the line after which lines are added; `None` if unsaid.
        lines: In order.
        number: Line of the patch at which the hunk begins, for messages.
        section: What stands in the header behind the numbers.
    """

    start: int | None
    lines: tuple[Line, ...]
    number: int
    section: str = ""

    @property
    def old(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.tag != "+")

    @property
    def new(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.tag != "-")


@dataclass(frozen=True)
class FilePatch:
    """What a patch says of one file.

    Args:
        old, new: Names as they stand in the patch, with their prefixes; `NOWHERE` for a file that is new or removed.
        hunks: In order.
        number: Line of the patch at which it begins.
        old_mode, new_mode: As git writes them; empty where the patch does not say.
        kept: A copy leaves the old file where it is.
        moved: A rename or a copy.
    """

    old: str
    new: str
    hunks: tuple[Hunk, ...]
    number: int
    old_mode: str = ""
    new_mode: str = ""
    kept: bool = False
    moved: bool = False


@dataclass(frozen=True)
class Patch:
    """All of a patch; `rungs` says what was overlooked in reading it."""

    files: tuple[FilePatch, ...]
    rungs: frozenset[Rung] = field(default_factory=frozenset)


def split_lines(text: str) -> list[str]:
    """The lines of a file with their ends, cut at line feeds alone, as git cuts them."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines
