r"""Where a model's output has its thought, and where its solution begins, by the marks of `marks`.

A thought stands between two marks (`<think>...</think>`); the opening one may be missing, because many chat templates
write it into the prompt. Behind it the solution may have marks of its own (`<answer>...</answer>`) and the token that
ended the model's turn. `part_thought` takes a text apart at these, for solutions and for agents' turns alike.

An opening mark counts at the beginning of a line, `<think>` anywhere. Inside a thought nothing counts but the mark that
closes it, so that fences, numbered lists and other marks there (`<reflection>`) are the thought's own text. Blocks that
follow each other with white space between them are one thought.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import NamedTuple

from treadle.data.sources.marks import (
    ANYWHERE,
    SOLUTION_MARK,
    SPOKEN,
    THOUGHT_MARK,
    UNOPENED,
    Mark,
    end_of_turn,
    marks_of,
)
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

_INDENTED = 100


class Parted(NamedTuple):
    """A text taken apart; `source` puts it together again.

    Args:
        before: What stands before the thought: words, the opening mark, white space.
        thought: Without white space around it, and without marks between blocks; empty if there is none.
        between: White space and marks between thought and solution.
        rest: The solution, or what an agent says and does.
        after: The mark that closes the solution and what follows, such as an answer in marks of its own.
        cuts: Marks that stood inside the thought, each with its place in `thought`.
    """

    before: str
    thought: str
    between: str
    rest: str
    after: str = ""
    cuts: tuple[tuple[int, str], ...] = ()

    @property
    def source(self) -> str:
        return self.before + with_cuts(self.thought, self.cuts) + self.between + self.rest + self.after


def part_thought(text: str) -> Parted:
    """The thought of a text and what follows it; a text without marks is all `rest`.

    Marks that are left in `rest` (a second thought further on) are for the caller to judge, see `thought_marks`.

    Raises:
        Rejected: A thought is never closed, or opened twice, so that it is open where it ends.
    """
    marks = marks_of(text, THOUGHT_MARK)
    first = _spoken(text) or _first_block(text, marks)
    if first is None:
        return _with_solution(text, Parted("", "", "", ""), 0)
    begin, end, after = first
    pieces, cuts, length = [text[begin:end]], [], end - begin
    while (following := _block_at(text, marks, after)) is not None:
        cuts.append((length, text[end : following[0]]))
        begin_next, end, after = following
        pieces.append(text[begin_next:end])
        length += end - begin_next
    return _with_solution(text, _trimmed(text, begin, "".join(pieces), cuts, after), after)


def thought_marks(text: str) -> list[str]:
    """The marks of thoughts in a text, as written, in order."""
    return [text[mark.start : mark.end] for mark in marks_of(text, THOUGHT_MARK) if mark.end > mark.start]


def cut_marks(text: str) -> tuple[str, tuple[tuple[int, str], ...]]:
    """A text without any marks, and the marks with their places in it."""
    spans = sorted(
        [(m.start, m.end) for table in (THOUGHT_MARK, SOLUTION_MARK) for m in marks_of(text, table) if m.end > m.start]
    )
    if (ending := end_of_turn(text)) < len(text):
        spans.append((ending, len(text.rstrip())))
    pieces, cuts, at, length = [], [], 0, 0
    for start, end in spans:
        if start < at:
            continue
        pieces.append(text[at:start])
        length += start - at
        cuts.append((length, text[start:end]))
        at = end
    return "".join([*pieces, text[at:]]), tuple(cuts)


def with_cuts(text: str, cuts: tuple[tuple[int, str], ...]) -> str:
    """The text with what was cut out of it; the inverse of `cut_marks`."""
    pieces, at = [], 0
    for place, mark in cuts:
        pieces += [text[at:place], mark]
        at = place
    return "".join([*pieces, text[at:]])


def _spoken(text: str) -> tuple[int, int, int] | None:
    """The block of a pair that is words, as `_closed` gives it."""
    for opening, closing in SPOKEN:
        if (begin := opening.match(text)) and (end := closing.search(text, begin.end())):
            return begin.end(), *end.span()
    return None


def _first_block(text: str, marks: list[Mark]) -> tuple[int, int, int] | None:
    """The first block, as `_closed` gives it; a closing mark that nothing opens ends one that began with the text."""
    opened: set[str] = set()
    opening = None
    for place, mark in enumerate(marks):
        if mark.opens:
            opened.add(mark.kind)
            if opening is None and (mark.kind == ANYWHERE or _begins_line(text, mark.start)):
                opening = place
        elif mark.kind not in opened and mark.kind not in UNOPENED:
            return 0, mark.start, mark.end
    return _closed(text, marks, opening) if opening is not None else None


def _block_at(text: str, marks: list[Mark], at: int) -> tuple[int, int, int] | None:
    """The block that begins at `at` but for white space."""
    place = bisect_left(marks, at, key=attrgetter("start"))
    if place == len(marks) or not marks[place].opens or text[at : marks[place].start].strip():
        return None
    return _closed(text, marks, place)


def _closed(text: str, marks: list[Mark], place: int) -> tuple[int, int, int]:
    """Begin and end of what an opening mark encloses, and the end of the closing mark."""
    opening = marks[place]
    name = text[opening.start : opening.end].strip()
    for mark in map(marks.__getitem__, range(place + 1, len(marks))):
        if mark.kind != opening.kind:
            continue
        if mark.opens:
            detail = f"several marks {name} before one closes: what is thought and what is solution is open"
            raise Rejected(DropReason.MALFORMED, detail)
        return opening.end, mark.start, mark.end
    raise Rejected(DropReason.EMPTY_SOLUTION, f"{name} is never closed, so there is no solution; was the output cut?")


def _begins_line(text: str, at: int) -> bool:
    return not text[max(text.rfind("\n", max(0, at - _INDENTED), at) + 1, at - _INDENTED, 0) : at].strip()


def _trimmed(text: str, begin: int, inside: str, cuts: list[tuple[int, str]], after: int) -> Parted:
    """The thought without white space around it, which goes to `before` and `between`."""
    body = inside.lstrip()
    lead = len(inside) - len(body)
    thought = body.rstrip()
    if cuts and (cuts[0][0] < lead or cuts[-1][0] - lead > len(thought)):
        # A block is blank: keep the white space, so that the marks keep their places.
        lead, thought = 0, inside
    placed = tuple((place - lead, mark) for place, mark in cuts)
    whole = with_cuts(thought, placed)
    start = begin + lead
    return Parted(text[:start], thought, text[start + len(whole) : after], "", cuts=placed)


def _with_solution(text: str, parted: Parted, at: int) -> Parted:
    """`parted` with the solution, which begins at `at`, and the marks around it."""
    rest = text[at:]
    start, end = _solution_span(rest[: end_of_turn(rest)])
    return parted._replace(between=parted.between + rest[:start], rest=rest[start:end], after=rest[end:])


def _solution_span(text: str) -> tuple[int, int]:
    """Where the solution stands: inside its marks; before them, where they enclose a last line with the answer."""
    marks = [mark for mark in marks_of(text, SOLUTION_MARK) if mark.end > mark.start]
    opening = next((mark for mark in marks if mark.opens and _begins_line(text, mark.start)), None)
    if opening is None:
        # A template may have written the opening mark; what follows the closing one is no part of the solution.
        last = marks[-1] if marks and not marks[-1].opens and not text[marks[-1].end :].strip() else None
        is_alone = last is not None and all(mark.kind != last.kind for mark in marks if mark.opens)
        return (0, last.start) if is_alone else (0, len(text))
    closings = (m for m in reversed(marks) if m.kind == opening.kind and not m.opens and m.start > opening.start)
    closing = next(closings, None)
    head = text[: opening.start]
    if not head.strip():
        return opening.end, closing.start if closing else len(text)
    if closing is None or text[closing.end :].strip():
        return 0, len(text)
    inside = text[opening.end : closing.start].strip()
    if "\n" in inside and inside.count("\n") >= head.strip().count("\n"):
        return opening.end, closing.start
    return 0, opening.start
