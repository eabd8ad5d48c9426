r"""Joints of a written solution: the places where one thought ends and another may begin.

A joint stands between paragraphs, lines or sentences, before "Case 1" and headings, and after a displayed formula that
ends its sentence. None stands inside a formula, an environment, a code block, a table or brackets, before a displayed
formula (it belongs to the sentence before), after a colon or a heading, or where the sentence goes on. A list is one
piece as long as it is short enough for one step; a longer one has joints between its items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from treadle.data.sources.math.spans import DISPLAY, Closed


class Joint(NamedTuple):
    """A place to cut: the piece before ends at `end`, the next begins at `start`; white space is between them.

    Args:
        cost: What a cut here costs, in the measure of `segmentation`: less where the source itself sets off a thought.
    """

    end: int
    start: int
    cost: float


# What a cut costs. Between steps of good size only their order matters: a new case, a paragraph, a line, a sentence.
HEADING, _PART, _NUMBER, _PARAGRAPH, _LINE, _SENTENCE = -1.0, -0.6, -1.0, -0.2, 0.5, 1.0
_OPENS, _CONCLUDES = -0.3, 0.7
_INNER = 1.5  # between the items of a list inside an item


_GAP = re.compile(
    r"(?<![ \t])[ \t]*\n[ \t]*\n\s*"  # a blank line
    r"|(?<![ \t])[ \t]*\n[ \t]*"
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
_QED = re.compile(r"(?:\\\(|\$)?\s*(?:\\(?:blacksquare|square|qed|Box)\b|[■□∎])")
_LETTERED = re.compile(r"\(?[a-h]\)\s+[A-Z$\\]")
_PROOF = re.compile(r"[*_\#\s]*Proof\b")  # belongs to what is proved rather than to what was before
_TAIL = 80  # characters of a piece that tell whether its sentence is over
_SHORT_HEAD = 60  # characters; a longer line without a full stop is a sentence whose full stop is missing


def joints(text: str, longest_list: int) -> list[Joint]:
    """The joints of `text` in order; none at its ends.

    Args:
        longest_list: Characters up to which a list is one piece.
    """
    closed = Closed(text, longest_list)
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    found: dict[int, Joint] = {}
    for end, start in _gaps(text, closed):
        if first < end <= start < last and start not in found and not closed.holds(end, start):
            cost = _cost(text, end, start, closed)
            if cost is not None:
                found[start] = Joint(end, start, cost)
    return [found[start] for start in sorted(found)]


def _gaps(text: str, closed: Closed) -> Iterator[tuple[int, int]]:
    for match in _GAP.finditer(text):
        end = match.start() + len(match[0]) - len(match[0].lstrip("\"'”’)]*_」』）"))
        yield end, match.end()
    for display_end in closed.displays:  # `\]Therefore` stands without a space
        if text[display_end : display_end + 1].isupper():
            yield display_end, display_end


def _cost(text: str, end: int, start: int, closed: Closed) -> float | None:
    """What a cut costs here; `None` where it would part what belongs together."""
    gap, rest = text[end:start], text[start : start + 120]
    lines = gap.count("\n")
    piece = text[max(closed.paragraph(end), end - _TAIL) : end]
    line = text[text.rfind("\n", 0, end) + 1 : end]
    if DISPLAY.match(rest) or _is_heading(line) or (piece.endswith("[/asy]") and end not in closed.displays):
        return None
    if lines > 1 and _LETTERED.match(rest):
        return HEADING
    if start in closed.items and not (text[end - 1] == ":" and start in closed.firsts):
        return _NUMBER if rest[0].isdigit() else _PARAGRAPH
    if _QED.match(rest):
        return None
    sets_off = bool(lines) and bool(_SETS_OFF.match(rest) or _HEAD_LINE.match(rest))
    if _INTO.match(rest) and not (sets_off or (lines and _MARKER.match(rest))):
        return None
    over = bool(_TERMINAL.search(piece)) and not _SHORTENED.search(piece)
    if not over:
        if not lines and end not in closed.displays:
            return None
        if _GOES_ON.search(piece) or (lines == 1 and not sets_off and not _begins_sentence(rest)):
            return None
    if sets_off:
        return _PART if _PROOF.match(rest) else HEADING
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
