r"""Write the pairs of `pairs.jsonl`: each verdict follows from how the pair is built, never from the grader.

    python tests/scoring/grading/corpus/make_corpus.py FOLDER        FOLDER holds eval/*.jsonl and math/*.jsonl

Numbers are compared as fractions here. Pairs of other kinds are written by hand in `by_hand.jsonl`.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent
RIGHT, WRONG, UNDECIDED = "right", "wrong", "undecided"
Pair = tuple[str, str, str, str]  # answer, reference, verdict, reason
rng = random.Random(17)
STYLES = (
    *(r"\textcolor{red}{%s}", r"\color{blue}{%s}", r"\underline{%s}", r"{\bf %s}", r"\Large %s", r"\boldsymbol{%s}"),
    *(
        r"\mathbf{%s}",
        r"\bm{%s}",
        r"\displaystyle %s",
        r"$%s$",
        r"\(%s\)",
        r"**%s**",
        r"\ensuremath{%s}",
        r"\boxed{%s}",
    ),
)
SPACING = (r"%s\ ", r"%s\,", r"%s\;", r"%s\quad", r"%s~", r"%s \\", r"%s.", r"\,%s\!", r"%s\hspace{1em}", r" %s ")
SAID = (
    *(r"\text{Answer: }%s", "Answer: %s", "The answer is %s", r"\text{The answer is }%s", "Final answer: %s", "x = %s"),
    *("Ans: %s", r"\angle ABC = %s", r"\text{Area} = %s", "AB = %s", "f(2) = %s", r"m\angle A = %s", r"\approx %s"),
)


def formats(references: list[str]) -> Iterator[Pair]:
    for table, why in (
        (STYLES, "style does not count"),
        (SPACING, "spacing does not count"),
        (SAID, "what introduces it"),
    ):
        for form in table:
            for answer in rng.sample(references, 4):
                if why == "what introduces it" and not re.fullmatch(r"[-\d./]+|\\frac\{\d+\}\{\d+\}", answer):
                    answer = str(rng.randint(2, 999))
                yield form % answer, answer, RIGHT, f"{why}: {form}"
            number = rng.randint(10, 999)
            yield form % (number + 1), str(number), WRONG, "another number in the same dress"


def separators() -> Iterator[Pair]:
    for _ in range(12):
        n = rng.randint(1_000_000, 999_999_999)
        western = f"{n:,}"
        indian = _indian(n)
        forms = [
            western.replace(",", mark) for mark in (",", "{,}", r"\,", " ", r"\ ", "~", "'", ".", "\u202f", "{,}\\,")
        ]
        for form in [*forms[:-1], indian, indian.replace(",", "{,}")]:
            yield form, str(n), RIGHT, "the same digits in groups"
            yield form, str(n + 1), WRONG, "another number in groups"
        yield western.replace(",", ".") + ",5", f"{n}.5", RIGHT, "European marks, of which both occur"
        yield western.replace(",", ".") + ",5", f"{n}", WRONG, "half more"
    for whole, part in ((3, 14), (0, 5), (12, 75)):
        yield f"{whole}{{,}}{part}", f"{whole}.{part}", RIGHT, "a comma in braces is no separator of a list"
        yield f"{whole},{part}", f"{whole}.{part}", UNDECIDED, "a decimal comma or a list of two"


def _indian(n: int) -> str:
    digits = str(n)
    head, tail = digits[:-3], digits[-3:]
    groups = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*groups, tail])


def mixed() -> Iterator[Pair]:
    for _ in range(20):
        whole, below = rng.randint(1, 30), rng.randint(2, 17)
        above = rng.randint(1, below - 1)
        value = whole + Fraction(above, below)
        sign = rng.choice(["", "-"])
        forms = (
            rf"{whole}\frac{{{above}}}{{{below}}}",
            f"{whole} {above}/{below}",
            rf"{whole}\ \dfrac{{{above}}}{{{below}}}",
        )
        reference = rf"{sign}\frac{{{value.numerator}}}{{{value.denominator}}}"
        for form in forms:
            yield sign + form, reference, RIGHT, f"{whole} + {above}/{below} = {value}"
        other = whole * Fraction(above, below)
        yield sign + forms[0], f"{sign}{other}", WRONG, "a mixed number is no product"
        yield sign + forms[1], f"{sign}{value + 1}", WRONG, "another whole part"


def repeating() -> Iterator[Pair]:
    for _ in range(16):
        first = "".join(rng.choices("0123456789", k=rng.randint(0, 2)))
        block = "".join(rng.choices("0123456789", k=rng.randint(1, 3)))
        if set(block) <= {"0", "9"} or len(set(block)) < len(block):
            block = "27"
        whole = rng.randint(0, 20)
        value = whole + Fraction(int(first or 0), 10 ** len(first))
        value += Fraction(int(block), (10 ** len(block) - 1) * 10 ** len(first))
        dotted = rf"\dot{{{block[0]}}}" + (block[1:-1] + rf"\dot{{{block[-1]}}}" if len(block) > 1 else "")
        forms = (
            rf"\overline{{{block}}}",
            f"({block})",
            dotted,
            rf"\bar{{{block}}}",
            f"{block * 4}...",
            block * 3 + r"\ldots",
        )
        for form in forms:
            yield (
                f"{whole}.{first}{form}",
                rf"\frac{{{value.numerator}}}{{{value.denominator}}}",
                RIGHT,
                f"it is {value}",
            )
        yield f"{whole}.{first}{forms[0]}", f"{whole}.{first}{block}", WRONG, "the period goes on"
        yield f"{whole}.{first}{forms[0]}", str(value + Fraction(1, 9)), WRONG, "another fraction"


def scientific() -> Iterator[Pair]:
    for _ in range(18):
        mantissa, exponent = rng.randint(100, 999), rng.choice([-31, -27, -19, -9, -5, 7, 12, 23, 33])
        text = f"{mantissa // 100}.{mantissa % 100:02}"
        forms = (
            rf"{text} \times 10^{{{exponent}}}",
            rf"{text}\cdot10^{{{exponent}}}",
            f"{text}e{exponent}",
            f"{text}E{exponent}",
        )
        forms += (f"{text}*10^({exponent})", f"{text} × 10^{exponent}", rf"{text} \times {{10}}^{{{exponent}}}")
        reference = str(float(f"{text}e{exponent}"))
        for form in forms:
            yield form, reference, RIGHT, "one number in two notations of floating point"
            yield form, f"{text}e{exponent + 1}", WRONG, "ten times as much"
        yield forms[0], f"{text[0]}.{(mantissa + 7) % 100:02}e{exponent}", WRONG, "another mantissa"
        yield rf"9.1\times 10^{{{exponent - 4}}}", forms[0], WRONG, "thousands of times less"


def huge() -> Iterator[Pair]:
    for n in (50, 200, 1000, 2004, 2500):
        yield rf"\frac{{1}}{{{n}!}}", rf"\frac{{1}}{{{n + 2}!}}", WRONG, "both are tiny and differ"
        yield rf"\frac{{1}}{{{n}!}}", rf"\frac{{{n + 1}}}{{{n + 1}!}}", RIGHT, "reduced by n + 1"
        yield f"{n + 1}! - {n}!", rf"{n} \cdot {n}!", RIGHT, "(n + 1)! - n! = n n!"
        yield f"{n}!+1", f"{n}!", WRONG, "one more"
        yield rf"2^{{{n}}}", rf"4^{{{n // 2}}}" if n % 2 == 0 else rf"2 \cdot 4^{{{n // 2}}}", RIGHT, "powers of two"
        yield rf"2^{{{n}}}+1", rf"2^{{{n}}}", WRONG, "one more"
        yield rf"3^{{-{n}}}", "0", WRONG, "tiny, not zero"
        yield rf"10^{{-{n}}}", rf"10^{{-{n + 1}}}", WRONG, "ten times as much"
        yield rf"2^{{10^{n % 9}}}", "7", WRONG, "a power of two is not 7"
    for n in (10, 12, 15):
        yield rf"2^{{10^{{{n}}}}}+1", rf"2^{{10^{{{n}}}}}", UNDECIDED, "as many digits show no difference of one"
        yield rf"2^{{10^{{{n}}}}}", "0", WRONG if n <= 12 else UNDECIDED, "far from nothing, if it can be computed"


def percents() -> Iterator[Pair]:
    for _ in range(12):
        n = rng.choice([3, 12, 20, 25, 40, 50, 60, 75, 150])
        f = Fraction(n, 100)
        for sign in (r"\%", "%", r" \text{ percent}", " percent"):
            yield f"{n}{sign}", rf"\frac{{{f.numerator}}}{{{f.denominator}}}", RIGHT, "hundredths"
            yield f"{n}{sign}", str(n), RIGHT, "the question may ask for percents"
        yield str(float(f)), rf"{n}\%", RIGHT, "hundredths"
        yield str(n), str(float(f)), WRONG, "no percent sign says hundredths"
        yield rf"{n + 1}\%", rf"{n}\%", WRONG, "another percentage"
        yield f"{float(f) / 10}%", f"{float(f) / 10}", UNDECIDED, "below one percent, or the sign is idle"


CONVERTED = [
    *[
        ("cm", "m", 100),
        ("mm", "cm", 10),
        ("m", "km", 1000),
        ("g", "kg", 1000),
        ("mg", "g", 1000),
        ("inches", "feet", 12),
    ],
    *[
        ("minutes", "hours", 60),
        ("seconds", "minutes", 60),
        ("feet", "yards", 3),
        ("days", "weeks", 7),
        ("mL", "L", 1000),
    ],
    *[("cents", "dollars", 100), ("feet", "miles", 5280), ("cm^2", "m^2", 10_000), ("months", "years", 12)],
    *[("J", "kJ", 1000), ("centimeters", "meters", 100), ("m/s", "km/s", 1000), ("ounces", "pounds", 16)],
]


def units() -> Iterator[Pair]:
    for small, large, times in CONVERTED:
        n = rng.randint(2, 40)
        wrap = [
            re.sub(r"(\w+)\^2", r"\\text{\1}^2", name) if "^" in name else rf"\text{{{name}}}"
            for name in (small, large)
        ]
        yield rf"{n * times} {wrap[0]}", rf"{n} {wrap[1]}", RIGHT, f"one {large} is {times} {small}"
        yield rf"{n} {wrap[1]}", rf"{n * times}\ {wrap[0]}", RIGHT, f"one {large} is {times} {small}"
        yield rf"{n} {wrap[0]}", rf"{n} {wrap[1]}", WRONG, "the same number of other units"
        yield rf"{n * times + 1} {wrap[0]}", rf"{n} {wrap[1]}", WRONG, "one too many"
        yield rf"{n} {wrap[1]}", str(n), RIGHT, "the reference has no unit"
        yield str(n), rf"{n} {wrap[1]}", RIGHT, "the unit may be left out"
        yield str(n * times), rf"{n} {wrap[1]}", WRONG, "without a unit it is in the reference's"


def bases() -> Iterator[Pair]:
    for _ in range(16):
        base = rng.choice([2, 3, 4, 5, 6, 7, 8, 9])
        n = rng.randint(20, 300)
        digits = _digits(n, base)
        for form in (
            f"{digits}_{base}",
            f"{digits}_{{{base}}}",
            rf"{digits}_{{\text{{{base}}}}}",
            rf"({digits})_{base}",
        ):
            yield form, f"{digits}_{base}", RIGHT, "one number in one base"
        yield rf"{digits} \text{{ (base {base})}}", f"{digits}_{{{base}}}", RIGHT, "the base in words"
        yield f"{digits}_{base}", digits, WRONG, "digits in another base"
        yield digits, f"{digits}_{base}", WRONG, "digits in base ten"
        yield f"{digits}_{base}", f"{digits}_{base + 1}", WRONG, "digits in another base"
        yield f"{n}_{{10}}", str(n), RIGHT, "base ten is the usual one"
        yield f"{digits}_{base}", str(n), UNDECIDED, "equal, in a base that may be asked for"
        yield f"{_digits(n + 1, base)}_{base}", f"{digits}_{base}", WRONG, "one more"


def _digits(n: int, base: int) -> str:
    return (_digits(n // base, base) if n >= base else "") + str(n % base)


def choices() -> Iterator[Pair]:
    for letter in "ABCDE":
        n = rng.randint(10, 99)
        for form in (rf"\textbf{{({letter})}}\ {n}", f"({letter}) {n}", rf"\text{{({letter})}} {n}", f"{letter}. {n}"):
            yield form, str(n), RIGHT, "the value behind the letter"
            yield form, letter, RIGHT, "the letter before the value"
            yield form, str(n + 1), WRONG, "another value"
            yield form, chr(ord(letter) + 1), WRONG, "another letter"
        yield rf"\textbf{{({letter})}}", f"({letter})", RIGHT, "the letter"


def several() -> Iterator[Pair]:
    for _ in range(14):
        values = rng.sample(range(-20, 40), rng.choice([2, 3]))
        shuffled = rng.sample(values, len(values))
        reference = ", ".join(map(str, values))
        told = [str(v) for v in shuffled]
        yield ", ".join(told), reference, RIGHT, "in any order"
        yield r"\{" + ",".join(told) + r"\}", reference, RIGHT, "a set has no order"
        yield " or ".join(f"x = {v}" for v in told), reference, RIGHT, "one solution after another"
        yield r" \text{ and } ".join(told), reference, RIGHT, "joined by a word"
        yield ", ".join(told[:-1]), reference, WRONG, "one is missing"
        yield ", ".join([*told, "99"]), reference, WRONG, "one too many"
        yield ", ".join([*told[:-1], "98"]), reference, WRONG, "one is another"
        point = "(" + ", ".join(map(str, values)) + ")"
        yield r"\left(" + r",\ ".join(map(str, values)) + r"\right)", point, RIGHT, "a point"
        yield r"\langle " + ",".join(map(str, values)) + r" \rangle", point, RIGHT, "a vector"
        column = r"\begin{pmatrix}" + r"\\".join(map(str, values)) + r"\end{pmatrix}"
        yield column, point, RIGHT, "a column of the same parts"
        yield r"\vec{v} = " + column, column.replace("pmatrix", "bmatrix"), RIGHT, "named, other brackets"
        yield column.replace(str(values[0]), "77", 1), column, WRONG, "another part"
        yield "(" + ", ".join(map(str, values[::-1])) + ")", point, WRONG, "the order counts in a point"


def intervals() -> Iterator[Pair]:
    for _ in range(10):
        a, b = sorted(rng.sample(range(-12, 20), 2))
        yield f"{a} < x < {b}", f"({a}, {b})", RIGHT, "the inequality of the interval"
        yield rf"{a} \le x \leq {b}", f"[{a},{b}]", RIGHT, "the inequality of the interval"
        yield rf"{a} \le x < {b}", f"[{a},{b})", RIGHT, "the inequality of the interval"
        yield rf"{b} > x \ge {a}", f"[{a},{b})", RIGHT, "read from the right"
        yield f"]{a};{b}[", f"{a}<x<{b}", RIGHT, "French brackets"
        yield f"x > {b}", rf"({b}, \infty)", RIGHT, "a half-line"
        yield f"{b} > x", rf"(-\infty, {b})", RIGHT, "a half-line"
        yield rf"x \ge {b}", rf"({b}, \infty)", WRONG, "the end belongs to one of them"
        yield rf"{a} \le x < {b}", f"({a},{b})", WRONG, "an end belongs to one of them"
        yield f"x < {a} \\text{{ or }} x > {b}", rf"(-\infty,{a})\cup({b},\infty)", RIGHT, "two half-lines"
        yield rf"({b},\infty) \cup (-\infty,{a})", rf"(-\infty,{a})\cup({b},\infty)", RIGHT, "in any order"
        yield f"x < {a} \\text{{ or }} x > {b + 1}", rf"(-\infty,{a})\cup({b},\infty)", WRONG, "another end"
        yield rf"\{{x : {a} < x < {b}\}}", rf"x\in({a},{b})", RIGHT, "the set of its members"
        yield rf"x \ne {a}", rf"(-\infty,{a})\cup({a},\infty)", RIGHT, "all but one"
        yield f"[{a}, {b}]", f"({a}, {b})", WRONG, "the ends belong to one of them"


def polynomials() -> Iterator[Pair]:
    for _ in range(16):
        p, q, r = rng.randint(1, 9), rng.randint(1, 9), rng.randint(2, 5)
        expanded = f"{r}x^2 + {r * (p + q)}x + {r * p * q}"
        for form in (
            f"{r}(x+{p})(x+{q})",
            rf"{r} \cdot (x + {q}) (x + {p})",
            f"{r * p * q} + {r * (p + q)}x + {r}x^{{2}}",
        ):
            yield form, expanded, RIGHT, "expanded"
        yield f"{r}(x+{p})(x-{q})", expanded, WRONG, "another sign"
        yield f"{r}x^2 + {r * (p + q) + 1}x + {r * p * q}", expanded, WRONG, "another coefficient"
        yield rf"\frac{{x+{p}}}{{{r}}}", rf"\frac{{1}}{{{r}}}x+\frac{{{p}}}{{{r}}}", RIGHT, "divided term by term"
        yield f"y = {r}x+{p}", f"{r}x - y + {p} = 0", RIGHT, "one line"
        yield f"y = {r}x-{p}", f"{r}x - y + {p} = 0", WRONG, "another line"


def roots() -> Iterator[Pair]:
    for k, n in ((2, 2), (3, 2), (2, 3), (5, 7), (4, 11), (6, 5), (7, 13), (3, 10), (2, 113), (9, 6)):
        yield rf"{k}\sqrt{{{n}}}", rf"\sqrt{{{k * k * n}}}", RIGHT, "k sqrt n = sqrt(k^2 n)"
        yield rf"{k}\sqrt{{{n}}}", rf"\sqrt{{{k * k * n + 1}}}", WRONG, "another radicand"
        yield rf"\frac{{{k}}}{{\sqrt{{{n}}}}}", rf"\frac{{{k}\sqrt{{{n}}}}}{{{n}}}", RIGHT, "rationalised"
        yield rf"{k}+\sqrt{{{n}}}", rf"{k}-\sqrt{{{n}}}", WRONG, "the conjugate"
        yield rf"\frac{{{k}\pi}}{{{n}}}", rf"\frac{{{k}}}{{{n}}}\pi", RIGHT, "pi beside the fraction"
        yield rf"{k}\pi", f"{k}", WRONG, "pi is missing"


def decimals(references: list[str]) -> Iterator[Pair]:
    """References of competitions, which are whole numbers, in other notations and against one another."""
    whole = [r for r in references if re.fullmatch(r"-?\d+", r)]
    for n in rng.sample(whole, 40):
        for form in (
            f"{n}.0",
            rf"\frac{{{2 * int(n)}}}{{2}}",
            rf"{n}^\circ",
            rf"{n}\text{{ ways}}",
            f"+{n}".replace("+-", "-"),
        ):
            yield form, n, RIGHT, "a reference in another notation"
        yield str(int(n) * 10 + 1), n, WRONG, "a digit more"
        yield f"{n}.01", n, WRONG, "a hundredth more"
    for a, b in zip(rng.sample(whole, 40), rng.sample(whole, 40), strict=True):
        if int(a) != int(b):
            yield a, b, WRONG, "references of different problems"


def expressions(references: list[str]) -> Iterator[Pair]:
    """References that are expressions, in other notations."""
    for reference in rng.sample([r for r in references if "\\" in r], 45):
        yield reference.replace(r"\frac", r"\dfrac"), reference, RIGHT, "a reference in another size"
        yield rf"\left({reference}\right)" if "," not in reference else reference, reference, RIGHT, "in brackets"
        yield rf"${reference}$.", reference, RIGHT, "as a sentence"
        yield f"{reference}+1", reference, WRONG, "one more"


FAMILIES = {
    "format": formats,
    "separators": separators,
    "mixed": mixed,
    "repeating": repeating,
    "scientific": scientific,
    "huge": huge,
    "percent": percents,
    "units": units,
    "bases": bases,
    "choices": choices,
    "several": several,
    "intervals": intervals,
    "polynomials": polynomials,
    "roots": roots,
    "references": decimals,
    "expressions": expressions,
}
NEED_REFERENCES = ("format", "references", "expressions")


def read_references(folder: Path) -> list[str]:
    """Short final answers of the benchmarks and of the expert solutions."""
    found = []
    for path in sorted(folder.glob("eval/*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found += [str(row["answer"]) for row in rows if "answer" in row]
    rows = [
        json.loads(line) for line in (folder / "math/amc_aime_solutions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for row in rows:
        boxed = re.findall(r"\\boxed\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}", row["solution"])
        found += boxed[-1:]
    simple = r"(?:-?\d+(?:\.\d+)?|[-\d ]*\\(?:frac|sqrt|dfrac)\{?[\d\\a-z{} +-]*\}?|[-\d]*\\pi|\d+\^\{?\d+\}?[-+]\d+)"
    short = [
        f.strip() for f in found if re.fullmatch(simple, f.strip()) and len(f) < 40 and f.count("{") == f.count("}")
    ]
    return sorted({re.sub(r"\.0$", "", f) for f in short})


def main(folder: Path) -> None:
    references = read_references(folder)
    rows, seen = [], {}
    for family, make in FAMILIES.items():
        for answer, reference, verdict, reason in make(references) if family in NEED_REFERENCES else make():
            if (answer, reference) in seen:
                assert seen[answer, reference] == verdict, (answer, reference)
                continue
            seen[answer, reference] = verdict
            rows.append(
                {"answer": answer, "reference": reference, "family": family, "verdict": verdict, "reason": reason}
            )
    (HERE / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} pairs, {len(references)} references")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
