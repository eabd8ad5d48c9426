"""The gold patch of a made task as one call of `str_replace`: whole lines that stand once in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Mend:
    """An edit of one file.

    Args:
        line: The first line that differs, counted from 1.
        first, last: The lines that `old` takes up.
        old: Text that stands once in the file.
        new: What takes its place.
    """

    file: str
    line: int
    first: int
    last: int
    old: str
    new: str


def mend_of(
    before: Mapping[str, str | None], after: Mapping[str, str | None], above: int = 0, below: int = 0
) -> Mend | None:
    """The change as few whole lines: those that differ, with as many around them as make the text unique.

    Args:
        before, after: Texts by file.
        above, below: Further lines to take along, up to the next blank one.

    Returns:
        The edit; `None` where not exactly one text differs, or nothing in it is unique.
    """
    changed = [path for path in before if before[path] != after.get(path)]
    if len(changed) != 1 or (old := before[changed[0]]) is None or (new := after[changed[0]]) is None:
        return None
    was, now = old.split("\n"), new.split("\n")
    first = _alike(was, now)
    rest = min(_alike(was[::-1], now[::-1]), len(was) - first, len(now) - first)
    around = 0
    while True:
        start, end = max(first - around, 0), max(rest - around, 0)
        piece = "\n".join(was[start : len(was) - end])
        if piece.strip() and old.count(piece) == 1:
            break
        if start == 0 and end == 0:
            return None
        around += 1
    for _ in range(above):
        start -= start > 0 and bool(was[start - 1].strip())
    for _ in range(below):
        end -= end > 0 and bool(was[len(was) - end].strip())
    lines, others = was[start : len(was) - end], now[start : len(now) - end]
    return Mend(changed[0], first + 1, start + 1, len(was) - end, "\n".join(lines), "\n".join(others))


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def changed_lines(old: str, new: str) -> tuple[str, str]:
    """The lines of an edit that differ, without their indentation."""
    was, now = old.split("\n"), new.split("\n")
    while was and now and was[0] == now[0]:
        was, now = was[1:], now[1:]
    while was and now and was[-1] == now[-1]:
        was, now = was[:-1], now[:-1]
    return "\n".join(was).strip(), "\n".join(now).strip()
