"""Trajectories as one static page: self-contained, light and dark, legible for forty steps and without JavaScript.

Long texts show their first lines and unfold; what is longer than `LONGEST` is cut in the middle, with a marker that
says how much is left out, because browsers do not cope with megabytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from treadle.report.pages import markup, write_page
from treadle.report.terminal import aside, facts
from treadle.report.text import label, shorten, split_lead
from treadle.trajectory import Step, Trajectory

LONGEST = 50_000
"""Characters of one text (an observation, a thought, ...) on the page."""

# Lines and characters that are seen before a text is unfolded.
PROBLEM = (14, 2000)
THOUGHT = (8, 1000)
ACTION = (40, 5000)
OBSERVATION = (12, 1500)
BRIEF = 8  # lines up to which an action is set in bold

_COLUMNS = ("form", "domain", "verified", "repository", "steps", "answer")  # of the index
_SHOWN_ELSEWHERE = ("source", "form", "preamble", "epilogue")


@dataclass(frozen=True)
class Block:
    """A text on the page: what is seen, what is folded away, and the words between."""

    lead: Markup
    rest: Markup | None
    more: str


def write_trajectories_page(trajectories: Iterable[Trajectory], path: Path, title: str) -> None:
    """Write one page with all `trajectories`, an index of them at its top if there are several.

    Raises:
        OutputError: `path` cannot be written to.
    """
    views = [_view(trajectory) for trajectory in trajectories]
    columns = [name for name in _COLUMNS if any(name in view["facts"] for view in views)]
    write_page(path, "report/trajectories.html.j2", title=title, trajectories=views, columns=columns)


def block(text: str, lines: int, characters: int) -> Block:
    """`text` as HTML with its first lines apart from the rest, which may be cut (see `LONGEST`)."""
    text = text.strip("\r\n") or "(empty)"
    head, marker, tail = shorten(text, len(text), len(text), LONGEST // 2)
    lead, rest = split_lead(head, lines, characters)
    folded = markup(rest)
    if marker:
        folded += Markup('<span class="cut">{}</span>').format(marker) + markup(tail)
    hidden = len(text) - len(lead)
    count = text.count("\n", len(lead)) + 1
    more = f"{count:,} more line{'s' * (count > 1)}, {hidden:,} characters"
    return Block(markup(lead.rstrip("\r\n") if folded else lead), folded or None, more)


def _view(trajectory: Trajectory) -> dict[str, Any]:
    meta = {name: value for name, value in trajectory.meta.items() if name not in _SHOWN_ELSEWHERE}
    preamble, epilogue = aside(trajectory, "preamble"), aside(trajectory, "epilogue")
    return {
        "id": trajectory.id,
        "facts": {name: _short(value) for name, value in facts(trajectory).items()},
        "problem": block(trajectory.problem, *PROBLEM),
        "system": block(trajectory.system, *PROBLEM) if trajectory.system else None,
        "meta": block(json.dumps(meta, indent=2, ensure_ascii=False, default=str), *PROBLEM) if meta else None,
        "preamble": block(preamble, *THOUGHT) if preamble else None,
        "epilogue": block(epilogue, *THOUGHT) if epilogue else None,
        "steps": [_step_view(step) for step in trajectory.steps],
    }


def _step_view(step: Step) -> dict[str, Any]:
    return {
        "title": step.title,
        "label": label(step),
        "thought": block(step.thought, *THOUGHT) if step.thought and step.thought.strip() else None,
        "action": block(step.action, *ACTION),
        "brief": step.action.count("\n") < BRIEF,
        "observation": block(step.observation, *OBSERVATION) if step.observation is not None else None,
        "call": block(step.call, *ACTION) if step.call else None,
    }


def _short(value: str) -> str:
    head, marker, tail = shorten(value, 1, 1, 100)
    return f"{head} {marker} {tail}" if marker else head
