"""SEARCH/REPLACE blocks as they stand in an answer: their files, and the lines that they look for and put there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from treadle.evaluate.swe.patches.faults import PatchError, PatchFault

_SEARCH = re.compile(r"\s{0,3}<{5,9}\s*SEARCH\s*>?\s*")
_REPLACE = re.compile(r"\s{0,3}>{5,9}\s*REPLACE\s*<?\s*")
_PARTED = re.compile(r"={7}\s*")
_PARTED_LOOSELY = re.compile(r"={5,9}\s*")
_FENCE = re.compile(r"\s{0,3}(?:```+|~~~+)\s*(.*?)\s*")
_HEADING = re.compile(
    r"(?:[#>\s*-]*)(?:(?:file|filename|path)\s*:\s*)?[`*\"']*(?P<path>[^`*\"']+?)[`*\"']*\s*:?[`*]*\s*", re.I
)
_LIKE_A_PATH = re.compile(r"(?:[\w.@+~-]+/)*[\w@+~-][\w.@+~-]*|(?:\.{0,2}/)+[\w./@+~-]+")
_NAMED_WITHIN = 3
"""Lines above a block, but for fences and empty ones, among which its file is named."""


@dataclass(frozen=True)
class Block:
    """A block of an answer.

    Args:
        number: From 1.
        path: Of the file; empty where none is named.
        readings: Lines to look for and lines to put there; several where a line of the file is like the separator.
    """

    number: int
    path: str
    readings: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @property
    def named(self) -> str:
        """The block for messages."""
        return f"block {self.number} ({self.path[:200]})" if self.path else f"block {self.number}"


def has_blocks(answer: str) -> bool:
    """Whether an answer has a line that begins or ends a block."""
    return any(_SEARCH.fullmatch(line) or _REPLACE.fullmatch(line) for line in answer.splitlines())


def blocks_of(answer: str, exists: Callable[[str], bool]) -> list[Block]:
    """The blocks of an answer, in order.

    A block's file is named above it or its fence (`### path`, the path alone, in backticks, in bold or behind the
    fence); one without a name is for the file of the block before.

    Args:
        exists: Whether there is such a file.

    Raises:
        PatchError: A block is not closed, has no separator, or is the first and names no file.
    """
    lines = answer.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    begin, path, after = None, "", 0
    for at, line in enumerate(lines):
        if _SEARCH.fullmatch(line):
            if begin is not None:
                raise _unclosed(len(blocks) + 1, begin)
            begin = at
            path = _named_above(lines[after:at], exists) or path
        elif _REPLACE.fullmatch(line):
            number = len(blocks) + 1
            if begin is None:
                raise PatchError(PatchFault.MALFORMED, f"block {number}: line {at + 1} ends a block that never began")
            if not path:
                raise PatchError(PatchFault.MALFORMED, f"block {number}: no line above it names its file")
            readings = _readings(lines[begin + 1 : at])
            if not readings:
                raise PatchError(
                    PatchFault.MALFORMED, f"block {number}: no ======= between SEARCH (line {begin + 1}) and REPLACE"
                )
            blocks.append(Block(number, path, readings))
            begin, after = None, at + 1
    if begin is not None:
        raise _unclosed(len(blocks) + 1, begin)
    return blocks


def _unclosed(number: int, begin: int) -> PatchError:
    said = f"block {number}: SEARCH in line {begin + 1} without >>>>>>> REPLACE after it"
    return PatchError(PatchFault.MALFORMED, said)


def _readings(body: list[str]) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    for separator in (_PARTED, _PARTED_LOOSELY):
        found = [at for at, line in enumerate(body) if separator.fullmatch(line)]
        if found:
            return tuple((tuple(body[:at]), tuple(body[at + 1 :])) for at in found)
    return ()


def _named_above(lines: list[str], exists: Callable[[str], bool]) -> str | None:
    """The path in the nearest of the last lines that holds one."""
    looked_at = 0
    for line in reversed(lines):
        fence = _FENCE.fullmatch(line)
        if fence is None and not line.strip():
            continue
        looked_at += fence is None
        text = fence[1] if fence else line
        if path := _path_in(text, exists):
            return path
        if looked_at >= _NAMED_WITHIN:
            return None
    return None


def _path_in(text: str, exists: Callable[[str], bool]) -> str | None:
    found = _HEADING.fullmatch(text.strip()) if len(text) < 1000 else None
    if found is None:
        return None
    path = found["path"].strip()
    if exists(path.removeprefix("./")):
        return path.removeprefix("./")
    # What is no file yet must look like one: a name alone has a suffix.
    like = _LIKE_A_PATH.fullmatch(path) and ("/" in path or re.search(r"\.[A-Za-z]\w*$", path))
    return path.removeprefix("./") if like else None
