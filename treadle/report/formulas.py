r"""LaTeX in texts as MathML, made when a page is written, so that the page stays one file that fetches nothing.

Formulas are what stands between `$` and `$`, `$$` and `$$`, `\(` and `\)`, `\[` and `\]`, as pandoc reads them: `$5 and
$6` is money. latex2mathml makes them; where it does not understand a formula, the source stays and is counted. The
source of a formula that is set stays behind it: it is what is copied and what the page shows where "LaTeX as written"
is ticked.

A formula comes from a model or a file and may be hostile. It is at most `LONGEST` characters and `DEEPEST` deep, may
define nothing, and of what the library makes only elements and attributes that are known to do nothing but
show mathematics reach a page, on which formulas take at most `BUDGET` characters.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from html import unescape
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from treadle.report.pages import markup
from treadle.visible import visible

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LONGEST = 1000
DEEPEST = 20
BUDGET = 1_500_000
"""Characters of a page that formulas may take; trying one takes of it as well, so that time is bounded with it."""

CLOSING = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_ENDS = {closing: re.compile(r"(?<!\\)" + re.escape(closing)) for closing in CLOSING.values()}
_MARKS = re.compile(r"\\[\s\S]|\$\$?")
_DEFINES = re.compile(r"\\(?:[egx]?def|(?:re|provide)?newcommand|let|DeclareMathOperator)(?![A-Za-z])")
_ELEMENTS = frozenset(
    {
        *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mstyle", "mpadded", "mphantom", "menclose"),
        *(
            "mfrac",
            "msqrt",
            "mroot",
            "msub",
            "msup",
            "msubsup",
            "munder",
            "mover",
            "munderover",
            "mtable",
            "mtr",
            "mtd",
        ),
    }
)
_ATTRIBUTES = frozenset(
    {
        *("display", "displaystyle", "scriptlevel", "stretchy", "fence", "form", "accent", "accentunder", "separator"),
        *("largeop", "movablelimits", "symmetric", "minsize", "maxsize", "width", "linethickness", "columnalign"),
        *("mathvariant", "notation"),
    }
)
_CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}
_HARMLESS = re.compile(r"[a-z -]{1,40}|[+-]?(?:\d(?:\.\d{0,3})?|\.\d{1,3})(?:em|px|pt)?")
"""Words, and lengths below ten of their unit: nothing on a page can be pushed out of sight or drawn over."""

Node = list[Any]
"""An element as the page's script reads it: name, attributes, and its children or its text."""


class Left(StrEnum):
    """Why a formula is shown as it was written."""

    NOT_UNDERSTOOD = "not understood"
    TOO_DEEP = "too deep"
    PAGE_FULL = "beyond what a page may hold"


class Formulas:
    """The formulas of one page.

    Attributes:
        left: How many formulas are shown as they were written, by the reason.
    """

    def __init__(self) -> None:
        self.left: Counter[Left] = Counter()
        self._known: dict[str, Node | None] = {}
        self._rest = BUDGET

    @property
    def set(self) -> int:
        """How many formulas are set, each counted once."""
        return sum(node is not None for node in self._known.values())

    def html(self, text: str) -> Markup:
        """`text` with its formulas set, each with its source behind it; the rest as `markup` shows it."""
        parts, position = [], 0
        for first, last in found_in(text):
            node = self._node(text[first:last])
            if node is None or not self._take(len(shown := _html(node))):
                continue
            source = escape(text[first:last])
            parts += [markup(text[position:first]), Markup('<span class="tex">'), shown]
            parts.append(Markup('<span class="source" aria-hidden="true">{}</span></span>').format(source))
            position = last
        return Markup("").join([*parts, markup(text[position:])])

    def table(self, texts: Iterable[str]) -> dict[str, Node]:
        """The formulas in `texts` by their source with its marks, for the script of a page."""
        found: dict[str, Node] = {}
        for text in texts:
            for first, last in found_in(text):
                source = text[first:last]
                node = None if source in found else self._node(source)
                if node is not None and self._take(len(json.dumps([source, node]))):
                    found[source] = node
        return found

    def _take(self, size: int) -> bool:
        if size > self._rest:
            self.left[Left.PAGE_FULL] += 1
            return False
        self._rest -= size
        return True

    def _node(self, source: str) -> Node | None:
        if source not in self._known:
            node = _converted(source) if self._take(100 + 2 * len(source)) else None
            self._known[source] = None if isinstance(node, Left) else node
            if isinstance(node, Left):
                self.left[node] += 1
        return self._known[source]


def found_in(text: str) -> Iterator[tuple[int, int]]:
    """Where the formulas of `text` begin and end, with their marks. The page's script (texts.js.j2) looks alike."""
    position = 0
    # Where the next closing mark of each kind is, so that a text full of opening ones is still read once.
    ahead = dict.fromkeys(CLOSING.values(), -1)
    for mark in _MARKS.finditer(text):
        closing = CLOSING.get(mark[0])
        if closing is None or mark.start() < position:
            continue
        if ahead[closing] < mark.end():
            found = _ENDS[closing].search(text, mark.end())
            ahead[closing] = found.start() if found else len(text)
        end, after = ahead[closing], ahead[closing] + len(closing)
        if after <= len(text) and _is_formula(text[mark.end() : end], closing, text[after : after + 1]):
            yield mark.start(), after
            position = after


def _is_formula(inner: str, closing: str, next_character: str) -> bool:
    if len(inner) > LONGEST or not inner.strip() or "\n\n" in inner:
        return False
    return closing != "$" or not (inner[0].isspace() or inner[-1].isspace() or next_character.isdigit())


def _converted(source: str) -> Node | Left:
    """The MathML of a formula with its marks, or why there is none."""
    mark = source[:2] if source[:2] in CLOSING else source[:1]
    inner = source[len(mark) : -len(mark)]
    depths = accumulate((c == "{") - (c == "}") for c in inner)
    if max(depths) > DEEPEST or inner.count("\\left") + inner.count("\\begin") > DEEPEST:
        return Left.TOO_DEEP
    if _DEFINES.search(inner) or visible(inner) != inner:
        return Left.NOT_UNDERSTOOD
    from latex2mathml.converter import convert_to_element

    # The library knows the outer form of aligned equations alone, which looks the same.
    inner = re.sub(r"\\(begin|end)\{(?:aligned|split)\}", r"\\\1{align*}", inner)
    try:
        return _node(convert_to_element(inner, display="block" if mark in ("$$", "\\[") else "inline"))
    except Exception:  # whatever a library of 2,000 lines raises over what a model wrote
        return Left.NOT_UNDERSTOOD


def _node(element: Element) -> Node:
    """An element with what is known to be harmless.

    Raises:
        ValueError: It is none of mathematics, has too few parts, or holds commands that the library did not understand.
    """
    if element.tag not in _ELEMENTS or len(element) != _CHILDREN.get(element.tag, len(element)):
        raise ValueError(f"element {element.tag} of {len(element)}")
    attributes = {k: v for k, v in element.attrib.items() if k in _ATTRIBUTES and _HARMLESS.fullmatch(v)}
    if len(element):
        return [element.tag, attributes, [_node(child) for child in element]]
    text = unescape(element.text or "")
    if text == "&" or re.search(r"\\[A-Za-z]|[\0-\x1f]", text):
        raise ValueError(f"left over: {text}")
    return [element.tag, attributes, text]


def _html(node: Node) -> Markup:
    name, attributes, inner = node
    said = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in attributes.items())
    content = escape(inner) if isinstance(inner, str) else Markup("").join(map(_html, inner))
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), said, content)
