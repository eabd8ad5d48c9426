"""Where a row has its problem and its solution, in the columns and chats that data sets use.

A solution stands in a column with a usual name (text, or a list of texts), in any column whose text has a thought in
marks, or is the one answer of a chat of two turns. A list of several texts, and columns that are numbered
(`r1_solution_1`, `r1_solution_2`), are generations of one problem: the first that the row's flags call complete and
right is taken. Of several columns the one with a thought is taken, then the one with numbered steps; where two are
left, the row is dropped and the message names `--columns`.
"""

from __future__ import annotations

import re
from typing import Any

from treadle.data.sources.cells import is_bare_answer, texts_of, thoughts_of
from treadle.data.sources.columns import (
    ANSWER_NAMES,
    CHATS,
    PROBLEM_NAMES,
    REFERENCE_NAMES,
    SOLUTION_NAMES,
    THOUGHT_NAMES,
)
from treadle.data.sources.form import Segment, Untitled
from treadle.data.sources.math.generations import Found, opened, right_ones
from treadle.data.sources.math.numbered import NumberedSolution
from treadle.data.sources.math.segmentation import solution_steps
from treadle.data.sources.messages import as_list, role_of, text_parts
from treadle.data.sources.report import DropReason
from treadle.data.sources.thoughts import part_thought, thought_marks
from treadle.data.sources.verified import SUCCESS_AT
from treadle.files.rows import Rejected

_NUMBERED = re.compile(r"(?:\w+_)?(?:solution|response|generation|output|attempt|completion)s?_?\d{1,3}")
_CONTENTS = ("content", "value", "text", "parts")
_THOUGHT_PARTS = ("thinking", "reasoning", "thought", "think")


_VAGUE = "text"  # a name that says nothing, so that the text has to
_FIRST_STEP = re.compile(
    r"^ {0,3}(?:\#{1,6} |\*\*|[-*+] )?\s*+(?:\*\*)?(?:step )?1\s?[.:)]", re.IGNORECASE | re.MULTILINE
)


def candidates(data: dict[str, Any]) -> list[Found]:
    """All texts of a row that may be its solution, in the order of their columns' rank. Never raises."""
    data = opened(data)
    columns = [name for name in SOLUTION_NAMES if name in data and (name != _VAGUE or _may_have_steps(data[name]))]
    columns = [name for name in columns if name not in REFERENCE_NAMES or not is_bare_answer(data[name])]
    numbered = [name for name in data if isinstance(name, str) and _NUMBERED.fullmatch(name) and texts_of(data[name])]
    found: list[Found] = []
    for name in columns:
        texts = texts_of(data[name])
        found += [
            Found(name, text, _thought_beside(data, name), place=k, of=len(texts)) for k, text in enumerate(texts)
        ]
    texts = [texts_of(data[name])[0] for name in numbered]
    found += [
        Found(name, text, place=k, of=len(texts)) for k, (name, text) in enumerate(zip(numbered, texts, strict=True))
    ]
    seen = {*columns, *numbered, *PROBLEM_NAMES, *THOUGHT_NAMES}
    for name, cell in data.items():
        if name not in seen and isinstance(cell, str) and thought_marks(cell) and as_list(cell) is None:
            found.append(Found(str(name), cell))
    if (answered := _answered(data)) is not None:
        found.append(answered)
    if not found and isinstance(data.get("answer"), str) and "\n" in data["answer"].strip():
        found.append(Found("answer", data["answer"], _thought_beside(data, "answer")))
    return found


def _may_have_steps(cell: Any) -> bool:
    return any(_FIRST_STEP.search(text) for text in texts_of(cell))


def column_in_steps(data: dict[str, Any]) -> str | None:
    """A column without a usual name whose text is in steps, as something to tell the user of; `None` if none is."""
    usual = {*PROBLEM_NAMES, *ANSWER_NAMES}
    texts = [(name, texts_of(cell)) for name, cell in data.items() if isinstance(name, str) and name not in usual]
    return next((name for name, cell in texts if len(cell) == 1 and len(_FIRST_STEP.findall(cell[0])) == 1), None)


def choose(
    data: dict[str, Any], untitled: Untitled = "drop", segment: Segment = "off", success_at: float = SUCCESS_AT
) -> Found | None:
    """The solution of a row; `None` if it has none.

    Raises:
        Rejected: Several columns may be meant, or no generation is right and complete.
    """
    found = candidates(data)
    several = [text for text in found if text.of > 1]
    found = [text for text in found if text.of == 1] + right_ones(opened(data), several, success_at)
    if len(found) < 2:
        return found[0] if found else None
    outputs = any(text.column not in REFERENCE_NAMES and not text.problem for text in found)
    found = _first_of_column([text for text in found if text.has_thought] or found, untitled, segment)
    found = [text for text in found if text.column in SOLUTION_NAMES or text.problem] or found
    if len(found) > 1:
        found = _naming_the_problem(data, found)
    usable = [text for text in found if _has_steps(text, untitled, segment)] or found[:1]
    different = {text.text.strip(): text for text in usable}
    if len(different) > 1:
        problem = next((name for name in PROBLEM_NAMES if texts_of(data.get(name))), "NAME")
        names = ", ".join(text.column for text in different.values())
        choices = " or ".join(f"--columns 'problem={problem},solution={t.column}'" for t in different.values())
        raise Rejected(DropReason.AMBIGUOUS_COLUMNS, f"several columns may be the solution: {names}; use {choices}")
    chosen = usable[0]  # a thought beside it is the model's, whose output is another column
    return chosen._replace(thought="") if outputs and chosen.column in REFERENCE_NAMES else chosen


def _first_of_column(found: list[Found], untitled: Untitled, segment: Segment) -> list[Found]:
    """Of several generations the first in steps, else the first."""
    groups: dict[Any, list[Found]] = {}
    for text in found:
        groups.setdefault(text.column if text.of == 1 else text.of, []).append(text)
    return [next((t for t in several if _has_steps(t, untitled, segment)), several[0]) for several in groups.values()]


def _naming_the_problem(data: dict[str, Any], found: list[Found]) -> list[Found]:
    """A file with outputs for several versions of a problem names them after it: `deepseek-reasoner (question)`."""
    problem = next((name for name in PROBLEM_NAMES if texts_of(data.get(name))), None)
    if problem is None:
        return found
    named = re.compile(rf"(?<!\w){re.escape(problem)}(?!\w)")
    return [text for text in found if named.search(text.column)] or found


def _has_steps(found: Found, untitled: Untitled, segment: Segment) -> bool:
    try:
        rest = part_thought(found.text).rest
    except Rejected:
        return False
    return isinstance(solution_steps(rest, untitled, segment)[0], NumberedSolution)


def _thought_beside(data: dict[str, Any], column: str) -> str:
    """The thought in a column of its own: one that is named after the solution's, else one with a usual name."""
    stem = column.rpartition("_")[0]
    own = [f"{stem}_{name}" for name in THOUGHT_NAMES] if stem else []
    texts = (thoughts_of(data.get(name)) for name in (*own, *THOUGHT_NAMES))
    return next((found[0] for found in texts if len(found) == 1), "")


def _answered(data: dict[str, Any]) -> Found | None:
    """The answer of a chat of one question: in one column, or as prompt and completion."""
    for name in (*CHATS, "completion", "response", "output"):
        messages = as_list(data.get(name))
        if not messages or not _is_chat(messages):
            continue
        if name not in CHATS:
            asked = as_list(data.get("prompt"))
            messages = [*(asked if asked and _is_chat(asked) else []), *messages]
        roles = [role_of(message) for message in messages]
        turns = [role for role in roles if role != "system"]
        if turns not in (["user", "assistant"], ["assistant"]) or _acts(messages[-1]):
            continue
        try:
            text, thought = _said(messages[-1])
            problem, system = _asked(messages[:-1])
        except Rejected:
            continue
        return Found(name, text, thought, problem, system)
    return None


def _is_chat(messages: list[Any]) -> bool:
    return len(messages) <= 4 and all(isinstance(m, dict) and role_of(m) is not None for m in messages)


def _acts(message: dict[str, Any]) -> bool:
    return any(message.get(key) for key in ("tool_calls", "function_call"))


def _asked(messages: list[dict[str, Any]]) -> tuple[str, str]:
    texts = {role: [_said(m)[0] for m in messages if role_of(m) == role] for role in ("user", "system")}
    return "\n\n".join(texts["user"]).strip(), "\n\n".join(texts["system"])


def _said(message: dict[str, Any]) -> tuple[str, str]:
    """Text and thought of a message, whose content may be parts.

    Raises:
        Rejected: A part is neither text nor thought.
    """
    content = next((message[key] for key in _CONTENTS if message.get(key) is not None), None)
    apart = [t for name in THOUGHT_NAMES for t in thoughts_of(message.get(name))][:1]
    if isinstance(content, list):
        kinds = [part.get("type") if isinstance(part, dict) else None for part in content]
        for part, kind in zip(content, kinds, strict=True):
            if kind in _THOUGHT_PARTS:
                apart += [t for key in (*_THOUGHT_PARTS, "text", "content") for t in texts_of(part.get(key))][:1]
        content = [part for part, kind in zip(content, kinds, strict=True) if kind not in _THOUGHT_PARTS]
    return "".join(text_parts(content, "the message")), "\n\n".join(apart)
