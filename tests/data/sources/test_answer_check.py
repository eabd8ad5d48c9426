"""The comparison of final answers: what is sure, what is not, and that it works inside worker processes."""

from __future__ import annotations

import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from treadle.data.sources.answer_check import is_right, same_answer
from treadle.data.sources.math.reference import final_answer
from treadle.scoring.answers import boxes

SAME = [
    ("3", "3"),
    ("1,000", "1000"),
    ("7", "7."),
    ("90", "90^\\circ"),
    ("\\frac 34", "\\dfrac{3}{4}"),
    ("\\left( 1, 2 \\right)", "(1,2)"),
    ("2\\sqrt{113}", "\\sqrt{452}"),
    ("x=5", "5"),
    ("k > 3", "(3,\\infty)"),
    ("(3,\\infty)", "k > 3"),
    ("18 \\text{ dollars}", "18"),
    ("\\text{East}", "east"),
    ("\\text{(B)}", "B"),
    ("\\textbf{(A)}\\ 26", "26"),
    ("\\textbf{(A)}\\ 26", "A"),
    ("(b)", "B"),
    ("0.5", "\\frac{1}{2}"),
    ("18", "18.0"),
    ("10^{-5}", "1e-05"),
    ("1.67\\times 10^{-27}", "1.67e-27"),
    ("\\frac13", "0.3333333333333333"),
    ("2\\frac{1}{3}", "7/3"),
    ("120,000", "120000.0"),
    ("50\\%", "0.5"),
    ("2 1/3", "\\frac73"),
    ("0.\\overline{3}", "\\frac13"),
    ("\\frac{\\pi}{2}", "90^\\circ"),
]
DIFFERENT = [
    ("4", "3"),
    ("2\\sqrt{185}", "2\\sqrt{113}"),
    ("3-2i", "3+2i"),
    ("\\frac13", "\\frac14"),
    ("1,000,001", "1,000,000"),
    ("A", "B"),
    ("\\textbf{(A)}\\ 26", "\\textbf{(B)}"),
    ("27", "\\textbf{(A)}\\ 26"),
    ("80^\\circ", "90"),
    ("1, 2", "1, 3"),
    ("x^2+1", "x^2-1"),
    ("-\\frac12", "\\frac12"),
    ("1.6e-19", "1.7e-19"),
    ("4", "3.0"),
]
UNSURE = [
    ("\\frac13", "0.3333"),
    ("6.02\\times10^{23}", "6.02214076e+23"),
    ("B", "26"),
    ("26", "(B)"),
    ("33.3", "\\frac{100}{3}"),
    ("33.33", "33"),
    ("3.14", "\\pi"),
    ("101_2", "5"),
    ("30 \\text{ minutes}", "0.5"),
    ("\\text{no}", "yes"),
    ("proof", "x"),
    ("", "3"),
    ("1" * 301 + "+x", "3+x"),
]


@pytest.mark.parametrize(("pairs", "verdict"), [(SAME, True), (DIFFERENT, False), (UNSURE, None)])
def test_verdicts(pairs, verdict):
    assert [(pair, same_answer(*pair)) for pair in pairs] == [(pair, verdict) for pair in pairs]


def test_what_hangs_math_verify_is_unsure():
    started = time.monotonic()
    assert same_answer("(((10^{10})!)!)!", "3") is None
    assert time.monotonic() - started < 30
    assert same_answer("0.25", "\\frac14") is True


@pytest.mark.parametrize(
    ("found", "reference", "verdict"),
    [
        ([], "3", None),
        (["3"], "3", True),
        (["4", "3"], "3", True),
        (["3", "4"], "3", None),  # the last box may be an aside
        (["2", "4"], "3", False),
        (["2", "3"], "3, 2", True),  # one box for each value
        (["2", "2"], "3", False),
    ],
)
def test_several_boxes(found, reference, verdict):
    assert is_right(found, reference) is verdict


def test_works_in_forked_processes_after_use_in_their_parent():
    assert same_answer("0.5", "\\frac12") is True
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(same_answer, ["0.5", "0.25", "3"], ["\\frac12", "\\frac15", "4"])) == [True, False, False]
    assert same_answer("0.2", "\\frac15") is True


def test_real_output_is_judged_as_its_authors_did(data):
    """52 R1 answers, of which the data set's authors call 49 right, 2 wrong and 1 short of a condition."""
    counts = {}
    for line in (data / "math" / "deepseek_r1_math.jsonl").open():
        row = json.loads(line)
        verdict = is_right(boxes(row["deepseek-reasoner (question)"].split("</think>")[1]), final_answer(row["answer"]))
        counts[row["eval_result"], verdict] = counts.get((row["eval_result"], verdict), 0) + 1
    assert counts == {(1, True): 49, (2, False): 2, (0, True): 1}
