"""The form `tora`: mathematics with programs, where one answer holds reasoning, programs and what they printed.

Each program is a step: the words before it are its thought, what it printed is the observation. The words after the
last program, with the final answer, are the epilogue. Understood are the marks of `program_marks` in an answer (a text
column, or the one answer of a chat), and answers in blocks `{"type": "code", "content": ...}`.

`meta["preamble"]`, then each step's text, observation and its item of `meta["after_outputs"]`, then `meta["epilogue"]`
are the answer byte for byte.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from treadle.data.sources.cells import one_text
from treadle.data.sources.columns import PROBLEM_NAMES, missing_columns
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.math.problem import problem_text
from treadle.data.sources.math.program_marks import MARKS
from treadle.data.sources.math.reference import flag, math_trajectory, reference_answer
from treadle.data.sources.math.step_text import around
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

_ANSWERS = (
    *("generated_solution", "solution", "response", "output", "completion", "generation", "answer", "text"),
    *("model_answer", "code"),
)
_CHATS = ("messages", "conversations", "conversation", "completion")
_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant"}
_WORDS, _PROGRAM, _OUTPUT = "text", "code", "execution"
_TOKENS = re.compile(r"<\|(?:text|endofblock|endofmessage)\|>")


class _Answer(NamedTuple):
    """Where an answer stands, the question of its chat (empty for a column), and its text or blocks."""

    column: str
    question: str
    content: Any


def matches(row: Row) -> bool:
    return _answer(row.data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    columns = options.columns
    if columns:
        if columns.solution not in row.data:
            raise Rejected(DropReason.MISSING_COLUMN, missing_columns([columns.solution], row.data))
        answer = _Answer(
            columns.solution, "", expect(one_text(row.data[columns.solution]), str, f"column {columns.solution!r}")
        )
    elif (answer := _answer(row.data)) is None:
        raise Rejected(DropReason.MISSING_COLUMN, "no text holds programs with their output (```python and ```output)")
    problem = answer.question or problem_text(row, columns.problem if columns else None)
    pieces = _pieces(answer.content) if isinstance(answer.content, str) else _blocks(answer.content)
    preamble, steps, after_outputs, epilogue = _steps(pieces)
    trajectory = math_trajectory(
        row,
        problem,
        steps,
        columns=columns,
        preamble=preamble,
        epilogue=epilogue,
        reference=reference_answer(row.data, answer.column, columns),
        verified=flag(row.data, columns.verified if columns else None),
    )
    meta = {**trajectory.meta, "after_outputs": after_outputs}
    return Trajectory(**{**vars(trajectory), "domain": "python", "meta": meta})


def _answer(data: dict[str, Any]) -> _Answer | None:
    for column in _ANSWERS:
        text = one_text(data.get(column))
        if isinstance(text, str) and _marked(text) and any(data.get(name) for name in PROBLEM_NAMES):
            return _Answer(column, "", text)
    for column in _CHATS:
        chat = data.get(column)
        answer = _of_chat(column, chat) if isinstance(chat, list) and 1 <= len(chat) <= 3 else None
        if answer and (answer.question or any(data.get(name) for name in PROBLEM_NAMES)):
            return answer
    return None


def _of_chat(column: str, chat: list[Any]) -> _Answer | None:
    """The one answer of a chat, if it holds programs with their output."""
    turns: dict[str, Any] = {}
    for message in chat:
        if not isinstance(message, dict) or message.get("tool_calls"):
            return None
        role = message.get("role", message.get("from"))
        role = _ROLES.get(role, role) if isinstance(role, str) else None
        if role is None or role in turns:
            return None
        turns[role] = message.get("content", message.get("value"))
    content = turns.get("assistant")
    if not turns.keys() <= {"system", "user", "assistant"}:
        return None
    if not (_marked(content) if isinstance(content, str) else _is_blocks(content)):
        return None
    asked = turns.get("user")
    if isinstance(asked, list):
        asked = "".join(_content(block) for block in asked)
    return _Answer(column, asked.strip() if isinstance(asked, str) else "", content)


def _marked(text: str) -> bool:
    return any(marks.quick in text and marks.output.search(text) and marks.program.search(text) for marks in MARKS)


def _kind(block: Any) -> str | None:
    kind = block.get("type", block.get("role")) if isinstance(block, dict) else None
    return kind if isinstance(kind, str) else None


def _content(block: Any) -> str:
    content = block.get("content", block.get("text")) if isinstance(block, dict) else None
    return content if isinstance(content, str) else ""


def _is_blocks(content: Any) -> bool:
    if not isinstance(content, list):
        return False
    kinds = {_kind(block) for block in content}
    return {_PROGRAM, _OUTPUT} <= kinds <= {_WORDS, _PROGRAM, _OUTPUT}


class _Piece(NamedTuple):
    """A piece of an answer: its kind, the marks around it, and what is inside; words have no marks."""

    kind: str
    opening: str
    inside: str
    closing: str


def _pieces(text: str) -> list[_Piece]:
    marks = next((m for m in MARKS if m.quick in text and m.output.search(text) and m.program.search(text)), None)
    if marks is None:
        raise Rejected(DropReason.NO_ACTIONS, "no programs with their output (```python and ```output)")
    pieces: list[_Piece] = []
    position = 0
    while True:
        program, output = marks.program.search(text, position), marks.output.search(text, position)
        first = min((m for m in (program, output) if m), key=lambda m: m.start(), default=None)
        stop = first.start() if first else len(text)
        if cut := marks.opening.search(text, position, stop):
            raise Rejected(
                DropReason.MALFORMED, f"the end of a program or an output is missing: {text[cut.start() :][:100]}"
            )
        if stop > position:
            pieces.append(_Piece(_WORDS, "", text[position:stop], ""))
        if first is None:
            return pieces
        kind = _PROGRAM if first is program else _OUTPUT
        pieces.append(_Piece(kind, first["open"], first["inside"], first["close"]))
        position = first.end()


def _blocks(blocks: list[Any]) -> list[_Piece]:
    return [_Piece(str(_kind(block)), "", _content(block), "") for block in blocks]


def _steps(pieces: list[_Piece]) -> tuple[str, list[Step], list[str], str]:
    """Preamble, steps, what follows each observation up to the next thought, epilogue.

    Raises:
        Rejected: An output without a program before it, an empty program, or no program.
    """
    steps: list[Step] = []
    after: list[str] = [""]  # of the preamble, then of each step
    words = ""
    for number, piece in enumerate(pieces, 1):
        if piece.kind == _WORDS:
            words += piece.inside
        elif piece.kind == _PROGRAM:
            if not piece.inside.strip():
                raise Rejected(DropReason.EMPTY_ACTION, f"program {len(steps) + 1} is empty")
            lead, thought, trail = _thought(words)
            space, action, rest = around(piece.inside)
            after[-1] += lead
            before = trail + piece.opening + space
            steps.append(Step(action, thought=thought or None, before=before, after=rest + piece.closing))
            after.append("")
            words = ""
        else:
            if not steps or steps[-1].observation is not None or _TOKENS.sub("", words).strip():
                detail = f"piece {number} is an output without a program before it: {piece.inside.strip()[:100]}"
                raise Rejected(DropReason.MALFORMED, detail)
            space, printed, rest = around(piece.inside)
            step = steps[-1]
            opened = step.after + words + piece.opening + space
            steps[-1] = Step(step.action, thought=step.thought, before=step.before, after=opened, observation=printed)
            after[-1] = rest + piece.closing
            words = ""
    if not steps:
        raise Rejected(DropReason.NO_ACTIONS, "no program")
    return after[0], steps, after[1:], words


def _thought(words: str) -> tuple[str, str, str]:
    """What stands before a thought, the thought, what stands after it; marks of blocks are outside of it."""
    opened = re.match(r"(?:\s|<\|text\|>)*", words)
    closed = re.search(r"(?:\s|<\|endofblock\|>)*$", words[opened.end() :])
    start, end = opened.end(), opened.end() + closed.start()
    return words[:start], words[start:end], words[end:]


FORM = Form(
    name="tora",
    description="programs and their output inside one answer: ToRA, OpenMathInstruct-1, MathCodeInstruct",
    matches=matches,
    read=read,
)
