r"""What counts as the final answer of an output, by four rules. Each but `whole` begins with the last box.

| rule | without a box |
|---|---|
| `boxed` | no answer, since the prompt asks for a box |
| `phrase` | what follows the last "the answer is", else the last number |
| `auto` | what the text states: a tag, a line `#### 24`, "the answer is 24", a choice; else its last line, see below |
| `whole` | the whole text outside thoughts is the answer, box or not |

`auto` takes the first of these that there is, outside thoughts: the last `<answer>` or `<solution>` with its end; the
last line that begins with `####`; what follows the last "the answer is"; for a choice the letter that the last line
gives (`(B)`, `Option B`, `B) 35`, `the right choice is (B).`); for a number, where the text was not cut off, the last
line if it is a short answer (`24`, `x = 5`), else the only number in it. It does not guess among several numbers, as
`phrase` does. A box comes
first in `phrase` and `auto`, so what is right as `boxed` is right in both.

A letter that is written five times (LiveBench asks for `DDDDD`) is that letter in every rule, where letters are asked
for.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from treadle.scoring.answers import final_answer, stated_answer, with_boxes_before
from treadle.scoring.thoughts import PLAIN, ThoughtTags, without_thoughts

Extraction = Literal["boxed", "phrase", "whole", "auto"]
EXTRACTIONS: tuple[Extraction, ...] = get_args(Extraction)

_OPENED = re.compile(r"<(answer|solution)>", re.IGNORECASE)
_MARKED = re.compile(r"^[ \t]*####[ \t]*+(\S[^\n]*)$", re.MULTILINE)
_LETTER = re.compile(
    r"(?:(?:option|choice|answer)[\s:*(_$]{0,9})?[(\[*]{0,3}([A-J])(?:[)\]*]{0,3}[.:]?|[.:)\]]\s.*)", re.IGNORECASE
)
_LAST_LETTER = re.compile(r"(?:.*[^\w(\[])?(?:[(\[]([A-J])[)\]]|(?:choice|option|answer) (?:is )?([A-J])|([A-J])\3{4})")
_BEGUN = re.compile(r"[(\[*]{0,3}([A-J])(?![\w'])")
_REPEATED = re.compile(r"([A-Ja-j])\1{4}")
_NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
_SHORT, _LAST = 40, 2000  # characters of an answer without words around it, and of the last line that is looked at
_LONGEST = 10_000  # characters of what can be an answer; the grader reads no more
_WORDS = re.compile(r"[A-Za-z]{2,}")


def extract(
    text: str,
    how: Extraction = "boxed",
    kind: str = "math",
    thought_tags: ThoughtTags = PLAIN,
    cut_off: bool = False,
    reference: str | None = None,
) -> str | None:
    """The final answer of an output.

    Args:
        text: The output, think blocks included.
        how: The rule, see above.
        kind: How the answer is graded, one of `treadle.scoring.grading.KINDS`.
        thought_tags: Where thoughts begin and end.
        cut_off: Whether the limit of tokens ended the text.
        reference: The right answer, where it is known: if it has several parts, boxes one after another count together.

    Returns:
        The answer as it was written, or `None`.

    Raises:
        ValueError: `how` is no rule.
    """
    if how not in EXTRACTIONS:
        raise ValueError(f"extract={how!r}: expected one of {', '.join(EXTRACTIONS)}")
    if how == "whole":
        found = without_thoughts(text, thought_tags).strip() or None
    elif how == "phrase":
        found = final_answer(text, "phrase", thought_tags)
    else:
        found = final_answer(text, thought_tags=thought_tags)
        if found is None and how == "auto":
            found = _stated(without_thoughts(text, thought_tags), kind, cut_off)
    if found and kind == "choice" and (repeated := _REPEATED.fullmatch(found.strip(" .*"))):
        return repeated[1]
    return found if reference is None or how == "whole" else with_boxes_before(found, text, reference)


def _stated(text: str, kind: str, cut_off: bool) -> str | None:
    for found in (_tagged(text), _marked(text)):
        if found and len(found) <= _LONGEST:
            return found
    if found := stated_answer(text):
        if kind == "choice":
            begun = _BEGUN.match(found)
            return _letter(found) or (begun[1] if begun else found)
        return found
    line = text.rstrip().rpartition("\n")[2].strip(" \t*_")
    if not line or len(line) > _LAST:
        return None
    if kind == "choice":
        return _letter(line)
    if cut_off or kind == "text":
        return None
    if len(line) <= _SHORT and not _WORDS.search(re.sub(r"\\[a-zA-Z]+", "", line)):
        return line.rstrip(".") or None
    numbers = _NUMBER.findall(line)
    return numbers[0] if len(numbers) == 1 else None


def _tagged(text: str) -> str | None:
    """The content of the last `<answer>` or `<solution>` that is closed."""
    end = len(text)
    for opened in reversed(list(_OPENED.finditer(text))):
        closed = re.compile(rf"</{opened[1]}>", re.IGNORECASE).search(text, opened.end(), end)
        if closed and (content := text[opened.end() : closed.start()].strip()):
            return content
        end = opened.start()
    return None


def _marked(text: str) -> str | None:
    found = None
    for match in _MARKED.finditer(text):
        found = match[1].strip()
    return found


def _letter(line: str) -> str | None:
    line = line.strip(" *_$")
    if match := _LETTER.fullmatch(line):
        return match[1].upper()
    match = _LAST_LETTER.fullmatch(line.rstrip(".:*_$ "))
    return next(filter(None, match.groups())) if match else None
