"""Final answers: find the last `\\boxed{}` of a text and judge it against a reference.

Judging is done by `treadle.scoring.grading`. Two cases need no worker where math-verify alone judges, because it could
only agree: equal strings and plain integers.

What counts as the answer of an output (`final_answer`): the last complete box that is not empty and not inside a think
block; if all boxes are inside think blocks, the last of those, since the paper allows think tags anywhere. Rewards take
the last box wherever it stands (`last_boxed`).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

from treadle.scoring.thoughts import PLAIN, ThoughtTags, without_thoughts

# \{ and \} are characters, not grouping. A box counts after several backslashes too: a line break, or escaped twice.
_BRACES = re.compile(r"(?<!\\)\\++(?:boxed|fbox)\s*+\{|\\.|[{}]", re.DOTALL)
_PHRASE = re.compile(r"(?:final answer|he answer|answer)(?: is|:)(?: ?:)?(?!\s*(?:not|that)\b)", re.IGNORECASE)
_END = re.compile(
    r"\. I hope|\.(?=\s|$)|\n|;|(?<=[\w$}]),(?=\s+(?:so|and|because|which|where|since)\b)"
    r"|(?<=\d)(?=\s(?:so|because|which|since)\b)"
)
_DISPLAYED = re.compile(r"(?:\$\$|\\\[)\s*+(.{0,2000}?)\s*(?:\$\$|\\\])", re.DOTALL)
_FILLER = re.compile(r"^(?:(?:therefore|thus|hence|then|simply|just|indeed|still|equal to)\b,? *)+", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\w.])-?\.\d+")
_LISTED = re.compile(r",(?!\d{3}(?!\d))|;| (?:and|or) |\\text\{[ ,]*(?:and|or)[ ,]*\}")
_BETWEEN_BOXES = re.compile(
    r"\}[\s$,;.]*(?:\\[()\]])?[\s$,;]*(?:(?:\\text\{)? ?(?:and|or),? ?\}?)?[\s$,;]*(?:\\[(\[])?\s*"
    r"(?:[A-Za-z]\w* ?= ?)?\\(?:boxed|fbox)\s*\{"
)
# \boxed 7 and \boxed\frac12 count where there is no box with braces.
_WITHOUT_BRACES = re.compile(
    r"(?<!\\)\\++(?:boxed|fbox)\s*+(-?(?:\d[\d,]*+(?:\.\d++)?(?:/\d++)?|\\[dt]?frac ?\d ?\d)|(?<=\s)[A-J])(?![\w^{])"
)
_NESTED_BOXES = 8
_LONG_ANSWER = 3  # words, beyond which an answer after a phrase is a sentence
_CHOICE = re.compile(r"(?:\(([A-Ja-j])\)|([A-J])(?=$|[.:)]))[.:)]?(.*)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?\d{1,18}")


def boxes(text: str) -> list[str]:
    r"""Contents of all complete `\boxed{}` of `text`, in order, in one pass.

    Of boxes within boxes the outer eight are listed, so that a megabyte of them does not become a thousand.
    """
    listed, ends = [], []
    for start, end in _spans(text):
        while ends and ends[-1] < start:
            ends.pop()
        if len(ends) < _NESTED_BOXES:
            listed.append(text[start:end].strip())
        ends.append(end)
    return listed


def last_boxed(text: str) -> str | None:
    r"""Content of the last complete `\boxed{...}` of `text`, with nested braces; `None` if there is none."""
    spans = _spans(text)
    return text[slice(*spans[-1])].strip() if spans else _without_braces(text)


def _without_braces(text: str) -> str | None:
    found = _WITHOUT_BRACES.findall(text)
    return found[-1].rstrip(",") if found else None


def with_boxes_before(answer: str | None, text: str, reference: str) -> str | None:
    r"""The answer with the boxes right before it, where the reference has several parts: `\boxed{2} and \boxed{3}`.

    Args:
        answer: The last box of `text`; anything else is returned as it is.
        reference: Its commas (or words between them) say how many boxes may belong together.
    """
    parts = len(_LISTED.split(reference))
    if answer is None or parts < 2 or _LISTED.search(answer):
        return answer
    spans = _spans(text)
    if len(spans) < parts or text[slice(*spans[-1])].strip() != answer:
        return answer
    last = spans[-parts:]
    between = [text[end:begin] for (_, end), (begin, _) in pairwise(last)]
    if not all(_BETWEEN_BOXES.fullmatch(gap) for gap in between):
        return answer
    return ", ".join(text[slice(*span)].strip() for span in last)


def _spans(text: str) -> list[tuple[int, int]]:
    """Where the contents of all complete boxes begin and end, in the order of their beginnings."""
    opened: list[int | None] = []
    found: list[tuple[int, int]] = []
    for match in _BRACES.finditer(text):
        token = match.group()
        if token == "{":
            opened.append(None)
        elif token == "}":
            start = opened.pop() if opened else None
            if start is not None:
                found.append((start, match.start()))
        elif token[-1] == "{" and len(token) > 2:
            opened.append(match.end())
    return sorted(found)


def final_answer(
    text: str, fallback: Literal["none", "phrase"] = "none", thought_tags: ThoughtTags = PLAIN
) -> str | None:
    r"""The answer that an output gives.

    Args:
        text: The output, think blocks included; one that the prompt opened may begin without its tag.
        fallback: What counts where there is no box. `"none"`: nothing, since the prompt asks for a box. `"phrase"`:
            what follows the last "the answer is" up to the end of the sentence, else the last number, as in the
            Qwen2.5-Math harness; both outside think blocks only.
        thought_tags: Where thoughts begin and end.

    Returns:
        The answer as it was written, or `None`.

    Raises:
        ValueError: `fallback` is neither.
    """
    if fallback not in ("none", "phrase"):
        raise ValueError(f"fallback={fallback!r}: expected 'none' or 'phrase'")
    spoken = without_thoughts(text, thought_tags)
    for part in (spoken, text):
        for start, end in reversed(_spans(part)):
            if content := part[start:end].strip():
                return content
    if bare := _without_braces(spoken):
        return bare
    return _after_phrase(spoken) if fallback == "phrase" else None


def _after_phrase(text: str) -> str | None:
    if answer := stated_answer(text):
        return answer
    numbers = _NUMBER.findall(text)
    return numbers[-1] if numbers else None


def stated_answer(text: str) -> str | None:
    """What follows the last "the answer is" up to the end of its sentence; `None` where nothing does."""
    said = None
    for match in _PHRASE.finditer(text):
        said = match
    if said:
        rest = _FILLER.sub("", text[said.end() :].lstrip(" *:\n\t"))
        if (shown := _DISPLAYED.match(rest)) and (answer := shown[1].strip(" .")):
            return answer
        end = _END.search(rest)
        if answer := (rest[: end.start()] if end else rest).strip(" *.:"):
            numbers = _NUMBER.findall(answer)
            # "Ann is 8 years old" says 8
            return numbers[0] if len(numbers) == 1 and len(answer.split()) > _LONG_ANSWER else answer
    return None


def plainly_equal(answer: str, reference: str) -> bool | None:
    """Judge what needs no mathematics: `True` or `False` where that is certain, else `None`."""
    answer, reference = answer.strip(), reference.strip()
    if answer == reference:
        return True
    if _INTEGER.fullmatch(answer) and _INTEGER.fullmatch(reference):
        return int(answer) == int(reference)
    return None


def lettered(text: str) -> tuple[str | None, str]:
    """The letter of a choice and what follows it: `("A", "")` of `(A)`, `("A", "26")` of `(A)26`, else no letter."""
    if match := _CHOICE.fullmatch(text):
        return (match[1] or match[2]).upper(), match[3]
    return None, text
