r"""Rows of evaluation sets in the forms in which they are published, each as a problem, its answer and a kind.

| form | recognised by | becomes |
|---|---|---|
| GPQA | `Question`, `Correct Answer`, `Incorrect Answer 1` ... | choices in an order drawn by the seed, the letter |
| listed choices (MMLU, MMLU-Pro, ARC) | `choices` or `options` | choices in their own order, the letter |
| LiveBench | `turns`, `ground_truth` | the one turn; a letter is a choice |
| OlympiadBench | `final_answer` | the answers, joined by commas |

Everything else is a row with a problem and an answer, see `problem_rows`. What has no final answer that can be compared
(a proof, a program, a task that needs an image or several turns) is left out with the reason.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from treadle.errors import DataError
from treadle.evaluate.records import LeftOut
from treadle.files.rows import Row

LETTERS = "ABCDEFGHIJ"
ASKED = "The final answer is the letter of the right choice."

_CHOICES = ("choices", "options")
_PROGRAMS = ("coding", "instruction_following", "agentic_coding")  # LiveBench's categories that code checks
_WHOLE_TEXT = ("reasoning", "language", "data_analysis")
_ORDERS = ("olympiad", "proof_rearrangement")  # LiveBench's tasks whose answer is a sequence of numbers


class Read(NamedTuple):
    """What a row gives.

    Args:
        problem: The task as the model sees it.
        answer: The reference as the row has it.
        kind: How the answer is graded, `None` for what the user says.
        id: The row's own, where the form has a column for it.
        left_out: Why the row is no problem that can be graded.
    """

    problem: str
    answer: Any
    kind: str | None = None
    id: Any = None
    left_out: LeftOut | None = None


def read_form(row: Row, seed: int = 0) -> Read | None:
    """The problem of a row that is in one of the forms above, else `None`.

    Args:
        seed: Of the order of choices, where the right one stands first in the source.

    Raises:
        DataError: The row is of a form and lacks something of it.
    """
    reader = next((reader for name, reader in _FORMS.items() if name in row.data), None)
    return reader(row, seed) if reader else None


def with_choices(question: str, choices: Sequence[str]) -> str:
    """A question with its choices, each on a line that begins with its letter."""
    listed = "\n".join(f"({letter}) {choice.strip()}" for letter, choice in zip(LETTERS, choices, strict=False))
    return f"{question.strip()}\n\n{listed}\n\n{ASKED}"


def shuffled(question: str, right: str, wrong: Sequence[str], seed: int) -> tuple[list[str], str]:
    """Choices in an order drawn for this question, whatever its place in the file, and the letter of the right one."""
    order = list(range(1 + len(wrong)))
    drawn = hashlib.sha256(f"{seed} {' '.join(question.split())}".encode("utf-8", "surrogatepass")).digest()
    random.Random(int.from_bytes(drawn, "big")).shuffle(order)
    return [[right, *wrong][i] for i in order], LETTERS[order.index(0)]


def _gpqa(row: Row, seed: int) -> Read:
    data = row.data
    wrong = [data[name] for name in sorted(data) if name.startswith("Incorrect Answer") and name[-1:].isdigit()]
    texts = [data.get("Question"), data["Correct Answer"], *wrong]
    if len(wrong) < 2 or not all(isinstance(text, str | int | float) and str(text).strip() for text in texts):
        raise DataError(
            f"{row.where}: expected texts in the columns Question, Correct Answer and Incorrect Answer 1 to 3; found "
            f"{', '.join(data)}"
        )
    question, right, *others = map(str, texts)
    choices, letter = shuffled(question, right, others, seed)
    return Read(with_choices(question, choices), letter, "choice", data.get("Record ID"))


def _listed(row: Row, seed: int) -> Read | None:
    data = row.data
    choices = next(data[name] for name in _CHOICES if name in data)
    labels: Sequence[Any] = LETTERS
    if isinstance(choices, Mapping):  # ARC
        choices, labels = choices.get("text"), choices.get("label") or LETTERS
    question = next((data[name] for name in ("question", "problem", "Question") if data.get(name)), None)
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices or not isinstance(question, str):
        return None  # a column of that name which holds something else
    given = next((data[n] for n in ("answer", "answerKey", "answer_index", "label") if data.get(n) is not None), None)
    texts = [str(choice) for choice in choices]
    place = _place(given, texts, labels)
    if len(texts) > len(LETTERS) or place is None:
        raise DataError(
            f"{row.where}: answer {given!r} is none of {len(texts)} choices; expected a letter, the number of a choice "
            f"from 0, or its text, and {len(LETTERS)} choices at most"
        )
    return Read(with_choices(question, texts), LETTERS[place], "choice", data.get("question_id"))


def _place(given: Any, choices: Sequence[str], labels: Sequence[Any]) -> int | None:
    """Which choice an answer means."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given if 0 <= given < len(choices) else None
    text = "" if given is None else str(given).strip()
    names = [str(label) for label in labels][: len(choices)]
    if text.upper().strip("().") in names:
        return names.index(text.upper().strip("()."))
    if text in choices:
        return choices.index(text)
    return int(text) if text.isdecimal() and int(text) < len(choices) else None


def _livebench(row: Row, seed: int) -> Read | None:
    data = row.data
    turns, category, task = data["turns"], data.get("category"), data.get("task")
    if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
        return None
    problem, truth, name = "\n".join(turns), data.get("ground_truth"), data.get("question_id")
    if category in _PROGRAMS or isinstance(truth, list | dict):
        return Read(problem, None, id=name, left_out=LeftOut.NOT_COMPARABLE)
    if len(turns) != 1:
        return Read(problem, None, id=name, left_out=LeftOut.SEVERAL_TURNS)
    if isinstance(truth, str) and truth.strip() in LETTERS and len(truth.strip()) == 1:
        return Read(problem, truth, "choice", name)
    return Read(problem, truth, "text" if category in _WHOLE_TEXT or task in _ORDERS else None, name)


def _olympiad(row: Row, seed: int) -> Read | None:
    data = row.data
    answers, question = data["final_answer"], data.get("question")
    if not isinstance(question, str):
        return None
    context = data.get("context")
    problem = f"{context.strip()}\n\n{question}" if isinstance(context, str) and context.strip() else question
    if data.get("image_1") or data.get("image") or data.get("images"):
        return Read(problem, None, id=data.get("id"), left_out=LeftOut.IMAGE)
    given = answers if isinstance(answers, list) else [answers]
    texts = [str(answer) for answer in given if answer is not None and str(answer).strip()]
    if data.get("answer_type") == "Need_human_evaluate":
        return Read(problem, None, id=data.get("id"), left_out=LeftOut.NOT_COMPARABLE)
    return Read(problem, ", ".join(texts) or None, id=data.get("id"))


_FORMS: dict[str, Callable[[Row, int], Read | None]] = {
    "Correct Answer": _gpqa,
    "choices": _listed,
    "options": _listed,
    "turns": _livebench,
    "final_answer": _olympiad,
}
