r"""A Lean 4 proof in tactics, cut into one tactic a step.

A tactic begins in the column in which the block's first one begins; what stands further to the right belongs to it
(`have h : p := by` and its block, `calc`, the cases of `induction`), as do lines that go on (`<;> simp`, a case
`| zero => ...`, a closing bracket). Comments are no tactics: one on lines of its own is the thought of the tactic
below it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from treadle.data.sources.math.step_text import around
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step

DECLARATION = re.compile(
    r"^[ \t]*(?:@\[[^\]]*\]\s*)?(?:(?:private|protected|noncomputable|nonrec|unsafe|public)\s+)*"
    r"(?:theorem|lemma|example)\b",
    re.MULTILINE,
)
_BY = re.compile(r":=\s*by(?=\s|$)")
_SKIPPED = re.compile(r'/-|--[^\n]*|"(?:\\.|[^"\\])*"|«[^»]*»', re.DOTALL)
_OPENING, _CLOSING = "([{⟨", ")]}⟩"
_GOES_ON = re.compile(
    r"<;>|\||[)\]}⟩]|(?:at|with|using|then|else|from|generalizing|where|by|in)\b|_\s*[=<>≤≥≠∣]|[+*/=<>≤≥∧∨→↔,]|:=|∘"
)
_OPEN_END = re.compile(r"(?:\bin|<;>|:=|[,+*/=<>≤≥∧∨→↔∘])\s*$")
_ENDS = re.compile(r"(?:end\b.*|#.*|\s*)$")
_UNPROVED = re.compile(r"\b(?:sorry|admit|sorryAx)\b")
_HOW = "keep Lean 4 proofs that end in `:= by` and tactics, or cut the proof yourself (form treadle)"


class Proof(NamedTuple):
    """A theorem and its proof: `statement + preamble + texts of the steps + epilogue` is the source.

    Args:
        proved: `False` where a tactic is `sorry` or `admit`.
    """

    statement: str
    preamble: str
    steps: tuple[Step, ...]
    epilogue: str
    proved: bool


def parse_proof(source: str) -> Proof:
    """Cut the last theorem of `source`.

    Raises:
        Rejected: `OTHER_PROOF`, with what was found, where the source is no Lean 4 proof in tactics.
    """
    bare = without_comments(source)
    start = _the_theorem(bare, source)
    begin = _end_of_statement(bare, start)
    *heads, end = _heads(bare, begin)
    cuts = [_cut(source[a:b], bare[a:b]) for a, b in zip(heads, [*heads[1:], end], strict=True)]
    preamble, thought, before = around(source[begin : heads[0]])
    steps = []
    for cut in cuts:
        steps.append(Step(cut.action, thought=thought or None, before=before, after=cut.after))
        thought, before = cut.comment, cut.trail
    proved = not _UNPROVED.search(bare, begin, end)
    return Proof(source[:begin], preamble, tuple(steps), thought + before + source[end:], proved)


def without_comments(source: str) -> str:
    """`source` with comments, strings and quoted names blanked out, character for character."""
    pieces, position = [], 0
    while match := _SKIPPED.search(source, position):
        stop = _end_ofaround(source, match.start()) if match[0] == "/-" else match.end()
        pieces.append(source[position : match.start()])
        filling = " " if match[0][0] in "/-" else "x"
        pieces.append(re.sub(r"[^\n]", filling, source[match.start() : stop]))
        position = stop
    return "".join([*pieces, source[position:]])


def _end_ofaround(source: str, start: int) -> int:
    depth = 0
    for match in re.compile(r"/-|-/").finditer(source, start):
        depth += 1 if match[0] == "/-" else -1
        if not depth:
            return match.end()
    return len(source)


def _the_theorem(bare: str, source: str) -> int:
    found = list(DECLARATION.finditer(bare))
    if not found:
        raise Rejected(DropReason.OTHER_PROOF, f"no theorem, lemma or example: {source.strip()[:100]}; {_HOW}")
    return found[-1].start()


def _end_of_statement(bare: str, start: int) -> int:
    """Where the statement ends, behind the `by` that stands in no bracket."""
    depth, position = 0, start
    for match in re.compile(r"[(\[{⟨)\]}⟩]|:=").finditer(bare, start):
        if match[0] == ":=":
            if depth == 0 and (by := _BY.match(bare, match.start())):
                return by.end()
            position = match.start() if depth == 0 and position == start else position
        else:
            depth += 1 if match[0] in _OPENING else -1
    if re.search(r"^\s*begin\b", bare[start:], re.MULTILINE):
        raise Rejected(DropReason.OTHER_PROOF, f"Lean 3 (begin ... end); {_HOW}")
    found = bare[position : position + 60].strip() if position > start else "no `:=`"
    raise Rejected(DropReason.OTHER_PROOF, f"a proof term, no tactics ({found}); {_HOW}")


def _heads(bare: str, begin: int) -> list[int]:
    """Where each tactic begins, and at last where the block ends."""
    first = re.compile(r"\S").search(bare, begin)
    if not first:
        raise Rejected(DropReason.NO_TRAJECTORY, "nothing stands after `:= by`")
    if "\t" in bare[begin:]:
        raise Rejected(DropReason.OTHER_PROOF, f"tabs, which Lean does not allow; {_HOW}")
    base = first.start() - (bare.rfind("\n", 0, first.start()) + 1)
    on_line_of_by = "\n" not in bare[begin : first.start()]
    heads, depth, line = [first.start()], 0, ""
    start, before = first.start(), first.start()
    while (start := bare.find("\n", start) + 1) > 0:
        depth += _depth(bare[before:start])
        line, before = bare[before:start], start
        stop = bare.find("\n", start)
        text = bare[start : stop if stop >= 0 else len(bare)].rstrip()
        column = len(text) - len(text.lstrip(" "))
        if not text or depth > 0:
            continue
        if column < base and not (on_line_of_by and column):
            _check_end(bare[start:])
            return [*heads, start]
        if column == base and not (_GOES_ON.match(text, column) or _OPEN_END.search(line)):
            heads.append(start + column)
    return [*heads, len(bare)]


def _depth(text: str) -> int:
    return sum((c in _OPENING) - (c in _CLOSING) for c in text)


def _check_end(rest: str) -> None:
    if not all(_ENDS.match(line) for line in rest.splitlines()):
        detail = f"the proof goes on left of its first tactic, or another declaration follows: {rest.strip()[:80]}"
        raise Rejected(DropReason.OTHER_PROOF, f"{detail}; {_HOW}")


class _Cut(NamedTuple):
    """A tactic, the white space behind it, the comment below it, and the white space behind that."""

    action: str
    after: str
    comment: str
    trail: str


def _cut(text: str, bare: str) -> _Cut:
    """Part a tactic from the comments on the lines below it; one on its own last line stays with it."""
    line_end = text.find("\n", len(bare.rstrip()))
    action = text[: line_end if line_end >= 0 else len(text)].rstrip()
    return _Cut(action, *around(text[len(action) :]))
