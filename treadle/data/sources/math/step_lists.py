"""The form `step-list`: solutions cut into a list of steps, as data sets for process reward models have them.

    problem, steps: [...]                   ProcessBench, with `final_answer_correct` and `label` (-1, or the index of
                                            the first wrong step); steps may be objects with `text` or `step`
    prompt, completions: [...], labels      TRL's stepwise supervision
    question: {...}, label: {"steps": ...}  PRM800K: the path of chosen completions
    input, label                            Math-Shepherd: `Step 1: ... ки`, marks `+` and `-` in the label

Each item is a step as written, its number included. A solution is verified if all of its steps are marked as right and
the final answer is not marked as wrong. In the first three forms the texts of the steps are the items of the list; in
the last the problem, `meta["preamble"]`, the steps' texts and `meta["epilogue"]` together are the input.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from treadle.data.sources.columns import PROBLEM_NAMES, missing_columns
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.math.numbered import title_of
from treadle.data.sources.math.problem import problem_text
from treadle.data.sources.math.reference import final_answer, flag, math_trajectory, reference_answer, said_answer
from treadle.data.sources.math.step_text import step_of
from treadle.data.sources.messages import as_list
from treadle.data.sources.report import DropReason
from treadle.data.sources.verified import as_flag
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

_STEPS = ("steps", "solution_steps", "reasoning_steps")
MARK = "ки"  # Math-Shepherd's, after each step
_FIRST_STEP = re.compile(r"\bstep 1\s*:", re.IGNORECASE)


def matches(row: Row) -> bool:
    data = row.data
    return _is_prm800k(data) or _is_shepherd(data) or _list_column(data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    data, columns = row.data, options.columns
    if columns is None and _is_prm800k(data):
        return _read_prm800k(row)
    if columns is None and _is_shepherd(data):
        return _read_shepherd(row)
    if columns and (missing := [name for name in columns.required if name not in data]):
        raise Rejected(DropReason.MISSING_COLUMN, missing_columns(missing, data))
    column = columns.solution if columns else _list_column(data)
    if column is None:
        wanted = "no column steps, and no columns completions and labels"
        raise Rejected(DropReason.MISSING_COLUMN, f"{wanted}; found {', '.join(map(str, data))}")
    items = expect(_listed(data[column]), list, f"column {column!r}")
    texts = [_text(item) for item in items]
    problem = problem_text(row, columns.problem if columns else None)
    verified = _verified(data, items, columns.verified if columns else None)
    return _trajectory(row, problem, texts, verified, reference_answer(data, column, columns))


def _list_column(data: dict[str, Any]) -> str | None:
    if not any(name in data for name in PROBLEM_NAMES):
        return None
    completions = data.get("completions")
    for name in _STEPS:
        steps = _listed(data[name]) if name in data else None
        if isinstance(steps, list) and all(isinstance(_text(item), str) for item in steps[:1]):
            return name
    if isinstance(completions, list) and isinstance(data.get("labels"), list):
        return "completions" if all(isinstance(item, str) for item in completions[:1]) else None
    return None


def _listed(cell: Any) -> Any:
    """A list, also where the source has it as text."""
    return as_list(cell) if isinstance(cell, str) else cell


def _text(item: Any) -> Any:
    return item.get("text", item.get("step")) if isinstance(item, dict) else item


def _verified(data: dict[str, Any], items: list[Any], column: str | None) -> bool | None:
    """What marks on steps, the index of the first wrong step and flags say together; one "wrong" is enough.

    A rating is -1, 0 (no progress, but no mistake) or 1. A label is true or false, or 1 and 0 or -1.
    """
    labels = data.get("labels")
    labels = labels if isinstance(labels, list) else [_get(item, "label") for item in items]
    marks = [label > 0 if isinstance(label, int | float) else as_flag(label) for label in labels]
    marks += [flag(data, column), *(_no_mistake(_get(item, "rating")) for item in items)]
    first_wrong = data.get("label")
    if isinstance(first_wrong, int) and not isinstance(first_wrong, bool):
        marks.append(first_wrong < 0)
    said = [mark for mark in marks if mark is not None]
    return all(said) if said else None


def _get(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else None


def _no_mistake(rating: Any) -> bool | None:
    return rating >= 0 if isinstance(rating, int | float) else None


def _trajectory(
    row: Row, problem: str, texts: Sequence[Any], verified: bool | None, reference: str | None
) -> Trajectory:
    steps = [_step(text, k) for k, text in enumerate(texts, 1)]
    if not steps:
        raise Rejected(DropReason.EMPTY_SOLUTION, "the list of steps is empty")
    own = said_answer(steps[-1].action)
    return math_trajectory(row, problem, steps, own=own, reference=reference, verified=verified)


def _step(text: Any, number: int) -> Step:
    if not expect(text, str, f"step {number}").strip():
        raise Rejected(DropReason.EMPTY_ACTION, f"step {number}")
    return step_of(text, title_of(text))


def _is_prm800k(data: dict[str, Any]) -> bool:
    question, label = data.get("question"), data.get("label")
    return (
        isinstance(question, dict)
        and "problem" in question
        and isinstance(label, dict)
        and isinstance(label.get("steps"), list)
    )


def _read_prm800k(row: Row) -> Trajectory:
    question, label = row.data["question"], row.data["label"]
    problem = expect(question["problem"] or "", str, "question.problem").strip()
    if not problem:
        raise Rejected(DropReason.EMPTY_PROBLEM, "question.problem")
    texts, sound = [], label.get("finish_reason") in (None, "solution")
    for number, step in enumerate(label["steps"], 1):
        chosen = _chosen(expect(step, dict, f"step {number}"), number)
        if chosen is None:  # the labeler stopped here: none of the proposals goes on
            sound = False
            break
        texts.append(chosen.get("text"))
        sound = sound and _no_mistake(chosen.get("rating")) is not False
    return _trajectory(row, problem, texts, sound, final_answer(question.get("ground_truth_answer")))


def _chosen(step: dict[str, Any], number: int) -> dict[str, Any] | None:
    """The completion with which the solution goes on: the chosen one, else what the labeler wrote."""
    index = step.get("chosen_completion")
    if index is None:
        human = step.get("human_completion")
        return {"text": human} if isinstance(human, str) else human if isinstance(human, dict) else None
    completions = expect(step.get("completions"), list, f"completions of step {number}")
    if not isinstance(index, int) or not 0 <= index < len(completions):
        raise Rejected(DropReason.MALFORMED, f"chosen_completion of step {number} is {index!r:.40}")
    return expect(completions[index], dict, f"completion of step {number}")


def _is_shepherd(data: dict[str, Any]) -> bool:
    text = data.get("input")
    return isinstance(text, str) and isinstance(data.get("label"), str) and MARK in text


def _read_shepherd(row: Row) -> Trajectory:
    text = row.data["input"]
    start = _FIRST_STEP.search(text)
    if not start or MARK in text[: start.start()]:
        raise Rejected(DropReason.MALFORMED, f"no 'Step 1:' before the first mark {MARK}")
    head, body = text[: start.start()], text[start.start() :]
    problem = head.strip()
    if not problem:
        raise Rejected(DropReason.EMPTY_PROBLEM, "nothing stands before 'Step 1:'")
    *pieces, epilogue = body.split(MARK)
    signs = _signs(head, pieces, row.data["label"])
    steps: list[Step] = []
    for number, piece in enumerate(pieces, 1):
        step = _step(piece, number)
        steps.append(Step(step.action, step.title, before=step.before, after=step.after + MARK))
    return math_trajectory(
        row,
        problem,
        steps,
        preamble=head[len(head.rstrip()) :],
        epilogue=epilogue,
        own=said_answer(steps[-1].action),
        reference=reference_answer(row.data, "input"),
        verified=all(signs),
    )


def _signs(head: str, pieces: list[str], label: str) -> list[bool]:
    """Which steps the label calls right: it is the input with a sign in the place of each mark."""
    signs, position = [], len(head)
    for piece in pieces:
        position += len(piece) + 1
        if label[position - 1 : position] not in ("+", "-"):
            raise Rejected(DropReason.MALFORMED, f"the label has no + or - in the place of mark {len(signs) + 1}")
        signs.append(label[position - 1] == "+")
    return signs


FORM = Form(
    name="step-list",
    description="a list of labelled steps: ProcessBench, TRL stepwise supervision, PRM800K, Math-Shepherd",
    matches=matches,
    read=read,
)
