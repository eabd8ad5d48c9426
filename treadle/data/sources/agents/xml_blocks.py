"""Calls as `<function=...><parameter=...>` in a text: where they begin and end.

A block begins at the start of a line and consists of parameters with nothing but white space between them. A value may
hold anything, also calls: it ends at its own `</parameter>`, tags inside it being matched with each other, or, where
they do not match, at the first one that a parameter, the end of the block or the end of the text follows. What begins
like a block and is none is prose.

A stop sequence may have cut off `</function>` or a part of it at the end of a turn. The action is then what is there,
if its parameters are complete.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

from treadle.data.sources.agents.turn import sliced
from treadle.data.sources.agents.turn_thoughts import without_thought
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step

FUNCTION = re.compile(r"^[ \t]*(<function=[^<>\n]+>)", re.MULTILINE)
_PARAMETER = re.compile(r"<parameter=[^<>\n]+>|</parameter>")
_SPACE = re.compile(r"\s*")
_END = "</function>"


class Block(NamedTuple):
    """Where a call stands in a text, and whether its end was written."""

    start: int
    end: int
    closed: bool


class _Tags:
    """The parameter tags of a text, matched with each other in one pass."""

    def __init__(self, text: str) -> None:
        self.text = text
        tags = list(_PARAMETER.finditer(text))
        self.starts = [tag.start() for tag in tags]
        self.ends = [tag.end() for tag in tags]
        self.close: list[int | None] = [None] * len(tags)
        """For each opening tag the end of its value's closing tag, if the value is complete."""
        open_tags = []
        for k, tag in enumerate(tags):
            if tag[0] != "</parameter>":
                open_tags.append(k)
            elif open_tags:
                self.close[open_tags.pop()] = k
        final: int | None = None
        for k in range(len(tags) - 1, -1, -1):
            if tags[k][0] == "</parameter>":
                final = self.ends[k] if self._ends_value(self.ends[k]) else final
            else:
                own = self.close[k]
                self.close[k] = self.ends[own] if own is not None and self._ends_value(self.ends[own]) else final

    def _ends_value(self, end: int) -> bool:
        after = _SPACE.match(self.text, end).end()
        return self.text.startswith(("<parameter=", _END), after) or self._is_cut(after)

    def _is_cut(self, position: int) -> bool:
        """Whether the text stops here, or in the middle of the block's end."""
        return len(self.text) - position < len(_END) and _END.startswith(self.text[position:])

    def block(self, start: int, body: int, known: dict[int, tuple[int, bool] | None]) -> Block | None:
        """The block whose first tag is `text[start:body]`; `known` remembers where blocks end from a position on."""
        position, passed = body, []
        while position not in known:
            passed.append(position)
            known[position] = None
            after = _SPACE.match(self.text, position).end()
            if self.text.startswith(_END, after):
                known[position] = after + len(_END), True
            elif self._is_cut(after):
                known[position] = (position if after == len(self.text) else len(self.text)), False
            else:
                k = bisect_left(self.starts, after)
                if k == len(self.starts) or self.starts[k] != after or self.close[k] is None:
                    break
                position = self.close[k]
        found = known[position]
        for place in passed:
            known[place] = found
        if found is None or (found[0] == body and not self.text.startswith("\n", body)):
            return None  # a text that stops right after the first tag may lack its parameters
        return Block(start, *found)


def blocks(text: str) -> list[Block]:
    """The calls of a turn, in time linear in its length."""
    found: list[Block] = []
    tags, known = None, {}
    for match in FUNCTION.finditer(text):
        if not found or match.start(1) >= found[-1].end:
            tags = tags or _Tags(text)
            if block := tags.block(match.start(1), match.end(1), known):
                found.append(block)
    return found


def parameters(text: str, block: Block) -> list[tuple[str, str]]:
    """The parameters of a block of `text` with their values, exactly as they stand there, in order."""
    tags = _Tags(text)
    found, position = [], text.index(">", block.start) + 1
    while True:
        after = _SPACE.match(text, position).end()
        k = bisect_left(tags.starts, after)
        if after >= block.end or k == len(tags.starts) or tags.starts[k] != after:
            return found
        position = tags.close[k]
        name = text[after : tags.ends[k]].removeprefix("<parameter=").removesuffix(">")
        found.append((name.strip(), text[tags.ends[k] : position - len("</parameter>")]))


def step_of(text: str, where: str, whole: bool = True, seen: str | None = None) -> Step | None:
    """The step of a turn, `None` if it holds no call. What a model thinks of calling, in tags, is none.

    Args:
        whole: Whether the turn ended by itself; else a block without end is broken.
        seen: The text `without_thought`, where it is known.

    Raises:
        Rejected: There are several calls, or one that is broken.
    """
    seen = without_thought(text) if seen is None else seen
    found = blocks(seen)
    if len(found) > 1:
        raise Rejected(DropReason.SEVERAL_ACTIONS, f"{where} has {len(found)} calls")
    if found and (found[0].closed or whole):
        return sliced(text, found[0].start, found[0].start, found[0].end, where)
    if begun := FUNCTION.search(seen):
        raise Rejected(DropReason.BROKEN_CALL, f"{where}: {seen[begun.start(1) : begun.start(1) + 80]!r}")
    return None
