"""The 372 references of the four benchmarks: each right in other notations, wrong for the others."""

from __future__ import annotations

import json
import re

import pytest

from treadle.scoring.answers import last_boxed
from treadle.scoring.grading import Verdict

COUNTS = {"amc23": 40, "aime24": 30, "aime25": 30, "minerva_math": 272}
FLOAT = re.compile(r"([+-]?[\d.]+)e([+-]?\d+)")


@pytest.fixture(scope="module")
def references(data):
    found = {}
    for name, count in COUNTS.items():
        rows = [json.loads(line) for line in (data / "eval" / f"{name}.jsonl").read_text().splitlines()]
        found[name] = [str(row["answer"]) if "answer" in row else last_boxed(row["solution"]) for row in rows]
        assert len(found[name]) == count
        assert None not in found[name]
    return found


def rewritten(answer: str) -> list[str]:
    """The same answer as models write it."""
    forms = [answer, f"${answer}$", rf"\({answer}\)", f"{answer}.", f" {answer}\n", answer.replace(r"\frac", r"\dfrac")]
    forms += [answer.replace(r"\left", "").replace(r"\right", ""), re.sub(r"([_^])\{(\w)\}", r"\1\2", answer)]
    single = "=" not in answer and "," not in answer
    if single:
        forms += [rf"{answer} \text{{ units}}", rf"{answer}\ \mathrm{{~cm}}^2", f"y = {answer}", rf"f(t) = {answer}"]
    if match := FLOAT.fullmatch(answer):
        mantissa, exponent = match[1], int(match[2])
        forms += [rf"{mantissa} \times 10^{{{exponent}}}", rf"{mantissa}\cdot10^{{{exponent}}}\,\mathrm{{m/s}}"]
        forms += [rf"\approx {mantissa} × 10^{exponent}", f"{float(answer):.35f}"]
    elif re.fullmatch(r"[+-]?\d+(\.0)?", answer):
        whole = int(float(answer))
        forms += [f"{whole}.0", f"{whole:,}", f"{whole:,}".replace(",", "{,}"), rf"\frac{{{2 * whole}}}{{2}}"]
        forms += [rf"\text{{{whole}}}", rf"\mathbf{{{whole}}}", rf"{whole}^\circ", rf"\${whole}"]
    return forms


def kind_of(name: str) -> str:
    return "minerva" if name == "minerva_math" else "integer"


def numeric(answer: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", answer))


@pytest.mark.parametrize("name", COUNTS)
def test_each_is_right_as_it_may_be_written(grader, references, name):
    pairs = [(form, answer) for answer in references[name] for form in rewritten(answer)]
    grades = grader.judge([form for form, _ in pairs], [answer for _, answer in pairs], kind_of(name))
    assert [(p, g) for p, g in zip(pairs, grades, strict=True) if g.verdict != Verdict.RIGHT] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_each_number_is_wrong_for_the_others(grader, references, name):
    numbers = [answer for answer in references[name] if numeric(answer)]
    pairs = [(a, b) for a in numbers for b in numbers if float(a) != float(b)]
    grades = grader.judge([a for a, _ in pairs], [b for _, b in pairs], kind_of(name))
    assert [(p, g) for p, g in zip(pairs, grades, strict=True) if g.verdict != Verdict.WRONG] == []


@pytest.mark.slow
def test_each_expression_is_wrong_for_the_next(grader, references):
    expressions = [answer for answer in references["minerva_math"] if not numeric(answer)]
    pairs = list(zip(expressions, expressions[1:] + expressions[:1], strict=True))
    grades = grader.judge([a for a, _ in pairs], [b for _, b in pairs], "minerva")
    assert [(p, g) for p, g in zip(pairs, grades, strict=True) if g.verdict != Verdict.WRONG] == []
