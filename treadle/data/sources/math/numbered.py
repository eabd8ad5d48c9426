"""Solutions in numbered steps: find where each step begins and ends (paper section 3 and figure 3).

Understood are titled lists (`1. **Title** body`, `1. **Title:** body`, `(1) **Title**`), bold numbers (`**1. Title**`,
`**Step 1: Title**`), headings (`### Step 1: Title`, `### 1. Title`) and `Step 1: ...`. "Step" may stand in other
languages (`Étape 1`, `Schritt 1`, `第一步`), and the number may be Roman (`II.`,
before a title) or, behind the word, a word. One solution
uses one of these styles at one indentation; its numbers must run 1, 2, 3 ... without gap. Whatever else is numbered
inside a step stays inside it. Every character of the solution ends up in the preamble, a step or the epilogue.

The patterns use possessive quantifiers (`*+`) where two of them could share a run of white space: otherwise a line
of a million blanks takes hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from treadle.data.sources.form import Untitled
from treadle.data.sources.math.step_text import step_of
from treadle.data.sources.report import DropReason
from treadle.trajectory import Step

# A word for "step" as solutions in other languages and counts in letters have it; the number may be behind or inside.
_WORD = (
    r"(?:[Ss]tep|STEP|[ÉéE]tape|ÉTAPE|Schritt|Paso|Passo|Passaggio|Krok|Bước|Шаг|ШАГ|단계|步骤|步驟|ステップ|手順)\s*"
)
_DIGITS, _ROMAN = r"\d++", r"(?:X[LC][IVX]{0,4}|L[IVX]{1,7}|[IVX]{1,7})"
_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", *(f"{n}teen" for n in ("thir", "four", "fif", "six", "seven", "eigh", "nine"))]
_TENS = [f"{n}ty" for n in ("twen", "thir", "for", "fif", "six", "seven", "eigh", "nine")]
_LETTERS = [*_ONES, *_TEENS, *(f"{ten}{one}" for ten in _TENS for one in ("", *(f"-{one}" for one in _ONES)))]
_WORDS = "|".join(f"[{word[0]}{word[0].upper()}]{word[1:].replace('-', '[- ]')}" for word in reversed(_LETTERS))
_CHINESE = r"[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九]"
_COUNT = rf"(?P<n>{_DIGITS}|{_ROMAN}|{_WORDS}|{_CHINESE})(?!\w)"
_STEP = rf"(?:{_WORD}{_COUNT}|第\s*(?P<n3>{_CHINESE}|{_DIGITS})\s*步)"
_PLAIN = "plain"
_STYLES = {  # from the outermost to the innermost
    "heading": re.compile(
        rf"(?P<indent> {{0,3}})(?P<hashes>\#{{1,6}})\s*+(?:\*\*\s*+)?"
        rf"(?:{_STEP}\s*[.:：、)–—-]?|(?P<n2>{_DIGITS}|{_ROMAN})[.)])\s*(?P<title>.*)"
    ),
    "step": re.compile(rf"(?P<indent> {{0,3}}){_STEP}(?:\s*[.:：、，)]|$)(?P<title>)"),
    "bold": re.compile(
        rf"(?P<indent> {{0,3}})(?:[-*+]\s+)?\*\*\s*"
        rf"(?:{_STEP}\s*[.:：、)–—-]?|\(?(?P<n2>{_DIGITS}|{_ROMAN})\s*[.:)])\s*(?P<title>.*?)(?:\*\*|$)"
    ),
    "list": re.compile(
        rf"(?P<indent> {{0,3}})(?P<open>\(?)(?P<n>{_DIGITS}|{_ROMAN})[.)]\s*+\*\*\s*(?P<title>\S.*?)(?:\*\*|$)"
    ),
    _PLAIN: re.compile(rf"(?P<indent> {{0,3}})(?P<open>\(?)(?P<n>{_DIGITS})[.)]\s+(?P<title>)(?!\*\*)\S"),
}
_MARK = re.compile(  # what any of these patterns and a fence can begin with
    r"\s*(?:[\d\#*+~`(-]|[IVXLC]+[.)]|[Ss][Tt][Ee]|[ÉéE][tT]|S[ch]|P[a]|Krok|B[ư]|[Шш]|단|步|ス|手|第)"
)
_INLINE = re.compile(r"[Ss]tep (\d++)\s?:")
_INLINE_JOINT = re.compile(r"(?<=[.!?)\]}$][ \t])(?=[Ss]tep \d++\s?:)")
_LOOKED_AT = 100_000
_THREE_DIGITS = 999
_NO_STEP = 10**9
"""Stands for all larger numbers: no solution has so many steps, and thousands of digits take long to read."""
_FENCE = re.compile(r"\s*(```[^`]*$|~~~)")
_SECTION = re.compile(r"\#{1,6}\s|(?:---+|\*\*\*+|___+)\s*$|\*\*[^*]+\*\*:?\s*$")
_FINAL = re.compile(r"(?:\*\*)?(?:The\s+)?[Ff]inal [Aa]nswer")


@dataclass(frozen=True)
class NumberedSolution:
    """A parsed solution: `preamble + "".join(step.text for step in steps) + epilogue` is its text, byte for byte.

    A step's action has no white space around it; that is in `before` and `after`. Its title is the bare title,
    `None` where it has none. `passed` are numbers such as `2019.` or `Step 5:` that begin no step where they stand.
    """

    preamble: str
    steps: tuple[Step, ...]
    epilogue: str
    passed: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Heading:
    """A line that may begin a step: its line number, style (with indentation and kind of number) and number."""

    line: int
    style: tuple[str, int, str]
    number: int
    title: str | None


def parse_numbered(text: str, untitled: Untitled = "drop") -> NumberedSolution | DropReason:
    """Cut `text` into its numbered steps, or say why that is not possible.

    Args:
        text: The solution.
        untitled: What to do with plain lists `1. body`: such lists often enumerate cases or conditions
            rather than steps, so the default drops them.
    """
    lines, passed = _lines(text)
    headings, years = _without_years(_headings(lines))
    titled = [h for h in headings if h.style[0] != _PLAIN]
    if not headings:
        return DropReason.NO_NUMBERED_STEPS
    if not titled and untitled == "drop":
        return DropReason.UNTITLED_STEPS
    chain = _outermost_chain(titled or headings)
    if fault := _numbering_fault([h.number for h in chain]):
        return fault
    starts = [h.line for h in chain]
    end = _end_of_last_step(lines, starts, chain[0].style[0])
    pieces = ["".join(lines[a:b]) for a, b in pairwise([*starts, end])]
    return NumberedSolution(
        preamble="".join(lines[: starts[0]]),
        steps=tuple(step_of(piece, h.title) for piece, h in zip(pieces, chain, strict=True)),
        epilogue="".join(lines[end:]),
        passed=(*passed, *years),
    )


def _lines(text: str) -> tuple[list[str], list[str]]:
    """The lines of a text; where "Step 1: ... Step 2: ..." stand in one line, that line in pieces.

    Returns:
        The lines, and the heads within them that begin no piece.
    """
    lines = text.splitlines(keepends=True)
    if len(_INLINE.findall(text[:_LOOKED_AT])) < 2:
        return lines, []
    pieces: list[list[str]] = []
    numbers: list[int] = []
    within: list[str] = []  # heads that do not begin a line
    passed: list[str] = []
    largest = 0
    for line in lines:
        for place, piece in enumerate(_INLINE_JOINT.split(line)):
            match = _INLINE.match(piece)
            number = _value(match[1]) if match else 0
            if place and match:
                within.append(match[0])
                if number > _THREE_DIGITS > largest:
                    passed.append(match[0])
                    pieces[-1].append(piece)
                    continue
            if match:
                numbers.append(number)
                largest = max(largest, number)
            pieces.append([piece])
    runs = numbers == list(range(1, len(numbers) + 1))
    return (["".join(parts) for parts in pieces], passed) if runs else (lines, within)


def title_of(text: str) -> str | None:
    """The title of a step that begins with its number and title; `None` where it does not."""
    heading = next(_headings(text.lstrip().splitlines()[:1]), None)
    return heading.title if heading else None


def _headings(lines: list[str]) -> Iterator[_Heading]:
    fenced = False
    for number, whole_line in enumerate(lines):
        line = whole_line.rstrip()
        if not _MARK.match(line):
            continue
        if _FENCE.match(line):
            fenced = not fenced
        if fenced:
            continue
        for name, pattern in _STYLES.items():
            if match := pattern.match(line):
                groups = match.groupdict()
                title = groups["title"].strip("*: \t")
                count = groups.get("n") or groups.get("n2") or groups["n3"]
                bare = groups.get("n2") or name in ("list", _PLAIN)  # behind a word, all ways to count are one
                kind = (groups.get("hashes") or groups.get("open") or "") + ("I" if bare and count[0] in "IVXL" else "")
                # A single space does not nest in Markdown, and two are written for three.
                yield _Heading(number, (name, len(groups["indent"]) // 2, kind), _value(count), title or None)
                break


def _value(count: str) -> int:
    """The number that digits, Roman or Chinese numerals or a word write."""
    if count.isdecimal():
        digits = count.lstrip("0")
        return int(digits or "0") if len(digits) < 10 else _NO_STEP
    if (word := count.lower().replace(" ", "-")) in _LETTERS:
        return _LETTERS.index(word) + 1
    if count[0] in "IVXL":
        values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[letter] for letter in count]
        return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
    tens, ten, ones = count.rpartition("十")
    numerals = "零一二三四五六七八九"
    return (numerals.index(tens or "一") * 10 if ten else 0) + (numerals.index(ones) if ones else 0)


def _without_years(headings: Iterator[_Heading]) -> tuple[list[_Heading], list[str]]:
    """The headings without plain lines such as `2019. It was shown`, and the numbers of these.

    A number of four digits and more, without a title, counts only after number 999.
    """
    kept: list[_Heading] = []
    years: list[str] = []
    largest = 0
    for heading in headings:
        if heading.style[0] == _PLAIN:
            if heading.number > _THREE_DIGITS > largest:
                years.append(f"{heading.number}." if heading.number < _NO_STEP else f"{_NO_STEP}. or more")
                continue
            largest = max(largest, heading.number)
        kept.append(heading)
    return kept, years


def _outermost_chain(headings: list[_Heading]) -> list[_Heading]:
    """The headings that are the solution's steps, where several styles of numbers occur.

    Headings and explicit "Step n" lines rank above lists, which often stand inside them or before them; a
    chain of one number is no match for a longer one. If no chain is well numbered, the longest one will
    say what is wrong.
    """
    chains: dict[tuple[str, int, str], list[_Heading]] = {}
    for heading in headings:
        chains.setdefault(heading.style, []).append(heading)
    rank = {name: i for i, name in enumerate(_STYLES)}
    sound = [c for c in chains.values() if len(c) > 1 and not _numbering_fault([h.number for h in c])]
    if sound:
        return min(sound, key=lambda c: (rank[c[0].style[0]], c[0].line))
    return max(chains.values(), key=lambda c: (len(c), -c[0].line))


def _numbering_fault(numbers: list[int]) -> DropReason | None:
    if numbers[0] != 1:
        return DropReason.STARTS_AFTER_ONE
    if 1 in numbers[1:]:
        return DropReason.NUMBERING_RESTARTS
    return None if numbers == list(range(1, len(numbers) + 1)) else DropReason.NUMBERING_GAP


def _end_of_last_step(lines: list[str], starts: list[int], style: str) -> int:
    """Index of the first line after the last step.

    A list item ends, as in Markdown, where text stands unindented after a blank line. Where the steps before
    have unindented paragraphs, or the style is not a list, only a section heading, a rule or a line that
    announces the final answer ends the last step.
    """
    is_list = style in ("list", _PLAIN)
    heads = set(starts)
    loose = not is_list or any(_leaves_item(lines, i) for i in range(starts[0] + 1, starts[-1]) if i not in heads)
    for i in range(starts[-1] + 1, len(lines)):
        if not lines[i].strip() or lines[i][0].isspace():
            continue
        if _SECTION.match(lines[i]) or _FINAL.match(lines[i]) or (not loose and _leaves_item(lines, i)):
            return i
    return len(lines)


def _leaves_item(lines: list[str], i: int) -> bool:
    line = lines[i]
    return bool(line.strip()) and not line[0].isspace() and not lines[i - 1].strip()
