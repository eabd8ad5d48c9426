r"""Answers that are letters of choices or words."""

from __future__ import annotations

import re

from treadle.scoring.answers import lettered
from treadle.scoring.grading.numbers import read_number
from treadle.scoring.grading.verdicts import Case, Finding

_MARKED = re.compile(r"\\text ?\{ ?(?:\([A-Ja-j]\)|[A-J][):](?= )|[A-Ja-j][ .:]*\})|^\(? ?[A-Ja-j] ?[).:]")
_OPTION = re.compile(
    r"^(?:\\text ?\{ ?(?:option|choice)[ :]*\}|(\\text ?\{) ?(?:option|choice)\b|(?:option|choice)\b)[ :]*", re.I
)
_BEFORE_VALUE = re.compile(r"^([A-J]) ?(?=\\frac|-?\d|\\sqrt)")  # what was `\textbf{A}\ \frac{1}{2}`
_REFUSED = re.compile(r"^\W*(?:not|never) |\b(?:is|are) (?:not|wrong|incorrect|false|never)\b|\b(?:isn't|cannot be)\b")
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")
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
_PHRASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9' .,!:-]*")
_LONG_WORD = re.compile(r"[A-Za-z]{3,}")
_MONTH = re.compile(r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_NO_SOLUTION = re.compile(r"(?:there (?:is|are) )?no (?:(real|integer|positive) )?solutions?(?: exists?)?")
_MEANINGS = {
    **dict.fromkeys(("empty set", "null set", "none", "no such numbers exist"), "no solution"),
    **dict.fromkeys(("dne", "does not exist", "do not exist", "limit does not exist"), "does not exist"),
    **dict.fromkeys(("infinity", "infinite", "infinitely many", "infinitely many solutions"), "infinity"),
    **dict.fromkeys(("negative infinity", "minus infinity"), "negative infinity"),
    "positive infinity": "infinity",
    "undefined": "undefined",
}
_SIGNS = {r"\emptyset": "no solution", r"\{\}": "no solution", r"\infty": "infinity", r"+\infty": "infinity"}
_SIGNS[r"-\infty"] = "negative infinity"


def same_choice(left: str, right: str, case: Case) -> Finding | None:
    """Judge answers of which one is marked as a choice: by their letters, or by what follows the letter."""
    marked = any(_MARKED.search(side) or _OPTION.match(side) or _ending(side) for side in (left, right))
    (left_letter, left_rest), (right_letter, right_rest) = _choice(left), _choice(right)
    if (finding := letters(left, right, marked)) is not None:
        values = [read_number(rest) for rest in (left_rest, right_rest)]
        if finding.same and None not in values and values[0].value != values[1].value:
            return Finding(None, "the letter of a choice with another value")
        return finding
    if not marked:
        return NotImplemented
    if bool(left_letter) != bool(right_letter) and left_rest and right_rest:
        # `(B) 26` against 26
        return case.again(left_rest, right_rest)
    return NotImplemented


def letters(left: str, right: str, marked: bool) -> Finding | None:
    """Two choices: their letters decide. `None` where one side is no choice."""
    if _REFUSED.search(left) or _REFUSED.search(right):
        return Finding(False, "a choice that is refused") if marked else None
    left_letter, right_letter = _choice(left)[0], _choice(right)[0]
    return Finding(left_letter == right_letter, "choices") if marked and left_letter and right_letter else None


def _choice(text: str) -> tuple[str | None, str]:
    r"""The letter and what follows it: `("B", "26")` of `\text{(B)} 26`; no letter and the text for anything else."""
    if ending := _ending(text):
        return ending[2] or ending[3] or ending[4], ending[1].strip()
    text = _OPTION.sub(lambda m: m[1] or "", text)
    letter_alone = re.sub(r"\\text ?\{ ?(\(? ?[A-Ja-j] ?\)?[.:]?) ?\}", r"\1", text, count=1)
    letter_alone = _BEFORE_VALUE.sub(r"(\1) ", letter_alone)
    for form in (letter_alone, _TEXT.sub(r"\1", text).strip()):
        letter, rest = lettered(form)
        if letter:
            return letter, rest.strip()
    return None, text


def _ending(text: str) -> re.Match[str] | None:
    r"""The letter at the end of `35 \Rightarrow C`; `A \Rightarrow B` is an implication, and no choice."""
    ending = _AT_END.fullmatch(text)
    names = _ALPHANUMERIC.findall(_COMMAND.sub(" ", ending[1])) if ending and ending[2] else []
    bare = names and not text.rstrip().endswith((")", "}"))
    return None if bare and all(len(name) == 1 and name.isupper() for name in names) else ending


def same_words(left: str, right: str, *_: object) -> Finding | None:
    """Judge answers that are words; a sentence is no expression, nor what is all in `\\text{}`."""
    meanings = [_meaning(side) for side in (left, right)]
    if all(meanings):
        # "undefined" for "does not exist" may be meant
        nothing = not any("infinity" in meaning for meaning in meanings)
        return Finding(True if meanings[0] == meanings[1] else None if nothing else False, "words")
    texts = [_TEXT.sub(r" \1 ", side) for side in (left, right)]
    if (finding := _same_phrases(*texts)) is not None:
        return finding
    wordy = [bool(_WORDS.fullmatch(text.strip())) and len(text.strip()) > 1 for text in texts]
    wrapped = ["\\text" in side for side in (left, right)]
    if all(wordy) and (any(wrapped) or max(len(text.strip()) for text in texts) > 3):
        return Finding(words(left) == words(right), "words")
    only_text = [not _TEXT.sub("", side).strip(" .,!") for side in (left, right)]
    sentence = [len(_WORD.findall(text)) > _MOST_WORDS for text in texts]
    if any((wordy[i] and only_text[i]) or sentence[i] for i in (0, 1)):
        return Finding(False, "words against an expression")
    return NotImplemented


def _meaning(text: str) -> str | None:
    """What a text says that has no number for an answer; `None` for anything else."""
    if (sign := _SIGNS.get(text.replace(" ", ""))) is not None:
        return sign
    said = words(text) if len(text) < 80 else ""
    if match := _NO_SOLUTION.fullmatch(said):
        return f"no {match[1]} solution" if match[1] else "no solution"
    return _MEANINGS.get(said)


def _same_phrases(left: str, right: str) -> Finding | None:
    r"""Words with numbers among them: `\text{June } 5` is `\text{June 5}`, and `14 March` is `March 14`."""
    if not all(_PHRASE.fullmatch(side.strip()) and _LONG_WORD.search(side) for side in (left, right)):
        return None
    said = [_ORDINAL.sub("", words(side)) for side in (left, right)]
    if said[0] == said[1]:
        return Finding(True, "words")
    if all(_MONTH.search(side) and any(c.isdigit() for c in side) for side in said):
        return Finding(sorted(said[0].split()) == sorted(said[1].split()), "dates")
    return None


def choice_letter(text: str) -> str | None:
    r"""The letter of an answer that is marked as a choice, such as `\text{(B)} 26`."""
    return _choice(text)[0] if _MARKED.search(text) else None


def words(text: str) -> str:
    """The words of a plain form in lower case, without articles and signs."""
    return _NOT_A_LETTER.sub(" ", _ARTICLES.sub(" ", _TEXT.sub(r" \1 ", text).casefold())).strip()
