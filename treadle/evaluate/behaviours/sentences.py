"""Cut a trace into sentences that keep their place, so that everything found can be pointed at."""

from __future__ import annotations

import re
from typing import NamedTuple

# A sentence ends at a line break, or at a full stop, question or exclamation mark with white space behind it; closing
# quotes and brackets go with it. "e.g. this" is therefore cut in two, which costs a rule some context and nothing else.
# Runs of marks are taken whole (possessively, and from their beginning only): a page of full stops must not take hours.
# Marks that begin a sentence do not end it. All else is taken in runs as well, not one by one, which is much quicker.
_MARKS, _INSIDE = "[.!?]++", r"[^.!?\n]*+"
_END = rf"{_MARKS}[\"')\]”’*]*+(?=\s|$)"
_SENTENCE = re.compile(rf"(?:{_MARKS}|[^\s.!?]){_INSIDE}(?:(?!{_END}){_MARKS}{_INSIDE})*+(?:{_END})?")


class Sentence(NamedTuple):
    """A sentence of a trace.

    Args:
        text: The sentence without surrounding white space.
        start, end: Its characters in the trace, `trace[start:end] == text`.
        position: Where its middle stands in the trace, from 0 (beginning) to 1 (end), by characters.
    """

    text: str
    start: int
    end: int
    position: float


def sentences(trace: str) -> list[Sentence]:
    """The sentences of `trace` in order; what lies between them is white space."""
    found = []
    for match in _SENTENCE.finditer(trace):
        text = match.group().rstrip()
        start, end = match.start(), match.start() + len(text)
        found.append(Sentence(text, start, end, (start + end) / 2 / len(trace)))
    return found
