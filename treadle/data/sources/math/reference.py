r"""What the math forms have in common: the reference answer of a row, what it says about success, the trajectory.

A solution is verified when the row says so. Where the row says nothing but has a reference answer in a column of its
own, the solution's last `\boxed{}` is compared with it, see `treadle.data.sources.answer_check`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from treadle.data.sources.answer_check import LONGEST, is_right
from treadle.data.sources.cells import is_bare_answer, one_text
from treadle.data.sources.columns import ANSWER_NAMES, CHATS, REFERENCE_NAMES, Columns
from treadle.data.sources.math.choices import options_of, right_letter
from treadle.data.sources.messages import as_dict, as_list
from treadle.data.sources.verified import find_mark, math_flags
from treadle.files.literals import parsed_list
from treadle.files.rows import Row
from treadle.scoring.answers import boxes
from treadle.trajectory import Step, Trajectory

_JUDGEMENTS = {1: True, 2: False}  # of `eval_result`; 0 stands for "the question lacks a condition"


def math_trajectory(
    row: Row,
    problem: str,
    steps: Sequence[Step],
    *,
    columns: Columns | None = None,
    preamble: str = "",
    epilogue: str = "",
    own: str | None = None,
    answer: str | None = None,
    reference: str | None = None,
    verified: bool | None = None,
) -> Trajectory:
    r"""The trajectory of a math row; `preamble`, the steps' texts and `epilogue` together are its solution.

    Args:
        own: The solution's final answer as its form marks it, for solutions without a `\boxed{}`.
        answer: The answer, where it is compared with nothing.
        reference: The answer that the row gives beside the solution. Without it the answer is the solution's own.
        verified: What the row says about success. `None` asks for a comparison with the reference.
    """
    found = boxes("\n".join([*(step.action for step in steps), epilogue])) or ([own] if own else [])
    if not found and steps and (said := said_answer(f"{steps[-1].action}\n{epilogue}")):
        found = [said]
    meta: dict[str, Any] = {"source": row.where, "preamble": preamble, "epilogue": epilogue}
    if verified is None and reference is not None:
        options = options_of(row.data)
        verified = is_right(found, reference)
        if chosen := next((option.text for option in options if option.letter == reference), None):
            verified = verified or is_right(found, chosen)
        meta["answer_check"] = {True: "right", False: "wrong", None: "undecided"}[verified] if found else "none"
        if verified is False and options:
            verified = None  # the reference may name an option in another way
            meta["answer_check"] = "undecided"
        if verified is False:
            meta["final_answer"] = found[-1]
    if answer is None:
        answer = reference if reference is not None else ((found[-1] or None) if found else None)
    return Trajectory(
        id=row.id(columns.id if columns else None, *([] if columns else ("id", "uuid", "unique_id"))),
        problem=problem,
        steps=tuple(steps),
        answer=answer,
        domain="math",
        verified=verified,
        meta=meta,
    )


def flag(data: dict[str, Any], column: str | None = None) -> bool | None:
    """What a math row says about success; `None` where it says nothing.

    Looked at are `column` and the usual names. `target`, `success` and `completed`, flags of agent rows, are left
    out: here they are names of answers and of generations that came to an end.
    """
    if (mark := find_mark(data, math_flags(column))) is not None and mark.success is not None:
        return mark.success
    judgement = data.get("eval_result")
    if isinstance(judgement, bool):
        return judgement
    return _JUDGEMENTS.get(judgement) if isinstance(judgement, int) else None


def reference_answer(data: dict[str, Any], solution: str, columns: Columns | None = None) -> str | None:
    r"""The answer that a row gives beside the solution in column `solution`.

    It stands in the column that the user named, else in one of the usual names, else in an object or message with a
    usual key, else in the last `\boxed{}` of a reference solution, or is all that stands there. Of a question with
    options it is the letter.
    """
    if columns and "answer" not in columns.optional:
        names: tuple[str, ...] = (columns.answer,) if columns.answer else ()
    else:
        names = ANSWER_NAMES
    usual = names is ANSWER_NAMES
    if usual and (options := options_of(data)) and (letter := right_letter(data, options)):
        return letter
    for name in names:
        if name != solution and (answer := final_answer(data.get(name))) is not None:
            return answer
    if not usual:
        return None
    return _nested_answer(data) or _answer_in_chat(data) or _of_solution(data, solution)


def _of_solution(data: dict[str, Any], solution: str) -> str | None:
    for name in REFERENCE_NAMES:
        text = one_text(data.get(name))
        if name == solution or not isinstance(text, str):
            continue
        if found := boxes(text):
            return found[-1] or None
        if is_bare_answer(text):
            return final_answer(text)
    return None


_NESTED = (
    ("reward_model", ("ground_truth", "answer")),  # verl
    ("verification_info", ("ground_truth", "answer")),
    ("extra_info", ("answer", "ground_truth")),
    ("metadata", ("answer", "ground_truth", "final_answer")),
)


def _nested_answer(data: dict[str, Any]) -> str | None:
    """The answer in an object that tools for RL keep beside the problem, also where that is JSON text."""
    for name, keys in _NESTED:
        inner = as_dict(data.get(name))
        for key in keys:
            if (answer := final_answer(inner.get(key))) is not None:
                return answer
    return None


def _answer_in_chat(data: dict[str, Any]) -> str | None:
    """The answer that a message of a chat has beside its text: Open-Reasoner-Zero's `ground_truth`, AM's `info`."""
    messages = next((found for name in CHATS if (found := as_list(data.get(name)))), [])
    for message in filter(lambda message: isinstance(message, dict), messages[:4]):
        for cell in (as_dict(message.get("ground_truth")).get("value"), as_dict(message.get("info")).get(_IN_INFO)):
            if (answer := final_answer(cell)) is not None:
                return answer
    return None


_IN_INFO = "reference_answer"
_NO_ANSWER = ("proof", "notfound", "not found", "n/a", "nan", "NaN", "null", "None")  # what data sets write for it
_SAID = re.compile(
    r"^[ \t]*(?:\#+[ \t]+|\*\*|[*-][ \t]+)?(?:(?:so|thus|hence|therefore),?[ \t]+)?"
    r"(?:the[ \t]+)?(?:final[ \t]+|correct[ \t]+)?answer(?:[ \t]+is\b[ \t]*:?|[ \t]*:)(?:\*\*)?:?"
    r"(?![ \t]*(?:not|that|given|obtained)\b)[ \t]*(?P<answer>\S.*)$"
    r"|^\#[ \t]Answer\s+(?P<below>\S.*)$|^\#{4}[ \t]*(?P<marked>\S.*)$"
    r"|\bthe (?:final )?answer is: ?(?P<inside>\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_LAST_LINES = 400  # characters


def said_answer(text: str) -> str | None:
    """The final answer that a solution without a box names in its last lines: `The answer is: 2`, `#### 2`."""
    found = list(_SAID.finditer(text[-_LAST_LINES:]))
    if not found:
        return None
    said = next(filter(None, found[-1].group("answer", "below", "marked", "inside")))
    return final_answer(said.strip().strip("*").strip().removesuffix("."))


def final_answer(cell: Any) -> str | None:
    r"""The final answer in an answer column: what follows GSM8K's `####` or "The answer is", or the last `\boxed{}`, or
    the cell itself.

    A text of more than 300 characters, or sentences on several lines, without such a mark are a solution and no answer;
    so are words that stand for none (`proof`, `notfound`).
    """
    listed = parsed_list(cell) if isinstance(cell, str) and cell[:2] in ('["', "['") else cell
    if isinstance(listed, list) and len(listed) == 1:
        cell = listed[0]
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return None
    if isinstance(cell, float) and (cell.is_integer() and abs(cell) < 2**53):
        cell = int(cell)  # a table with empty cells has whole numbers as 2.0
    text = str(cell).strip()
    last_line = text[text.rfind("\n") + 1 :]
    if last_line.startswith("####"):
        return last_line.lstrip("#").strip() or None
    if found := boxes(text):
        return found[-1] or None
    if text in _NO_ANSWER or not 0 < len(text) <= LONGEST or _is_prose(text):
        return said_answer(text) if "\n" in text else None
    whole = _SAID.match(text)
    return said_answer(text) if whole and whole.end() == len(text) else text


def _is_prose(text: str) -> bool:
    """Whether a text of several lines has sentences outside of formulas."""
    lines = re.sub(r"\\begin\{.*?\\end\{[^}]*\}", "", text, flags=re.DOTALL).splitlines()
    return len(lines) > 1 and any(len(re.findall(r"[^\W\d_]{2,}", line)) > 2 for line in lines)
