"""Thoughts between tags in the turns of an agent: where they end, and what they are without their tags.

`treadle.data.sources.thoughts` knows the tags. In agents' turns the same text may also stand in what is carried out (a
file that an agent writes, a pattern that it searches for), so a tag inside a fence or a call is none. A thought that is
never closed is one up to the action.
"""

from __future__ import annotations

import re

from treadle.data.sources.messages import JOIN
from treadle.data.sources.thoughts import Parted, part_thought, thought_marks
from treadle.files.rows import Rejected

Cuts = list[list[int | str]]
"""What tags were taken off: `[place, length, piece]`, so many characters at that place stand for the source's piece."""

_HINT = re.compile(  # the case of the letters alone is open, so that the search for the first sign is fast
    r"[<\[◁][|/\s]*(?i:think|thought|reason|reflection|scratchpad|analysis|inner_|internal_|contempl|chain_of|cot\b"
    r"|antthinking|seed:think|mm:think|begin_of_thought|end_of_thought|start_thinking|end_thinking|start_working"
    r"|end_working|channel|unused94|im_start)"
)
_FENCE = re.compile(r"^```(\S*)[^\S\n]*$", re.MULTILINE)


def thought_end(text: str) -> int:
    """Where the thought that a turn begins with ends, 0 if it has none: actions are looked for behind it."""
    at = 0
    while (at == 0 or at < len(text)) and (parted := _parted(text[at:] if at else text)):
        at += len(text) - at - len(parted.rest) - len(parted.after)
    return at


def without_thought(text: str) -> str:
    """The turn with line feeds instead of its thought, so that places stay and what follows begins a line."""
    end = thought_end(text)
    return "\n" * end + text[end:] if end else text


def untagged(text: str) -> tuple[str, Cuts]:
    """What stands before an action, without the tags of its thoughts, and the cuts; `tagged` is the inverse.

    A tag and the white space around it become a blank line between thought and prose, and nothing at either end.
    """
    if not _HINT.search(text):
        return text, []
    spans: list[list[int]] = []
    at = 0
    while parted := _parted(text[at:]):
        behind = len(text) - len(parted.rest) - len(parted.after)
        for mark in filter(None, thought_marks(text[at:behind])):
            start = text.index(mark, at)
            at = start + len(mark)
            start, end = len(text[:start].rstrip()), len(text) - len(text[at:].lstrip())
            if spans and start <= spans[-1][1]:
                spans[-1][1] = end
            else:
                spans.append([start, end])
        if spans and text[at:behind].strip():  # the mark of a solution
            spans[-1][1] = len(text) - len(text[behind:].lstrip())
        at = max(behind, spans[-1][1]) if spans else behind
    pieces: list[str] = []
    cuts: Cuts = []
    at = length = 0
    for start, end in spans:
        put = JOIN if start and end < len(text) else ""
        length += start - at
        cuts.append([length, len(put), text[start:end]])
        pieces += [text[at:start], put]
        length += len(put)
        at = end
    return "".join([*pieces, text[at:]]), cuts


def tagged(text: str, cuts: Cuts) -> str:
    """The source of what `untagged` gave, also where more follows it."""
    for place, length, piece in reversed(cuts):
        text = text[:place] + piece + text[place + length :]
    return text


def _parted(text: str) -> Parted | None:
    """The next thought of a text, `None` where no tag is one."""
    if not _HINT.search(text):
        return None
    try:
        parted = part_thought(text)
    except Rejected:  # never closed, or opened again
        mark = next(iter(thought_marks(text)), "")
        start = text.find(mark)
        if not mark or text[:start].strip():
            return None
        return Parted(text[: start + len(mark)], "", "", text[start + len(mark) :])
    behind = text[: len(text) - len(parted.rest) - len(parted.after)]
    marks = thought_marks(behind)
    if not marks:
        return None
    first = text.index(marks[0])
    around = text[:first][-1:] + text[first + len(marks[0]) :][:1]
    if _inside_action(text[:first]) or set(around) & set("`'\""):  # a tag that is spoken of
        return None
    return parted


def _inside_action(before: str) -> bool:
    """Whether a text ends inside a fence or a call."""
    return len(_FENCE.findall(before)) % 2 == 1 or before.count("<parameter=") > before.count("</parameter>")
