"""Questions with a choice of answers: the options that stand in a column of their own, and the letter of the right one.

    options: ["A)21", "B)21.5"]            AQuA          options: {"A": "21", "B": "21.5"}      MedQA
    choices: ["21", "21.5"], answer: 1     MMLU          choices: {"text": [...], "label": [...]}, answerKey: "B"    ARC

Without its options such a question cannot be answered, so that they are written below it, a line each. A whole number
as the answer counts from 0, as in MMLU, and becomes the letter.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from treadle.data.sources.messages import as_dict, as_list

_COLUMNS = ("options", "choices")
_ANSWERS = ("answer", "answerKey", "answer_key", "correct", "correct_option", "correct_answer", "answer_letter")
_INDEXES = ("answer", "answer_index", "answer_idx")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OWN_LETTER = re.compile(r"\s*\(?([A-Za-z])\s?[.):]\s*(?=\S)")
_IN_ONE_TEXT = re.compile(r"\s*,?\s*\b([a-j])\s?\)\s*")  # MathQA: "a ) 38 , b ) 27.675"


class Option(NamedTuple):
    """An answer to choose: its letter and its text."""

    letter: str
    text: str


def options_of(data: dict[str, Any]) -> list[Option]:
    """The options of a row; none where it has no such column, or one of another shape."""
    cell = next((data[name] for name in _COLUMNS if data.get(name)), None)
    if isinstance(cell, str) and (parts := _IN_ONE_TEXT.split(cell))[1:]:
        return [Option(letter.upper(), text.strip()) for letter, text in zip(parts[1::2], parts[2::2], strict=True)]
    table = as_dict(cell)
    if isinstance(table.get("text"), list) and isinstance(table.get("label"), list):
        return _listed(table["text"], table["label"])
    if table and all(isinstance(key, str) and len(key) == 1 for key in table):
        return _listed([text for text in table.values() if text is not None], list(table))
    texts = as_list(cell)
    if not texts:
        return []
    own = [_OWN_LETTER.match(text) if isinstance(text, str) else None for text in texts]
    letters = [match[1].upper() if match else "" for match in own]
    if letters == list(_LETTERS[: len(texts)]):
        texts = [text[match.end() :] for text, match in zip(texts, own, strict=True)]
    return _listed(texts, list(_LETTERS))


def _listed(texts: list[Any], labels: list[Any]) -> list[Option]:
    if not all(isinstance(text, str | int | float) for text in texts) or len(texts) > len(labels):
        return []
    return [Option(str(label), str(text).strip()) for label, text in zip(labels, texts, strict=False)]


def with_options(problem: str, options: list[Option]) -> str:
    """The problem with its options below it, unless it shows them itself."""
    shown = sum(bool(re.search(rf"(?<![A-Za-z]){re.escape(o.letter)}\s?[.):}}]", problem)) for o in options)
    if not options or shown == len(options):
        return problem
    return "\n".join([problem, "", *(f"{option.letter}. {option.text}" for option in options)])


def right_letter(data: dict[str, Any], options: list[Option]) -> str | None:
    """The letter of the right option; `None` where the row does not name one of them, by letter, number or text."""
    for name in _ANSWERS:
        cell = data.get(name)
        if isinstance(cell, str) and (match := re.fullmatch(r"\(?([A-Za-z0-9])[.)]?", cell.strip())):
            found = next((o.letter for o in options if o.letter.upper() == match[1].upper()), None)
            if found:
                return found
    for name in _INDEXES:
        cell = data.get(name)
        if isinstance(cell, int) and not isinstance(cell, bool) and 0 <= cell < len(options):
            return options[cell].letter
    texts = [option.text for option in options]
    found = next((i for name in _ANSWERS if (i := _place(str(data.get(name)).strip(), texts)) is not None), None)
    return options[found].letter if found is not None else None


def _place(text: str, texts: list[str]) -> int | None:
    return texts.index(text) if texts.count(text) == 1 else None
