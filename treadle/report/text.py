"""What pages and the terminal show of data: text that is cut visibly, numbers, and a step told in a few words."""

from __future__ import annotations

import re

from treadle.legible import Shortened, number, shorten, shortened, split_lead
from treadle.trajectory import Step

__all__ = ["Shortened", "label", "number", "shorten", "shortened", "split_lead"]

_LONG_PATH = re.compile(r"(?:/[\w.+@-]+)+(?=/[\w.+@-])")
_XML_CALL = re.compile(r"<(/?)(function|parameter)(?:=([^>\s]*))?>")


def label(step: Step, characters: int = 60) -> str:
    """A step in a few words: its title, else how its action begins, without the tags of a call in XML, without a
    leading change of folder, and with only the last parts of paths."""
    words = " ".join((step.title or _XML_CALL.sub(_name_of_call, step.action[:2000])).split())
    if not step.title:
        words = _LONG_PATH.sub("…", re.sub(r"\bcd \S+ && ", "", words, count=1))
    return words if len(words) <= characters else words[: characters - 1].rstrip() + "…"


def _name_of_call(tag: re.Match[str]) -> str:
    return f" {tag[3] or ''} " if tag[2] == "function" else " "
