"""Overlap against sets of tuples, cases worked by hand, and the real evaluation sets."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.curate.overlap import EvaluationIndex, Overlap, OverlapKind, normalised
from treadle.data.curate.problems import load_problems

FOUR = ("amc23", "aime24", "aime25", "minerva")
CONTENT = st.lists(st.sampled_from(["torus", "sphere", "cube"]), max_size=60)
LONG = (
    "Torus $T$ is the surface produced by revolving a circle with radius $3$ around an axis in the plane of the circle "
    "that is a distance $6$ from the center of the circle. Find the radius of the sphere."
)
SHORT = "How many up quarks does a tritium nucleus contain?"
PHRASE = (
    "can be written in the form $\\frac{m}{n}$, where $m$ and $n$ are relatively prime positive integers. Find $m+n$."
)


def runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


@pytest.fixture(scope="module")
def index() -> EvaluationIndex:
    return EvaluationIndex({"one": [("a", LONG), ("b", "Find $x$.")], "two": [("c", SHORT)]})


@given(CONTENT, CONTENT)
def test_shared_runs_are_those_of_sets(evaluation, text):
    found = EvaluationIndex({"e": [("1", " ".join(evaluation))]}).match(" ".join(text))
    if text and text == evaluation:
        assert found == ("e", "1", OverlapKind.SAME_TEXT)
    elif runs(text, 13) & runs(evaluation, 13):
        assert found == ("e", "1", OverlapKind.SHARED_RUN)
    elif 6 <= len(evaluation) < 13 and tuple(evaluation) in runs(text, len(evaluation)):
        assert found == ("e", "1", OverlapKind.CONTAINED)
    else:
        assert found is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG, ("one", "a", OverlapKind.SAME_TEXT)),
        (
            LONG.replace("$", "").upper().replace("3", "\\( \\mathbf{3}\\ \\)"),
            ("one", "a", OverlapKind.SAME_TEXT),
        ),
        ("Solve this. " + LONG, ("one", "a", OverlapKind.SHARED_RUN)),
        (
            "It is the surface produced by revolving a circle with radius 3 around an axis.",
            ("one", "a", OverlapKind.SHARED_RUN),
        ),
        ("It is the surface produced by revolving a circle with radius 3 around.", None),  # 12 words shared
        (LONG.replace("circle", "disk"), None),
        (SHORT, ("two", "c", OverlapKind.SAME_TEXT)),
        (f"Tell me: {SHORT} Think.", ("two", "c", OverlapKind.CONTAINED)),
        (SHORT.replace("up", "down"), None),
        ("find X", ("one", "b", OverlapKind.SAME_TEXT)),
        ("Find x. Find y.", None),  # too short to be looked for inside
        ("", None),
        ("$$", None),
    ],
)
def test_overlap_by_hand(index, text, expected):
    assert index.match(text) == expected
    assert pickle.loads(pickle.dumps(index)).match(text) == expected


def test_the_phrase_that_asks_for_an_answer_is_no_overlap():
    assert len(normalised(PHRASE).split()) > 13
    sets = {"e": [("1", f"The area of the largest such rectangle {PHRASE}")]}
    assert EvaluationIndex(sets).match(f"The volume of that pyramid {PHRASE}") is None
    assert EvaluationIndex(sets).match(f"So the area of the largest such rectangle {PHRASE}") == (
        "e",
        "1",
        OverlapKind.SHARED_RUN,
    )


def test_of_a_problem_of_formulas_the_whole_must_be_contained():
    formula = "If $z = 1 + \\sqrt{3} i$, what is the square of $z^2 - 2z + 4$?"
    index = EvaluationIndex({"e": [("1", formula)]})
    assert index.match(f"Work it out. {formula} Box it.") == ("e", "1", OverlapKind.CONTAINED)
    assert index.match(f"Work it out. {formula.replace('4', '5')} Box it.") is None


def test_the_problem_with_most_shared_runs_is_named():
    begin = "the quick brown fox jumps over the lazy dog near the old river bank"
    sets = {"e": [("1", f"{begin} at dawn"), ("2", f"{begin} at dusk while the farmers sleep")]}
    found = EvaluationIndex(sets).match(f"See: {begin} at dusk while the farmers eat.")
    assert found == Overlap("e", "2", OverlapKind.SHARED_RUN)
    assert str(found) == "e, problem 2: a run of 13 words"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$\\dfrac{1}{2}\\,x\\quad\\text{and}\\left(y\\right)$", "frac 1 2 x and y"),
        ("10,000 10{,}000 $10\\,000$ (1,2)", "10000 10000 10000 1 2"),
        ("[asy]draw((0,0)--(1,1));[/asy] The figure\\begin{align*}x_1&=2x\\end{align*}", "the figure x 1 2 x"),
        ("$\\textbf{(A)}\\ 3\\qquad$ Don’t", "a 3 don t"),
    ],
)
def test_normalisation(text, words):
    assert normalised(text) == words


def test_real_sets_find_themselves_and_no_real_training_problem(data):
    sets = {name: load_problems(name, data / "eval") for name in FOUR}
    index = EvaluationIndex(sets)
    assert len(pickle.dumps(index)) < 300_000
    for name, problems in sets.items():
        for _, text in problems:
            assert index.match(text).set == name
            assert index.match(f"Solve: {text} Put the answer in a box.").set == name
    for name, column in (("amc_aime_solutions", "problem"), ("s1k", "problem")):
        rows = map(json.loads, (data / "math" / f"{name}.jsonl").open())
        assert [found for row in rows if (found := index.match(row[column]))] == []
