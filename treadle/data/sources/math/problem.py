"""The text of a problem, with all that its row says of it in further columns: what it is about, its options."""

from __future__ import annotations

from typing import Any

from treadle.data.sources.cells import first_text, is_blank, one_text
from treadle.data.sources.columns import CHATS, GIVEN_NAMES, PROBLEM_NAMES, missing_columns
from treadle.data.sources.form import expect
from treadle.data.sources.math.choices import options_of, with_options
from treadle.data.sources.messages import as_list, role_of, text_parts
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row


def problem_text(row: Row, column: str | None = None) -> str:
    """The problem in `column`, by default in the first column with one of the usual names, or the questions of a chat.

    Without `column`, what stands beside it belongs to it: `input` below an instruction, `context` above a question,
    options below.

    Raises:
        Rejected: There is no such column, or it is empty or holds no text; or exchanges came before the question.
    """
    data, named = row.data, column is not None
    if column is None and not (column := first_text(data, PROBLEM_NAMES)):
        column = next((name for name in PROBLEM_NAMES if not is_blank(data.get(name))), None)
        column = column or next((name for name in CHATS if _has_question(data.get(name))), None)
        column = column or next((name for name in PROBLEM_NAMES if name in data), None)
    if column is None or column not in data:
        found = ", ".join(map(str, data))
        said = missing_columns([column], data) if column else f"no column {' or '.join(PROBLEM_NAMES)}; found {found}"
        raise Rejected(DropReason.MISSING_COLUMN, said)
    cell = one_text(data[column])
    if (messages := as_list(cell)) and all(isinstance(m, dict) and role_of(m) for m in messages):
        cell = _asked(messages, column)
    problem = expect(cell or "", str, f"column {column!r}").strip()
    if not problem:
        raise Rejected(DropReason.EMPTY_PROBLEM, f"column {column!r}")
    if column == "instruction":
        problem = _with_input(problem, data.get("input"))
    return problem if named else _whole(problem, column, data)


def _with_input(problem: str, given: Any) -> str:
    """Instruction and input as Alpaca's prompt joins them."""
    return f"{problem}\n\n{given.strip()}" if isinstance(given, str) and given.strip() else problem


def _has_question(cell: Any) -> bool:
    return any(isinstance(message, dict) and role_of(message) == "user" for message in as_list(cell) or ())


def _asked(messages: list[dict[str, Any]], column: str) -> str:
    keys = ("content", "value", "text", "parts")
    contents = [next((m[key] for key in keys if m.get(key)), None) for m in messages if role_of(m) == "user"]
    return "\n\n".join("".join(text_parts(content, f"column {column!r}")) for content in contents if content)


def _whole(problem: str, column: str, data: dict[str, Any]) -> str:
    history = data.get("history")
    if isinstance(history, list) and history:
        raise Rejected(
            DropReason.MALFORMED,
            f"column history has {len(history)} earlier exchanges, which the {column} may go on from; write them into "
            "the problem, or empty the column",
        )
    for name in GIVEN_NAMES:
        given = data.get(name)
        if isinstance(given, str) and given.strip() and given.strip() not in problem:
            problem = f"{given.strip()}\n\n{problem}"
    return with_options(problem, options_of(data))
