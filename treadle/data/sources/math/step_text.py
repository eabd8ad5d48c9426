"""The text of one step: its action has no white space around it, and no tags that enclose steps."""

from __future__ import annotations

import re
from dataclasses import replace

from treadle.trajectory import Step

_LONE_TAG = r"(?:</?[A-Za-z][\w-]{0,30}>|<(?P<tag>count|reward)>[\d.]+</(?P=tag)>)"
_LEADING_TAGS = re.compile(rf"(?:{_LONE_TAG}[ \t]*\n\s*)+")
_TRAILING_TAGS = re.compile(rf"(?:\n[ \t]*{_LONE_TAG}[ \t]*)+\Z")
_TAG_NAME = re.compile(r"</?([A-Za-z][\w-]*)>")


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


def without_lone_tags(step: Step) -> Step:
    """A step without the tags that stand alone on its first and last lines and have no partner in it (`</steps>`,
    `</step>\\n<step>`): they enclose steps and are no part of one. They go to `before` and `after`."""
    lead = _LEADING_TAGS.match(step.action)
    start = lead.end() if lead and not _has_partner(lead[0], step.action) else 0
    trail = _TRAILING_TAGS.search(step.action, start)
    end = trail.start() if trail and not _has_partner(trail[0], step.action) else len(step.action)
    if end - start == len(step.action) or not step.action[start:end].strip():
        return step
    before, action, after = around(step.action[start:end])
    before, after = step.before + step.action[:start] + before, after + step.action[end:] + step.after
    return replace(step, action=action, before=before, after=after)


def _has_partner(tags: str, text: str) -> bool:
    """Whether the text has one of the tags' partner outside of them."""
    rest = text.replace(tags, "", 1)
    return any(f"<{name}" in rest or f"</{name}>" in rest for name in _TAG_NAME.findall(tags))
