"""Answers made to hang, to take memory or to be executed."""

from __future__ import annotations

import time

import pytest

from treadle.scoring.grading import Grader, Verdict, canonical

BIG = 10**6


@pytest.fixture(scope="module")
def grader():
    grader = Grader(workers=2, seconds=1)
    yield grader
    grader.close()


LONG = [
    "{" * BIG,
    "{" * (BIG // 2) + "}" * (BIG // 2),
    "\\frac{" * (BIG // 6),
    "(" * BIG,
    "9" * BIG,
    "1," * (BIG // 2),
    "\\text{" * (BIG // 6),
    " " * BIG + "1",
    "-" * BIG,
    "\x00" * BIG,
]
SHORT = ["{" * 990 + "5" + "}" * 990, "(" * 300 + "5" + ")" * 300, r"\frac{" * 300, "1" * 1990, "x^" * 900]
HUGE = ["9**9**9", "(((10^{10})!)!)!", r"\binom{10^{9}}{5 \cdot 10^8}", "1e999999999"]
ODD = ["\ud800", "5\ud800", "\udfff{", "\x005", "", " ", "\\", "nan", "inf", "NaN", "1/0", r"\frac{1}{0}"]


def test_a_megabyte_takes_no_time(grader):
    began = time.monotonic()
    for kind in ("math", "integer", "minerva", "text", "choice"):
        grades = grader.judge([*LONG, *LONG], ["5"] * len(LONG) + [r"\sqrt{x}"] * len(LONG), kind)
        assert {grade.verdict for grade in grades} == {Verdict.WRONG}
    assert grader.judge(LONG, LONG)[0].verdict == Verdict.RIGHT
    assert [canonical(text) for text in LONG]
    assert time.monotonic() - began < 20


def test_what_is_just_short_enough_does_not_hang(grader):
    grades = grader.judge(SHORT, ["17"] * len(SHORT), "minerva")
    assert Verdict.RIGHT not in {grade.verdict for grade in grades}


def test_huge_numbers_cost_themselves_only(grader):
    grades = grader.judge([*HUGE, r"\sqrt{4}x"], ["5"] * len(HUGE) + ["2x"])
    assert Verdict.RIGHT not in {grade.verdict for grade in grades[:-1]}
    assert grades[-1].verdict == Verdict.RIGHT


def test_odd_characters_are_only_wrong(grader):
    for kind in ("math", "minerva"):
        assert Verdict.RIGHT not in {grade.verdict for grade in grader.judge(ODD, ["17"] * len(ODD), kind)}
    assert {grade.verdict for grade in grader.judge(["x\ud800"], ["x\ud800"])} == {Verdict.RIGHT}


def test_nothing_is_executed(grader, tmp_path):
    trace = tmp_path / "trace"
    commands = [
        f"__import__('os').system('touch {trace}')",
        f"eval(\"__import__('os').system('touch {trace}')\")",
        f"open('{trace}','w')",
        f"$(touch {trace})",
        f"`touch {trace}`",
        f"; touch {trace}",
        rf"\immediate\write18{{touch {trace}}}",
        rf"\input{{|touch {trace}}}",
        f"np.arcsin(__import__('os').system('touch {trace}'))",
        f"1 + __import__('os').system('touch {trace}')",
        f"lambda: open('{trace}', 'w')",
    ]
    for kind in ("math", "minerva", "integer"):
        for reference in ("0", r"\sqrt{x}+1"):
            grades = grader.judge(commands, [reference] * len(commands), kind)
            assert Verdict.RIGHT not in {grade.verdict for grade in grades}
    grader.judge(commands, ["0"] * len(commands), grader="math_verify")
    assert not trace.exists()
