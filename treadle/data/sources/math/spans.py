"""What of a solution must stay in one piece: formulas, environments, code, tables, brackets, short lists."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

DISPLAY = re.compile(r"\s*(?:\$\$|\\\[|\\begin\{|\\tag\b|\||\[asy\]|!\[|```|~~~)")
_TERSE = 80  # characters an item; numbered items that are longer are steps of the solution and not a list inside one

_CLOSED = re.compile(
    r"(?P<fence>^[ \t]*(?:```|~~~))|(?P<asy>\[asy\])|\\begin\{(?P<env>[A-Za-z]+\*?)\}"
    r"|(?P<double>\$\$)|(?P<bracket>\\\[)|(?P<paren>\\\()|\\.|(?P<dollar>\$)|(?P<tick>`)",
    re.MULTILINE | re.DOTALL,
)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z]+\*?)\}")
_ENDS = {"double": "$$", "bracket": r"\]", "paren": r"\)", "asy": "[/asy]"}
_BRACKETS = re.compile(r"\([^()\n]{0,300}\)|\[[^\[\]\n]{0,300}\]|\"[^\"\n]{0,200}\"|“[^”\n]{0,300}”")
_TABLE = re.compile(r"^[ \t]*\|.*(?:\n[ \t]*\|.*)+", re.MULTILINE)
_ITEM = re.compile(
    r"(?P<indent>[ \t]*)(?P<mark>[-*•–]|\((?:[a-z]|[ivx]{1,4}|\d{1,2})\)|(?:[a-z]|[ivx]{1,4}|\d{1,3})[.)])[ \t]+\S"
)


class Closed:
    """What must stay in one piece, as intervals in order; `displays` are the ends of displayed formulas, `items` the
    beginnings of the items of long lists."""

    def __init__(self, text: str, longest_list: int) -> None:
        self.displays: set[int] = set()
        self.items: set[int] = set()
        self.firsts: set[int] = set()
        spans = [*self._formulas(text), *((m.start(), m.end()) for m in _TABLE.finditer(text))]
        spans += [(m.start(), m.end()) for m in _BRACKETS.finditer(text)]
        inside = _merged(spans)
        spans += self._lists(text, longest_list, inside)
        self.spans = _merged(spans)
        self._starts = [a for a, _ in self.spans]
        self._marks = [m.end() for m in re.finditer(r"\n[ \t]*\n", text)]

    def holds(self, end: int, start: int) -> bool:
        """Whether a cut between `end` and `start` would be inside an interval."""
        k = bisect_right(self._starts, end) - 1
        return (k >= 0 and self.spans[k][0] < end < self.spans[k][1]) or (
            k >= 0 and self.spans[k][0] < start < self.spans[k][1]
        )

    def paragraph(self, end: int) -> int:
        """Where the paragraph begins that `end` is in."""
        k = bisect_right(self._marks, end - 1) - 1
        return self._marks[k] if k >= 0 else 0

    def _formulas(self, text: str) -> Iterator[tuple[int, int]]:
        position, missing, environments = 0, set(), _environments(text)
        while match := _CLOSED.search(text, position):
            kind, start, position = match.lastgroup, match.start(), match.end()
            if kind is None:
                continue
            if kind == "fence":
                found = re.compile(r"^[ \t]*" + match[0].strip() + r"[ \t]*$", re.MULTILINE).search(text, position)
                stop = found.end() if found else len(text)
            elif kind == "env":
                stop = environments.get(start, 0)
            elif kind in ("dollar", "tick"):
                stop = _end_of_inline(text, match[0], position)
            elif kind in missing:
                stop = 0
            else:
                at = text.find(_ENDS[kind], position)
                stop = at + len(_ENDS[kind]) if at >= 0 else 0
                missing |= set() if stop else {kind}
            if not stop:  # never closed, so it opens nothing
                continue
            position = stop
            if kind in ("env", "double", "bracket", "asy") and text[:start].strip():
                self.displays.add(stop)
            yield start, stop

    def _lists(self, text: str, longest: int, inside: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        starts = [a for a, _ in inside]
        run: list[int] = []  # beginnings of the items of the list that is being read
        indent, end, offset, blank = "", 0, 0, False
        for line in [*text.splitlines(keepends=True), "\n", "x"]:
            item = _ITEM.match(line)
            k = bisect_right(starts, offset) - 1
            if k >= 0 and inside[k][0] < offset < inside[k][1]:
                item = None
                end = offset + len(line.rstrip()) if run else end
            elif item and (not run or item["indent"] == indent):
                if not run:
                    indent = item["indent"]
                run.append(offset + len(item["indent"]))
                end = offset + len(line.rstrip())
            elif run and line.strip():
                if blank and len(line) - len(line.lstrip()) <= len(indent) and not DISPLAY.match(line):
                    yield from self._list(text, run, end, longest)
                    run = []
                else:
                    end = offset + len(line.rstrip())
            blank = not line.strip()
            offset += len(line)
        if run:
            yield from self._list(text, run, min(end, len(text)), longest)

    def _list(self, text: str, items: list[int], end: int, longest: int) -> Iterator[tuple[int, int]]:
        size = end - items[0]
        numbered = text[items[0]].isdigit() and size > _TERSE * len(items)
        if len(items) > 1 and size <= longest and not numbered:
            yield items[0], end
        elif len(items) > 1:
            self.items.update(items)
            self.firsts.add(items[0])


def _environments(text: str) -> dict[int, int]:
    r"""For each `\begin{...}` that is closed, where it stands and where the environment ends."""
    opened: dict[str, list[int]] = {}
    ends: dict[int, int] = {}
    for match in _ENVIRONMENT.finditer(text):
        starts = opened.setdefault(match[2], [])
        if match[1] == "begin":
            starts.append(match.start())
        elif starts:
            ends[starts.pop()] = match.end()
    return ends


def _end_of_inline(text: str, mark: str, position: int) -> int:
    """End of `$...$` in the same paragraph; 0 if there is none."""
    limit = text.find("\n\n", position)
    limit = len(text) if limit < 0 else limit
    while (at := text.find(mark, position, limit)) >= 0:
        if text[at - 1] != "\\":
            return at + 1
        position = at + 1
    return 0


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if merged and a < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return merged
