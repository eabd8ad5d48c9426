"""What holds for all answers: notations are equal, judging is symmetric, garbage is never right."""

from __future__ import annotations

import math
import string
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from treadle.scoring.grading import Verdict, canonical
from treadle.scoring.grading.rules import decide

WHOLE = st.integers(-(10**7), 10**7)
DECIMALS = st.builds(lambda n, places: (n, places), st.integers(-(10**8), 10**8), st.integers(1, 6))
FRACTIONS = st.fractions(min_value=-1000, max_value=1000, max_denominator=999).filter(lambda f: f.denominator > 1)
FORMS = st.sampled_from(
    [
        *["5", "-3", "0.5", r"\frac{1}{2}", "1/2", r"50\%", "1,000", "1e3", r"10^{3}", r"5\text{ cm}", "5 m", "", "("],
        *["(1,2)", "[1,2]", "(1,2]", "1,2", "2,1", r"\{1,2\}", r"(1,2)\cup(3,4)", r"1\pm 2", "3,-1", "(1,2,3)"],
        *[
            "x",
            "x+1",
            "1+x",
            r"\sqrt{2}",
            "1.414214",
            r"\pi",
            "3.14159265",
            r"\text{East}",
            "east",
            "A",
            "(A)",
            "(B) 5",
        ],
        *["x<2", r"(-\infty,2)", r"\infty", r"\emptyset", r"\frac{1}{x}", "2^{10}", "1024", "E", "e", "i", "(B) 5"],
    ]
)


def notations_of_whole(n: int) -> list[str]:
    sign = "-" if n < 0 else ""
    size = abs(n)
    forms = [str(n), f"{n}.0", f"{n}.", f"${n}$", f"{n:,}", f"{n:,}".replace(",", "{,}"), f"{sign}00{size}"]
    forms += [rf"\text{{{n}}}", rf"\boldsymbol{{{n}}}", rf"\left({n}\right)", f" {n} ", f"**{n}**", rf"\({n}\)"]
    forms += [rf"{sign}\frac{{{2 * size}}}{{2}}", rf"{n}^\circ", rf"{n}^{{\circ}}", rf"{n} \text{{ apples}}"]
    forms += [rf"\${n}", f"x = {n}", f"{n}\\%", rf"{n}\mathrm{{~kg}}", f"{n}°", rf"{sign}{size} \times 10^{{0}}"]
    return forms


def notations_of_fraction(f: Fraction) -> list[str]:
    sign, a, b = "-" if f < 0 else "", abs(f.numerator), f.denominator
    forms = [rf"{sign}\{name}{{{a}}}{{{b}}}" for name in ("frac", "dfrac", "tfrac", "cfrac")]
    forms += [rf"{sign}\frac {{{a}}} {{{b}}}", f"{sign}{a}/{b}", rf"\frac{{{sign}{a}}}{{{b}}}", f"{sign}{a} / {b}"]
    forms += [rf"\left({sign}\frac{{{a}}}{{{b}}}\right)", rf"{sign}\frac{{{3 * a}}}{{{3 * b}}}"]
    if a < 10 and b < 10:
        forms += [rf"{sign}\frac{a}{b}", rf"{sign}\frac {a} {b}", rf"{sign}\frac{{{a}}}{b}", rf"{sign}\frac{a}{{{b}}}"]
    return forms


def wrong(answers, reference, kind):
    findings = [(answer, decide(answer, reference, kind)) for answer in answers]
    return [(answer, finding) for answer, finding in findings if finding is None or not finding.same]


@given(WHOLE, st.sampled_from(["math", "integer", "minerva"]))
def test_a_whole_number_equals_itself_in_every_notation(n, kind):
    forms = [form for form in notations_of_whole(n) if "(" not in form]
    assert wrong(forms, str(n), kind) == []
    assert [form for form in forms if wrong([str(n)], form, kind)] == []
    assert {canonical(form).rstrip("%") for form in forms} == {str(n)}


@given(FRACTIONS, st.sampled_from(["math", "minerva"]))
def test_a_fraction_equals_itself_in_every_notation(f, kind):
    forms = [form for form in notations_of_fraction(f) if "(" not in form]
    assert wrong(forms, str(f), kind) == []
    assert {canonical(form) for form in forms} == {str(f)}


def test_brackets_around_a_number_do_not_count(grader):
    answers, references = [], []
    for number in (Fraction(3, 4), Fraction(-7, 2)):
        answers += [form for form in notations_of_fraction(number) if "(" in form]
        references += [str(number)] * (len(answers) - len(references))
    assert {grade.verdict for grade in grader.judge(answers, references)} == {Verdict.RIGHT}


@given(DECIMALS)
def test_a_decimal_number_equals_itself_in_every_notation(decimal):
    n, places = decimal
    value = Fraction(n, 10**places)
    text = f"{'-' if n < 0 else ''}{abs(n) // 10**places}.{abs(n) % 10**places:0{places}}"
    forms = [text, f"{text}000", rf"{n} \times 10^{{-{places}}}", rf"{n}\cdot 10^{{-{places}}}", f"{n}e-{places}"]
    forms += [f"{n}E-{places:02}", text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text]
    for kind in ("math", "minerva"):
        assert wrong(forms, text, kind) == []
    assert {canonical(form) for form in forms} == {str(value)}


@given(DECIMALS, DECIMALS | st.just(None), st.floats(-3e-4, 3e-4))
def test_minerva_follows_the_harness_tolerance(first, second, shift):
    a = first[0] / 10 ** first[1]
    b = second[0] / 10 ** second[1] if second else a * (1 + shift)
    if abs(abs(a - b) - 1e-4 * max(abs(a), abs(b))) < 1e-12 * max(abs(a), abs(b)):
        return  # on the edge, rounding decides
    assert decide(repr(a), repr(b), "minerva").same == math.isclose(a, b, rel_tol=1e-4)


@given(WHOLE, WHOLE)
def test_different_whole_numbers_differ(a, b):
    for kind in ("math", "integer"):
        for form in (str(b), f"{b}.0", f"x={b}", rf"{b}\text{{ m}}"):
            assert decide(str(a), form, kind).same == (a == b)


@given(FORMS, FORMS, st.sampled_from(["math", "integer", "minerva", "text", "choice"]))
def test_judging_is_symmetric(grader, a, b, kind):
    forth, back = grader.judge([a, b], [b, a], kind)
    assert forth.verdict == back.verdict
    assert (forth.verdict == Verdict.RIGHT) or a.strip() != b.strip()


ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
ONES = ["", *ONES.split(), "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(n: int) -> str:
    if n >= 1000:
        return f"{in_words(n // 1000)} thousand {in_words(n % 1000) if n % 1000 else ''}".strip()
    if n >= 100:
        return f"{ONES[n // 100]} hundred {'and ' + in_words(n % 100) if n % 100 else ''}".strip()
    return ONES[n] if n < 20 else f"{TENS[n // 10]}{'-' + ONES[n % 10] if n % 10 else ''}"


@given(st.integers(1, 999_999), st.sampled_from(["", " apples", " different ways"]))
def test_numbers_in_words_are_those_numbers(n, noun):
    assert wrong([in_words(n) + noun, in_words(n).title() + noun], str(n), "math") == []
    assert wrong([f"minus {in_words(n)}", f"negative {in_words(n)}"], str(-n), "math") == []
    assert not decide(in_words(n), str(n + 1), "math").same
    assert not decide(in_words(n), str(-n), "math").same


@given(FRACTIONS.filter(abs))
def test_near_misses_of_a_fraction_are_wrong(f):
    above, below = abs(f.numerator), f.denominator
    misses = [str(-f), rf"\frac{{{above + below}}}{{{below}}}", f"({above}, {below})", f"{above}, {below}"]
    misses += [
        rf"\frac{{{below}}}{{{above}}}",
        f"{f} x",
        f"({f})^2",
        f"x > {f}",
        f"{f} \\text{{ dozen}}",
        "no solution",
    ]
    misses += [f"{f} dozen", f"{f} thousand", f"at least {f}", f"{f} or more", f"twice {f}", f"{f} squared", f"not {f}"]
    same = [decide(miss, str(f), "math") for miss in misses]
    assert [(miss, finding) for miss, finding in zip(misses, same, strict=True) if finding and finding.same] == []


PIECES = ["lorem", "ipsum", r"\frac", "{", "}", "$", r"\boxed{", "(", "=", r"\\", "?"]
GARBAGE = (
    st.text(string.punctuation + " \n", min_size=1)
    | st.text(min_size=8)
    | st.lists(st.sampled_from(PIECES), min_size=2).map(" ".join)
)


@given(GARBAGE, st.sampled_from(["27", r"\frac{37}{4} m", "1.6e-19", r"\alpha", "(1,2)", "MR=SRMC", "x+1"]))
def test_garbage_is_never_right(grader, garbage, reference):
    for kind in ("math", "integer", "minerva", "text", "choice"):
        assert grader.judge([garbage], [reference], kind)[0].verdict != Verdict.RIGHT
