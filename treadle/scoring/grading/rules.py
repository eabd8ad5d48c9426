r"""Are two answers the same? The rules that need no computer algebra, in order, and what is left to it.

Rules work on the parts of an answer; where two parts are expressions, `compare` is asked, which is
`treadle.scoring.grading.expressions` in a worker process. Without it a pair that needs one has no verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from treadle.scoring.answers import lettered
from treadle.scoring.grading.normal import LONGEST, compact, plain
from treadle.scoring.grading.numbers import Number, close, read_number, without_unit
from treadle.scoring.grading.structures import Structure, is_name, read_equation, read_structure
from treadle.scoring.grading.verdicts import Finding

Compare = Callable[[str, str, str], Finding]

MINERVA_TOLERANCE = 1e-4  # of the larger number, the Qwen2.5-Math harness's
DECIMALS = 1e-6  # math-verify compares six decimals
_DEEPEST = 6
_MOST_PARTS = 60

_INTEGER = re.compile(r"[+-]?\d{1,400}")
_MARKED = re.compile(r"\\text ?\{ ?(?:\([A-Ja-j]\)|[A-Ja-j][ .:]*\})|^\(? ?[A-Ja-j] ?[).:]")
_TEXT = re.compile(r"\\text ?\{([^{}]*)\}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z' .,!-]*")
_COMMAND = re.compile(r"\\(?:text ?\{[^{}]*\}|frac|sqrt|pi|log|ln|sin|cos|tan|cdot|times|binom)(?![a-zA-Z])")
_OF_TIME = re.compile(r"(?<=[A-Za-z}]) ?\(t\)")
_WORD = re.compile(r"(?<![\\A-Za-z_{])[A-Za-z]{2,}(?![A-Za-z])")
_MOST_WORDS = 3
_ARTICLES = re.compile(r"\b(?:the|a|an)\b")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")
# Where one side has parts and the other none, computer algebra can still tell that 1 < x < 2 is (1, 2).
_RELATION = re.compile(r"[<>]|\\(?:le|ge|ne|mathbb|infty|begin|pm|emptyset)(?![a-zA-Z])")


def decide(answer: str, reference: str, kind: str, compare: Compare | None = None) -> Finding | None:
    """Judge an answer; `None` where that needs computer algebra and `compare` is not given.

    Args:
        kind: One of `KINDS`.
        compare: Judges two expressions.
    """
    if answer.strip() == reference.strip():
        return Finding(True, "same text")
    if not answer.strip() or not reference.strip():
        return Finding(False, "empty")
    if max(len(answer), len(reference)) > LONGEST:
        return Finding(False, f"longer than {LONGEST} characters")
    left, right = plain(answer), plain(reference)
    if kind == "text":
        return Finding(words(left) == words(right), "words")
    if kind == "choice":
        return _choices(left, right, marked=True) or Finding(False, "no choice")
    return _same(left, right, kind, compare, 0)


def _same(left: str, right: str, kind: str, compare: Compare | None, depth: int) -> Finding | None:
    if not left or not right:
        return Finding(False, "empty")
    if compact(left) == compact(right):
        return Finding(True, "same form")
    if depth > _DEEPEST:
        return Finding(False, "nested too deeply")
    for rule in (_numbers, _choice_rule, _structures, _equations, _texts):
        finding = rule(left, right, kind, compare, depth)
        if finding is not NotImplemented:
            return finding
    (left, left_unit), (right, right_unit) = without_unit(left), without_unit(right)
    if left_unit and right_unit and left_unit != right_unit:
        return Finding(False, "different units")
    if left_unit or right_unit:
        return _same(left, right, kind, compare, depth + 1)
    return compare(left, right, kind) if compare else None


def _numbers(left: str, right: str, kind: str, *_: object) -> Finding | None:
    a, b = read_number(left), read_number(right)
    if a is None or b is None:
        return NotImplemented
    if a.unit and b.unit and a.unit != b.unit:
        return Finding(False, "different units")
    found = [_same_value(x, y, kind) for x, y in _readings(a, b)]
    return next((finding for finding in found if finding.same), found[0])


def _readings(a: Number, b: Number) -> list[tuple[Number, Number]]:
    """`50%` is 50 where the other side has no percent sign, and 1/2."""
    if a.percent == b.percent:
        return [(a, b)]
    if a.percent:
        return [(a, b), (a._replace(value=a.value / 100), b)]
    return [(a, b), (a, b._replace(value=b.value / 100))]


def _same_value(a: Number, b: Number, kind: str) -> Finding:
    if a.value == b.value:
        whole = a.value.denominator == 1 and a.exact and b.exact
        return Finding(True, "integers" if whole else "equal numbers")
    if kind == "minerva":
        if close(a.value, b.value, MINERVA_TOLERANCE):
            return Finding(True, "numbers within 1e-4")
    elif kind == "math":
        # A rounded number may stand for a fraction, not for a whole number.
        whole = any(n.exact and n.value.denominator == 1 for n in (a, b))
        if not (whole or (a.exact and b.exact)) and close(a.value, b.value, MINERVA_TOLERANCE, DECIMALS):
            return Finding(True, "equal in six decimals")
    return Finding(False, "integers" if all(n.value.denominator == 1 for n in (a, b)) else "different numbers")


def _choice_rule(left: str, right: str, kind: str, compare: Compare | None, depth: int) -> Finding | None:
    marked = bool(_MARKED.search(left) or _MARKED.search(right))
    if (finding := _choices(left, right, marked)) is not None:
        return finding
    if not marked:
        return NotImplemented
    (left_letter, left_rest), (right_letter, right_rest) = _choice(left), _choice(right)
    if bool(left_letter) != bool(right_letter) and left_rest and right_rest:
        # `(B) 26` against 26
        return _same(left_rest, right_rest, kind, compare, depth + 1)
    return NotImplemented


def _choices(left: str, right: str, marked: bool) -> Finding | None:
    """Two choices: their letters decide. `None` where one side is no choice."""
    left_letter, right_letter = _choice(left)[0], _choice(right)[0]
    return Finding(left_letter == right_letter, "choices") if marked and left_letter and right_letter else None


def _choice(text: str) -> tuple[str | None, str]:
    r"""The letter and what follows it: `("B", "26")` of `\text{(B)} 26`; no letter and the text for anything else."""
    letter_alone = re.sub(r"\\text ?\{ ?(\(? ?[A-Ja-j] ?\)?[.:]?) ?\}", r"\1", text, count=1)
    for form in (letter_alone, _TEXT.sub(r"\1", text).strip()):
        letter, rest = lettered(form)
        if letter:
            return letter, rest.strip()
    return None, text


def _equations(left: str, right: str, kind: str, compare: Compare | None, depth: int) -> Finding | None:
    a, b = read_equation(left), read_equation(right)
    if a and b:
        return _two_equations(a, b, (left, right), kind, compare, depth)
    if a:  # the answer says what it is: any left side before a constant
        if is_name(a[0]) or _is_constant(a[1]):
            return _same(a[1], right, kind, compare, depth + 1)
        return Finding(False, "an equation")
    if b:  # the reference is an equation: only `x = ...` may be answered by its right side alone
        return _same(left, b[1], kind, compare, depth + 1) if is_name(b[0]) else Finding(False, "no equation")
    return NotImplemented


def _is_constant(text: str) -> bool:
    """Whether a side of an equation has no letters and is not 0: `x + y = 0` says nothing about an answer of 0."""
    return not re.search(r"[A-Za-z]", _COMMAND.sub("", text)) and not ((n := read_number(text)) and n.value == 0)


def _two_equations(
    a: tuple[str, str], b: tuple[str, str], whole: tuple[str, str], kind: str, compare: Compare | None, depth: int
) -> Finding | None:
    forms = [tuple(compact(side) for side in sides) for sides in (a, b)]
    if forms[0] == forms[1] or forms[0] == forms[1][::-1]:
        return Finding(True, "same equation")
    if forms[0][0] == forms[1][0]:
        return _same(a[1], b[1], kind, compare, depth + 1)
    if all(_WORDS.fullmatch(side) and len(side) > 1 for side in (*a, *b)):
        return Finding(False, "different equations")
    # Whether a function of time is written x or x(t) makes no difference to an equation of motion.
    return compare(*(_OF_TIME.sub(" ", side) for side in whole), kind) if compare else None


def _structures(left: str, right: str, kind: str, compare: Compare | None, depth: int) -> Finding | None:
    a, b = read_structure(left), read_structure(right)
    if a is None and b is None:
        return NotImplemented
    if a is None or b is None:
        some = a or b
        other = left if a is None else right
        if some.form in ("set", "list") and len(some.parts) == 1:
            return _same(*((left, some.parts[0]) if a is None else (some.parts[0], right)), kind, compare, depth + 1)
        if _RELATION.search(other) or _RELATION.search(" ".join(some.parts)):
            return compare(left, right, kind) if compare else None
        return Finding(False, f"{some.form} against a single answer")
    if max(len(a.parts), len(b.parts)) > _MOST_PARTS:
        return Finding(False, f"more than {_MOST_PARTS} parts")
    if len(a.parts) != len(b.parts):
        return Finding(False, "different number of parts")
    if (why := _different_form(a, b)) is not None:
        return Finding(False, why)
    ordered = "tuple" in (a.form, b.form)
    match = _in_order if ordered else _in_any_order
    same = match(a.parts, b.parts, lambda x, y: _same(x, y, kind, compare, depth + 1))
    return None if same is None else Finding(same, "parts in order" if ordered else "parts in any order")


def _different_form(a: Structure, b: Structure) -> str | None:
    if a.form == b.form == "tuple":
        vectors = [{"\\langle": "(", "\\rangle": ")"}.get(sign, sign) for sign in (*a.brackets, *b.brackets)]
        return "different brackets" if len(a.parts) == 2 and vectors[:2] != vectors[2:] else None
    forms = {a.form, b.form}
    if forms == {"tuple", "list"}:
        brackets = a.brackets if a.form == "tuple" else b.brackets
        return None if brackets in (("(", ")"), ("\\langle", "\\rangle")) else "an interval against a list"
    return None if len(forms) == 1 or forms == {"list", "set"} else f"{a.form} against {b.form}"


def _in_order(a: list[str], b: list[str], same: Callable[[str, str], Finding | None]) -> bool | None:
    open_ = False
    for x, y in zip(a, b, strict=True):
        finding = same(x, y)
        if finding is not None and not finding.same:
            return False
        open_ = open_ or finding is None
    return None if open_ else True


def _in_any_order(a: list[str], b: list[str], same: Callable[[str, str], Finding | None]) -> bool | None:
    remaining = list(b)
    for x in a:
        findings = [(same(x, y), y) for y in remaining]
        partner = next((y for finding, y in findings if finding is not None and finding.same), None)
        if partner is None:
            return None if any(finding is None for finding, _ in findings) else False
        remaining.remove(partner)
    return True


def _texts(left: str, right: str, *_: object) -> Finding | None:
    texts = [_TEXT.sub(r" \1 ", side) for side in (left, right)]
    wordy = [bool(_WORDS.fullmatch(text.strip())) and len(text.strip()) > 1 for text in texts]
    wrapped = ["\\text" in side for side in (left, right)]
    if all(wordy) and (any(wrapped) or max(len(text.strip()) for text in texts) > 3):
        return Finding(words(left) == words(right), "words")
    # A sentence is no expression, nor what is all in \text{}.
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
