r"""Joints of a written solution: the places where one thought ends and another may begin.

A joint stands between paragraphs, lines or sentences, before "Case 1" and headings, and after a displayed formula that
ends its sentence. None stands inside a formula, an environment, a code block, a table or brackets, before a displayed
formula (it belongs to the sentence before), after a colon or a heading, or where the sentence goes on. A list is one
piece as long as it is short enough for one step; a longer one has joints between its items.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple


class Joint(NamedTuple):
    """A place to cut: the piece before ends at `end`, the next begins at `start`; white space is between them.

    Args:
        cost: What a cut here costs, in the measure of `segmentation`: less where the source itself sets off a thought.
    """

    end: int
    start: int
    cost: float


# What a cut costs. Between steps of good size only their order matters: a new case, a paragraph, a line, a sentence.
HEADING, _NUMBER, _PARAGRAPH, _LINE, _SENTENCE = -0.6, -1.0, -0.2, 0.5, 1.0
_OPENS, _CONCLUDES = -0.3, 0.7
_INNER = 1.5  # between the items of a list inside an item
_TERSE = 80  # characters an item; numbered items that are longer are steps of the solution and not a list inside one

_CLOSED = re.compile(
    r"(?P<fence>^[ \t]*(?:```|~~~))|(?P<asy>\[asy\])|\\begin\{(?P<env>[A-Za-z]+\*?)\}"
    r"|(?P<double>\$\$)|(?P<bracket>\\\[)|(?P<paren>\\\()|\\.|(?P<dollar>\$)|(?P<tick>`)",
    re.MULTILINE | re.DOTALL,
)
_ENDS = {"double": "$$", "bracket": r"\]", "paren": r"\)", "asy": "[/asy]"}
_BRACKETS = re.compile(r"\([^()\n]{0,300}\)|\[[^\[\]\n]{0,300}\]|\"[^\"\n]{0,200}\"|“[^”\n]{0,300}”")
_TABLE = re.compile(r"^[ \t]*\|.*(?:\n[ \t]*\|.*)+", re.MULTILINE)
_ITEM = re.compile(
    r"(?P<indent>[ \t]*)(?P<mark>[-*•–]|\((?:[a-z]|[ivx]{1,4}|\d{1,2})\)|(?:[a-z]|[ivx]{1,4}|\d{1,3})[.)])[ \t]+\S"
)

_GAP = re.compile(
    r"[ \t]*\n[ \t]*\n\s*"  # a blank line
    r"|[ \t]*\n[ \t]*"
    r"|(?<=[.!?])[\"'”’)\]*_]{0,3}[ \t]+"
    r"|(?<=[。！？])[”」』）]?"
)
_TERMINAL = re.compile(
    r"[.!?。！？][\"'”’)\]*_$]*$|[.!?。！？]\s*(?:\$\$?|\\\)|\\\]|\\end\{[A-Za-z]+\*?\}|\\right)[.)*_]*$"
)
_GOES_ON = re.compile(  # how a piece ends whose sentence is not over
    r"(?:[:,;=+<>&(\[{]|->|→|⇒|：|，|、|；|\\(?:Rightarrow|implies|iff|to|le|ge|leq|geq|quad|qquad)"
    r"|\b(?:and|or|that|is|are|have|has|get|gives?|where|by|then|so|thus|hence|therefore|of|to|the|a|as|with|for|from"
    r"|obtain|equals?|implies|yields|let|since|because|such|if|when|we|be|in|on|but|which))\s*(?:\$\$?|\\\)|\\\])?\s*$",
    re.IGNORECASE,
)
_SHORTENED = re.compile(
    r"(?:\b(?:i\.e|e\.g|cf|eqs?|figs?|resp|dr|mr|mrs|st|vs|w\.r\.t|w\.l\.o\.g|no|nos|approx|ex|thm|prop|ref|refs|sec"
    r"|ch|vol|etc|viz|al|pp?|a\.m|p\.m)|\b[A-Z]|^\s*(?:\d{1,3}|[a-z]|[ivx]{1,4}))\.[)*_]*$",
    re.IGNORECASE | re.MULTILINE,
)
_DISPLAY = re.compile(r"\s*(?:\$\$|\\\[|\\begin\{|\\tag\b|\||\[asy\]|!\[|```|~~~)")
_INTO = re.compile(  # how a piece begins that goes on with the one before
    r"[a-zà-ÿα-ω=+<>≤≥≈⇒→,;:.)\]}&^_*/×÷·]"
    r"|[-–][ \d$\\]"
    r"|(?:\$\$?|\\\()\s*(?:[=<>+]|\\(?:Rightarrow|implies|iff|Leftrightarrow|therefore|approx|equiv|leq?|geq?|to)\b)"
    r"|(?:Or|And|Where|With|Which|But then|So that|Because)\b"
    r"|\([^)]{0,40}\)[.,]?\s*(?:\n|$)"
)
_MARKER = re.compile(r"(?:[-*•–]|\(?(?:[a-z]|[ivx]{1,4}|\d{1,3})[.)])[ \t]+\S|\*\*|__")
_SETS_OFF = re.compile(
    r"(?:\*\*|__|\#{1,6}\s|\\textbf\{|\\textit\{|\\section\*?\{|\\subsection\*?\{|\*|_)?\s*"
    r"(?:Cases?|Part|Claim|Lemma|Theorem|Proposition|Corollary|Proof|Solution|Step|Method|Approach|Remark|Stage"
    r"|Sub-?case|Way|Alternative(?:ly)?|Fall|Cas|Caso|Случай|情况|情形)\b",
)
_HEAD_LINE = re.compile(
    r"\#{1,6}\s.*|(?:\*\*|__)[^\n]{1,100}(?:\*\*|__)[.:]?|\\(?:textbf|section\*?|subsection\*?)\{[^\n{}]*\}[.:]?"
)
_LABEL = re.compile(
    r"(?:Solution|Proof|Case|Part|Claim|Lemma|Step|Method|Approach|Remark|Sub-?case)\b[ \t]*"
    r"(?:\(?[\divxIVXa-zA-Z]{0,4}\)?)?[.:)]*"
)
_NEW = re.compile(
    r"(?:Now|Next|Let\b|Consider|Suppose|Assume|First|Second|Third|Finally|Similarly|Conversely|Note|Observe|Recall"
    r"|We (?:claim|now|next|first|will|can now|are|want|need)|To (?:find|show|prove|see|solve|compute|determine|do)"
    r"|On the other hand|Otherwise|Define|Denote|Take|Choose|It remains|However|If\b|For\b|Given|Using|By\b"
    r"|In (?:the|this) (?:first|second|third|case)|Likewise|Again|In general|Returning|Set\b|Substitut|Alternatively)"
)
_REFERS = re.compile(
    r"(?:Therefore|Thus|Hence|So\b|Consequently|It follows|This|That|These|Those|It\b|They|Then|Also|In other words"
    r"|But\b|Indeed|i\.e|Accordingly|As a result|In particular|Here|Such|Both|Either|Neither|Its|Their"
    r"|We (?:get|have|obtain)\b|The (?:answer|result|last|latter|former|above)|Clearly|Obviously|∴|\$?\\therefore)"
)
_SHORT_HEAD = 60  # characters; a longer line without a full stop is a sentence whose full stop is missing


def joints(text: str, longest_list: int) -> list[Joint]:
    """The joints of `text` in order; none at its ends.

    Args:
        longest_list: Characters up to which a list is one piece.
    """
    closed = _Closed(text, longest_list)
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    found: dict[int, Joint] = {}
    for end, start in _gaps(text, closed):
        if first < end <= start < last and start not in found and not closed.holds(end, start):
            cost = _cost(text, end, start, closed)
            if cost is not None:
                found[start] = Joint(end, start, cost)
    return [found[start] for start in sorted(found)]


def _gaps(text: str, closed: _Closed) -> Iterator[tuple[int, int]]:
    for match in _GAP.finditer(text):
        end = match.start() + len(match[0]) - len(match[0].lstrip("\"'”’)]*_」』）"))
        yield end, match.end()
    for display_end in closed.displays:  # `\]Therefore` stands without a space
        if text[display_end : display_end + 1].isupper():
            yield display_end, display_end


def _cost(text: str, end: int, start: int, closed: _Closed) -> float | None:
    """What a cut costs here; `None` where it would part what belongs together."""
    gap, rest = text[end:start], text[start : start + 120]
    lines = gap.count("\n")
    piece = text[closed.piece_start(end) : end]
    line = text[text.rfind("\n", 0, end) + 1 : end]
    if _DISPLAY.match(rest) or _is_heading(line) or (piece.endswith("[/asy]") and end not in closed.displays):
        return None
    if start in closed.items and not (text[:end].endswith(":") and start in closed.firsts):
        return _NUMBER if rest[0].isdigit() else _PARAGRAPH
    sets_off = bool(lines) and bool(_SETS_OFF.match(rest) or _HEAD_LINE.match(rest))
    if _INTO.match(rest) and not (sets_off or (lines and _MARKER.match(rest))):
        return None
    tail = piece[-80:]
    over = bool(_TERMINAL.search(tail)) and not _SHORTENED.search(tail)
    if not over:
        if not lines and end not in closed.displays:
            return None
        if _GOES_ON.search(tail) or (lines == 1 and not sets_off and not _begins_sentence(rest)):
            return None
    if sets_off:
        return HEADING
    if lines and text[start - 1] in " \t" and _MARKER.match(rest):
        return _INNER
    cost = _PARAGRAPH if lines > 1 else _LINE if lines else _SENTENCE
    if _REFERS.match(rest):
        cost += _CONCLUDES
    elif _NEW.match(rest):
        cost += _OPENS
    return cost if over else cost + 0.2


def _begins_sentence(rest: str) -> bool:
    return rest[:1].isupper() or rest[:1] in '$\\*([“"' or rest[:1].isdigit() or ord(rest[0]) > 0x2E80


def _is_heading(line: str) -> bool:
    line = line.strip()
    if _HEAD_LINE.fullmatch(line) or _LABEL.fullmatch(line):
        return True
    return len(line) <= _SHORT_HEAD and line[:1].isupper() and line.endswith(":")


class _Closed:
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

    def piece_start(self, end: int) -> int:
        """Where the paragraph begins that `end` is in."""
        k = bisect_right(self._marks, end - 1) - 1
        return self._marks[k] if k >= 0 else 0

    def _formulas(self, text: str) -> Iterator[tuple[int, int]]:
        position = 0
        while match := _CLOSED.search(text, position):
            kind, start, position = match.lastgroup, match.start(), match.end()
            if kind is None:
                continue
            if kind == "fence":
                found = re.compile(r"^[ \t]*" + match[0].strip() + r"[ \t]*$", re.MULTILINE).search(text, position)
                stop = found.end() if found else len(text)
            elif kind == "env":
                stop = _end_of_environment(text, match["env"], position)
            elif kind in ("dollar", "tick"):
                stop = _end_of_inline(text, match[0], position)
            else:
                at = text.find(_ENDS[kind], position)
                stop = at + len(_ENDS[kind]) if at >= 0 else 0
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
                if blank and len(line) - len(line.lstrip()) <= len(indent) and not _DISPLAY.match(line):
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


def _end_of_environment(text: str, name: str, position: int) -> int:
    depth = 1
    for match in re.compile(r"\\(begin|end)\{" + re.escape(name) + r"\}").finditer(text, position):
        depth += 1 if match[1] == "begin" else -1
        if not depth:
            return match.end()
    return 0


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
