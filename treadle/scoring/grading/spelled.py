"""Numbers in words: `five hundred`, `minus twenty-one`, `two thousand and five`, `three quarters`, `5 eighths`."""

from __future__ import annotations

import re
from fractions import Fraction

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_ONES = {name: value for value, name in enumerate(_SMALL)}
_TENS = {
    name: 10 * value
    for value, name in enumerate(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), 2)
}
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_STEMS = {"half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "eighth": 8, "ninth": 9} | {
    "twelfth": 12,
    **{f"{name}th": value for name, value in (_ONES | _LARGE).items() if value in (6, 7, 10, 11) or value > 12},
    **{f"{name[:-1]}ieth": value for name, value in _TENS.items()},
    "hundredth": 100,
}
_SIGNS = {"minus": -1, "negative": -1, "plus": 1, "positive": 1}
_WORD = re.compile(r"[a-z]+|\d{1,12}(?![\d.])")
_BEGINS = re.compile(rf"(?:minus|negative|half|a|{'|'.join((*_ONES, *_TENS))})\b", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:of )?(?:an?|the) ", re.IGNORECASE)
_TEXT = re.compile(r"[A-Za-z\d][A-Za-z\d -]{1,120}\.?")


def spelled_number(text: str) -> Fraction | None:
    """The number that words say; `None` for anything else, also for words with a noun behind them."""
    if not _TEXT.fullmatch(text):
        return None
    said = text.lower().rstrip(".")
    words = _WORD.findall(said)
    if "".join(words) != re.sub("[ -]", "", said):
        return None
    sign = _SIGNS.get(words[0], 0)
    words = words[1:] if sign else words
    dozens = words[-1:] == ["dozen"]
    value = _fraction(words[:-1] if dozens else words)
    if dozens:
        value = Fraction(1) if words in (["a", "dozen"], ["dozen"]) else value
        return None if value is None else 12 * (sign or 1) * value
    return None if value is None else (sign or 1) * value


def spelled_at_begin(text: str) -> tuple[Fraction, str] | None:
    """The number in words that a text begins with, and what follows it: `twelve apples`, `half an hour`."""
    words = text.split(" ")
    if len(words) > 16 or not _TEXT.fullmatch(text) or not _BEGINS.match(text):
        return None
    for count in range(len(words) - 1, 0, -1):
        if (value := spelled_number(" ".join(words[:count]))) is not None:
            return value, " " + _ARTICLE.sub("", " ".join(words[count:]))
    return None


def _fraction(words: list[str]) -> Fraction | None:
    """A whole number, a fraction, or both with `and` between them."""
    if not words:
        return None
    below = _STEMS.get(words[-1].removesuffix("s")) or _STEMS.get(words[-1])
    if below is None:
        return None if (whole := _whole(words)) is None else Fraction(whole)
    last, whole, words = words[-1], 0, words[:-1]
    if "and" in words:
        k = len(words) - 1 - words[::-1].index("and")
        if (mixed := _whole(words[:k])) is not None:
            whole, words = mixed, words[k + 1 :]
    above = 1 if words in (["a"], []) else _whole(words)
    if above is None or (not words and not whole and below != 2) or (below == 4 and above > 3):
        return None  # "third" is a place in an order, and five quarters are coins
    if (above != 1) != last.endswith("s"):
        return None  # so is "two hundredth"
    return whole + Fraction(above, below)


def _whole(words: list[str]) -> int | None:
    if len(words) == 1 and words[0].isdigit():
        return int(words[0])
    if words and words[0] == "a" and len(words) > 1:
        words = ["one", *words[1:]]
    total, part, before = 0, None, ""
    for k, word in enumerate(words):
        if word in _LARGE:
            if part is None or (total and total < _LARGE[word]):
                return None
            total, part = total + part * _LARGE[word], None
        elif word == "hundred":
            if part is None or part >= 100:
                return None
            part *= 100
        elif word == "and":
            if before not in (*_LARGE, "hundred") or k == len(words) - 1:
                return None
        else:
            value = _ONES.get(word, _TENS.get(word))
            fits = part is None or part % 100 == 0 or (before in _TENS and 0 < (value or 0) < 10)
            if value is None or not fits or (part is not None and not value):
                return None
            part = (part or 0) + value
        before = word
    return None if not words or (part is None and not total) else total + (part or 0)
