"""The hunks of a patch put into the text of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from treadle.evaluate.swe.patches.faults import PatchError, PatchFault, Rung
from treadle.evaluate.swe.patches.locate import Located, Place
from treadle.evaluate.swe.patches.model import Hunk, Line, split_lines


def patched(text: str, hunks: Sequence[Hunk]) -> tuple[str, set[Rung]]:
    """A file's text with all hunks in it, and what was overlooked.

    All are looked for in the text as it was, so that none is found in what another one brings.

    Raises:
        PatchError: One of them has no place; the reason names it.
    """
    lines = split_lines(text)
    located, rungs = Located(lines), set()
    replaced: list[tuple[int, int, list[str]]] = []
    for count, hunk in enumerate(hunks, 1):
        try:
            place, overlooked = _place(located, hunk)
        except PatchError as error:
            where = f"hunk {count} (line {hunk.number} of the patch)"
            raise PatchError(error.fault, f"{where}: {error.reason}") from None
        size = len(hunk.old)
        located.take(place.at, size)
        replaced.append((place.at, size, put(lines[place.at : place.at + size], hunk.lines, place)))
        rungs |= overlooked
    for at, size, new in sorted(replaced, key=lambda entry: entry[:2], reverse=True):
        lines[at : at + size] = new
    if not all(line.endswith("\n") for line in lines[:-1]):  # the patch says that the file ends where it does not
        rungs.add(Rung.FINAL_NEWLINE)
    return joined(lines), rungs


def _place(located: Located, hunk: Hunk) -> tuple[Place, set[Rung]]:
    old = hunk.old
    if not old:
        return _of_addition(located, hunk)
    named = None if hunk.start is None else hunk.start - 1
    place = located.find(old, named)
    rungs = {place.rung}
    if named is not None and place.at != named:
        rungs.add(Rung.OFFSET)
    if hunk.lines[-1].tag != " " and place.at + len(old) != len(located.lines):
        rungs.add(Rung.UNANCHORED)
    return place, rungs


def _of_addition(located: Located, hunk: Hunk) -> tuple[Place, set[Rung]]:
    """Lines without context are at the end or, of an empty file, the whole; elsewhere nothing says that they fit."""
    size = len(located.lines)
    if hunk.start == size or not size:
        return Place(size, Rung.EXACT), set()
    raise PatchError(PatchFault.NO_CONTEXT, "it only adds lines, without context, and not at the end of the file")


def put(found: Sequence[str], lines: Sequence[Line], place: Place) -> list[str]:
    """What takes the place of lines of a file.

    Lines of context stay as the file has them; added ones get the file's line ends and its shift, where that was
    overlooked.
    """
    adapt = _adapter(found, [line.whole for line in lines if line.tag != "+"], place)
    new, at = [], 0
    for line in lines:
        if line.tag == "+":
            new.append(adapt(line.whole))
            continue
        if line.tag == " ":
            new.append(found[at])
        at += 1
    return new


def _adapter(found: Sequence[str], old: Sequence[str], place: Place) -> Callable[[str], str]:
    if place.rung is Rung.EXACT or not old:
        return str
    there = all(line.endswith("\r\n") for line in found)
    here = any(line.endswith("\r\n") for line in old)
    added, cut = (place.shift, "") if not place.shift.startswith("-") else ("", place.shift[1:])

    def adapted(line: str) -> str:
        if line.strip():
            line = added + line.removeprefix(cut)
        if there and not here and line.endswith("\n"):
            return line.removesuffix("\n").removesuffix("\r") + "\r\n"
        if here and not there and line.endswith("\r\n"):
            return line[:-2] + "\n"
        return line

    return adapted


def joined(lines: list[str]) -> str:
    """The text of lines, of which only the last may lack its end."""
    return "".join([line if line.endswith("\n") else line + "\n" for line in lines[:-1]] + lines[-1:])
