r"""Answers that are letters of choices or words."""

from __future__ import annotations

import re

from treadle.scoring.answers import lettered
from treadle.scoring.grading.verdicts import Case, Finding

_MARKED = re.compile(r"\\text ?\{ ?(?:\([A-Ja-j]\)|[A-Ja-j][ .:]*\})|^\(? ?[A-Ja-j] ?[).:]")
_AT_END = re.compile(
    r"(.+?) ?(?:(?:\\(?:[Ll]ongr|[Rr])ightarrow|\\implies) ?(?:\\text ?\{ ?)?\(?(?:\\text ?\{ ?)?([A-J])[.)} ]*"
    r"|\\text ?\{ ?\(([A-J])\) ?\}|\(\\text ?\{ ?([A-J]) ?\}\))"
)
_TEXT = re.compile(r"\\text ?\{([^{}]*)\}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z' .,!-]*")
_WORD = re.compile(r"(?<![\\A-Za-z_{])[A-Za-z]{2,}(?![A-Za-z])")
_MOST_WORDS = 3
_ARTICLES = re.compile(r"\b(?:the|a|an)\b")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")


def same_choice(left: str, right: str, case: Case) -> Finding | None:
    """Judge answers of which one is marked as a choice: by their letters, or by what follows the letter."""
    marked = any(_MARKED.search(side) or _AT_END.fullmatch(side) for side in (left, right))
    if (finding := letters(left, right, marked)) is not None:
        return finding
    if not marked:
        return NotImplemented
    (left_letter, left_rest), (right_letter, right_rest) = _choice(left), _choice(right)
    if bool(left_letter) != bool(right_letter) and left_rest and right_rest:
        # `(B) 26` against 26
        return case.again(left_rest, right_rest)
    return NotImplemented


def letters(left: str, right: str, marked: bool) -> Finding | None:
    """Two choices: their letters decide. `None` where one side is no choice."""
    left_letter, right_letter = _choice(left)[0], _choice(right)[0]
    return Finding(left_letter == right_letter, "choices") if marked and left_letter and right_letter else None


def _choice(text: str) -> tuple[str | None, str]:
    r"""The letter and what follows it: `("B", "26")` of `\text{(B)} 26`; no letter and the text for anything else."""
    if ending := _AT_END.fullmatch(text):
        return ending[2] or ending[3] or ending[4], ending[1].strip()
    letter_alone = re.sub(r"\\text ?\{ ?(\(? ?[A-Ja-j] ?\)?[.:]?) ?\}", r"\1", text, count=1)
    for form in (letter_alone, _TEXT.sub(r"\1", text).strip()):
        letter, rest = lettered(form)
        if letter:
            return letter, rest.strip()
    return None, text


def same_words(left: str, right: str, *_: object) -> Finding | None:
    """Judge answers that are words; a sentence is no expression, nor what is all in `\\text{}`."""
    texts = [_TEXT.sub(r" \1 ", side) for side in (left, right)]
    wordy = [bool(_WORDS.fullmatch(text.strip())) and len(text.strip()) > 1 for text in texts]
    wrapped = ["\\text" in side for side in (left, right)]
    if all(wordy) and (any(wrapped) or max(len(text.strip()) for text in texts) > 3):
        return Finding(words(left) == words(right), "words")
    only_text = [not _TEXT.sub("", side).strip(" .,!") for side in (left, right)]
    sentence = [len(_WORD.findall(text)) > _MOST_WORDS for text in texts]
    if any((wordy[i] and only_text[i]) or sentence[i] for i in (0, 1)):
        return Finding(False, "words against an expression")
    return NotImplemented


def choice_letter(text: str) -> str | None:
    r"""The letter of an answer that is marked as a choice, such as `\text{(B)} 26`."""
    return _choice(text)[0] if _MARKED.search(text) else None


def words(text: str) -> str:
    """The words of a plain form in lower case, without articles and signs."""
    return _NOT_A_LETTER.sub(" ", _ARTICLES.sub(" ", _TEXT.sub(r" \1 ", text).casefold())).strip()
