"""Solutions in numbered steps: find where each step begins and ends (paper section 3 and figure 3).

Understood are titled lists (`1. **Title** body`, `1. **Title:** body`), bold numbers (`**1. Title**`,
`**Step 1: Title**`), headings (`### Step 1: Title`, `### 1. Title`) and `Step 1: ...`. One solution uses one of
these styles at one indentation; its numbers must run 1, 2, 3 ... without gap. Whatever else is numbered inside
a step stays inside it. Every character of the solution ends up in the preamble, a step or the epilogue.

The patterns use possessive quantifiers (`*+`) where two of them could share a run of white space: otherwise a line
of a million blanks takes hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from treadle.data.sources.report import DropReason
from treadle.trajectory import Step

Untitled = Literal["drop", "keep"]

_STYLES = {  # from the outermost to the innermost
    "heading": re.compile(
        r"(?P<indent> {0,3})(?P<hashes>\#{1,6})\s*+(?:\*\*\s*+)?"
        r"(?:(?:[Ss]tep|STEP)\s+(?P<n>\d{1,3})\b\s*[.:)–—-]?|(?P<n2>\d{1,3})[.)])\s*(?P<title>.*)"
    ),
    "step": re.compile(r"(?P<indent> {0,3})(?:[Ss]tep|STEP)\s+(?P<n>\d{1,3})\s*[.:)]\s*(?P<title>)"),
    "bold": re.compile(
        r"(?P<indent> {0,3})(?:[-*+]\s+)?\*\*\s*"
        r"(?:(?:[Ss]tep|STEP)\s+(?P<n>\d{1,3})\b\s*[.:)–—-]?|(?P<n2>\d{1,3})\s*[.:)])\s*(?P<title>.*?)(?:\*\*|$)"
    ),
    "list": re.compile(r"(?P<indent> {0,3})(?P<n>\d{1,3})[.)]\s*+\*\*\s*(?P<title>\S.*?)(?:\*\*|$)"),
    "plain": re.compile(r"(?P<indent> {0,3})(?P<n>\d{1,3})[.)]\s+(?P<title>)(?!\*\*)\S"),
}
_MARK = re.compile(r"\s*[\d\#*+~`sS-]")  # what any of these patterns and a fence can begin with
_FENCE = re.compile(r"\s*(```[^`]*$|~~~)")
_SECTION = re.compile(r"\#{1,6}\s|(?:---+|\*\*\*+|___+)\s*$|\*\*[^*]+\*\*:?\s*$")
_FINAL = re.compile(r"(?:\*\*)?(?:The\s+)?[Ff]inal [Aa]nswer")


@dataclass(frozen=True)
class NumberedSolution:
    """A parsed solution: `preamble + "".join(step.text for step in steps) + epilogue` is its text, byte for byte.

    A step's action has no white space around it; that is in `before` and `after`. Its title is the bare title,
    `None` where it has none.
    """

    preamble: str
    steps: tuple[Step, ...]
    epilogue: str


@dataclass(frozen=True)
class _Heading:
    """A line that may begin a step: its line number, style (with indentation and heading level) and number."""

    line: int
    style: tuple[str, int, int]
    number: int
    title: str | None


def parse_numbered(text: str, untitled: Untitled = "drop") -> NumberedSolution | DropReason:
    """Cut `text` into its numbered steps, or say why that is not possible.

    Args:
        text: The solution.
        untitled: What to do with plain lists `1. body`: such lists often enumerate cases or conditions
            rather than steps, so the default drops them.
    """
    lines = text.splitlines(keepends=True)
    headings = list(_headings(lines))
    titled = [h for h in headings if h.style[0] != "plain"]
    if not headings:
        return DropReason.NO_NUMBERED_STEPS
    if not titled and untitled == "drop":
        return DropReason.UNTITLED_STEPS
    chain = _outermost_chain(titled or headings)
    if fault := _numbering_fault([h.number for h in chain]):
        return fault
    starts = [h.line for h in chain]
    end = _end_of_last_step(lines, starts, chain[0].style[0])
    pieces = ["".join(lines[a:b]) for a, b in pairwise([*starts, end])]
    return NumberedSolution(
        preamble="".join(lines[: starts[0]]),
        steps=tuple(step_of(piece, h.title) for piece, h in zip(pieces, chain, strict=True)),
        epilogue="".join(lines[end:]),
    )


def step_of(text: str, title: str | None = None) -> Step:
    """A step whose action is `text` without the white space around it, which goes to `before` and `after`.

    Raises:
        ValueError: The text is blank.
    """
    before, action, after = around(text)
    return Step(action, title, before=before, after=after)


def around(text: str) -> tuple[str, str, str]:
    """White space before, the text without it, white space after; a blank text is all before."""
    body = text.lstrip()
    core = body.rstrip()
    return text[: len(text) - len(body)], core, body[len(core) :]


def title_of(text: str) -> str | None:
    """The title of a step that begins with its number and title; `None` where it does not."""
    heading = next(_headings(text.lstrip().splitlines()[:1]), None)
    return heading.title if heading else None


def _headings(lines: list[str]) -> Iterator[_Heading]:
    fenced = False
    for number, whole_line in enumerate(lines):
        line = whole_line.rstrip()
        if not _MARK.match(line):
            continue
        if _FENCE.match(line):
            fenced = not fenced
        if fenced:
            continue
        for name, pattern in _STYLES.items():
            if match := pattern.match(line):
                groups = match.groupdict()
                title = groups["title"].strip("*: \t")
                # A single space does not nest in Markdown, and two are written for three.
                style = (name, len(groups["indent"]) // 2, len(groups.get("hashes") or ""))
                yield _Heading(number, style, int(groups.get("n") or groups["n2"]), title or None)
                break


def _outermost_chain(headings: list[_Heading]) -> list[_Heading]:
    """The headings that are the solution's steps, where several styles of numbers occur.

    Headings and explicit "Step n" lines rank above lists, which often stand inside them or before them; a
    chain of one number is no match for a longer one. If no chain is well numbered, the longest one will
    say what is wrong.
    """
    chains: dict[tuple[str, int, int], list[_Heading]] = {}
    for heading in headings:
        chains.setdefault(heading.style, []).append(heading)
    rank = {name: i for i, name in enumerate(_STYLES)}
    sound = [c for c in chains.values() if len(c) > 1 and not _numbering_fault([h.number for h in c])]
    if sound:
        return min(sound, key=lambda c: (rank[c[0].style[0]], c[0].line))
    return max(chains.values(), key=lambda c: (len(c), -c[0].line))


def _numbering_fault(numbers: list[int]) -> DropReason | None:
    if numbers[0] != 1:
        return DropReason.STARTS_AFTER_ONE
    if 1 in numbers[1:]:
        return DropReason.NUMBERING_RESTARTS
    return None if numbers == list(range(1, len(numbers) + 1)) else DropReason.NUMBERING_GAP


def _end_of_last_step(lines: list[str], starts: list[int], style: str) -> int:
    """Index of the first line after the last step.

    A list item ends, as in Markdown, where text stands unindented after a blank line. Where the steps before
    have unindented paragraphs, or the style is not a list, only a section heading, a rule or a line that
    announces the final answer ends the last step.
    """
    is_list = style in ("list", "plain")
    heads = set(starts)
    loose = not is_list or any(_leaves_item(lines, i) for i in range(starts[0] + 1, starts[-1]) if i not in heads)
    for i in range(starts[-1] + 1, len(lines)):
        if not lines[i].strip() or lines[i][0].isspace():
            continue
        if _SECTION.match(lines[i]) or _FINAL.match(lines[i]) or (not loose and _leaves_item(lines, i)):
            return i
    return len(lines)


def _leaves_item(lines: list[str], i: int) -> bool:
    line = lines[i]
    return bool(line.strip()) and not line[0].isspace() and not lines[i - 1].strip()
