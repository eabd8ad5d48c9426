"""Solutions in numbered steps: find where each step begins and ends (paper section 3 and figure 3).

Understood are titled lists (`1. **Title** body`, `1. **Title:** body`), bold numbers (`**1. Title**`,
`**Step 1: Title**`), headings (`### Step 1: Title`, `### 1. Title`) and `Step 1: ...`. One solution uses one of
these styles at one indentation; its numbers must run 1, 2, 3 ... without gap. Whatever else is numbered inside
a step stays inside it. Every character of the solution ends up in the preamble, a step or the epilogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from treadle.answers import last_boxed
from treadle.sources.columns import Columns, as_flag
from treadle.sources.report import DropReason
from treadle.trajectory import Step, Trajectory

Untitled = Literal["drop", "keep"]

_STYLES = {  # from the outermost to the innermost
    "heading": re.compile(
        r"(?P<indent> {0,3})(?P<hashes>\#{1,6})\s*(?:\*\*)?\s*"
        r"(?:(?:[Ss]tep|STEP)\s+(?P<n>\d{1,3})\b\s*[.:)–—-]?|(?P<n2>\d{1,3})[.)])\s*(?P<title>.*?)(?:\*\*)?\s*$"
    ),
    "step": re.compile(r"(?P<indent> {0,3})(?:[Ss]tep|STEP)\s+(?P<n>\d{1,3})\s*[.:)]\s*(?P<title>)"),
    "bold": re.compile(
        r"(?P<indent> {0,3})(?:[-*+]\s+)?\*\*\s*"
        r"(?:(?:[Ss]tep|STEP)\s+(?P<n>\d{1,3})\b\s*[.:)–—-]?|(?P<n2>\d{1,3})\s*[.:)])\s*(?P<title>.*?)(?:\*\*|$)"
    ),
    "list": re.compile(r"(?P<indent> {0,3})(?P<n>\d{1,3})[.)]\s*\*\*\s*(?P<title>\S.*?)(?:\*\*|$)"),
    "plain": re.compile(r"(?P<indent> {0,3})(?P<n>\d{1,3})[.)]\s+(?P<title>)(?!\*\*)\S"),
}
_FENCE = re.compile(r"\s*(```[^`]*$|~~~)")
_SECTION = re.compile(r"\#{1,6}\s|(?:---+|\*\*\*+|___+)\s*$|\*\*[^*]+\*\*:?\s*$")
_FINAL = re.compile(r"(?:\*\*)?(?:The\s+)?[Ff]inal [Aa]nswer")


@dataclass(frozen=True)
class NumberedSolution:
    """A parsed solution. `actions` are the steps as written, without surrounding white space; `titles` are
    the bare titles, `None` where a step has none. `preamble` and `epilogue` are what stands before and after."""

    preamble: str
    actions: tuple[str, ...]
    titles: tuple[str | None, ...]
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
    bounds = [*starts, end]
    return NumberedSolution(
        preamble="".join(lines[: starts[0]]).strip(),
        actions=tuple("".join(lines[a:b]).strip() for a, b in pairwise(bounds)),
        titles=tuple(h.title for h in chain),
        epilogue="".join(lines[end:]).strip(),
    )


def _headings(lines: list[str]) -> Iterator[_Heading]:
    fenced = False
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            fenced = not fenced
        if fenced:
            continue
        for name, pattern in _STYLES.items():
            if match := pattern.match(line.rstrip()):
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
    loose = not is_list or any(_leaves_item(lines, i) for i in range(starts[0] + 1, starts[-1]) if i not in starts)
    for i in range(starts[-1] + 1, len(lines)):
        if not lines[i].strip() or lines[i][0].isspace():
            continue
        if _SECTION.match(lines[i]) or _FINAL.match(lines[i]) or (not loose and _leaves_item(lines, i)):
            return i
    return len(lines)


def _leaves_item(lines: list[str], i: int) -> bool:
    line = lines[i]
    return bool(line.strip()) and not line[0].isspace() and not lines[i - 1].strip()


def read_numbered(
    data: dict[str, Any], columns: Columns, id: str, where: str, untitled: Untitled
) -> Trajectory | DropReason:
    """One row with a problem and a numbered solution as a `Trajectory`.

    Reasoning before `</think>`, or in the thought column, becomes the thought of the first step. The answer
    is the answer column's where there is one, else the last `\\boxed{}` of the solution.
    """
    problem = str(data[columns.problem] or "").strip()
    solution = str(data[columns.solution] or "").strip()
    if not problem:
        return DropReason.EMPTY_PROBLEM
    reasoning, marker, rest = solution.rpartition("</think>")
    text = rest if marker else solution
    if not text.strip():
        return DropReason.EMPTY_SOLUTION
    parsed = parse_numbered(text, untitled)
    if isinstance(parsed, DropReason):
        return parsed
    thought = reasoning.replace("<think>", "").strip() or str(data.get(columns.thought) or "").strip() or None
    steps = tuple(
        Step(action, title=title, thought=thought if k == 0 else None)
        for k, (action, title) in enumerate(zip(parsed.actions, parsed.titles, strict=True))
    )
    answer = data.get(columns.answer)
    return Trajectory(
        id=id,
        problem=problem,
        steps=steps,
        answer=str(answer).strip() if answer not in (None, "") else last_boxed(text),
        domain="math",
        verified=as_flag(data.get(columns.verified)),
        meta={"source": where, "preamble": parsed.preamble, "epilogue": parsed.epilogue},
    )
