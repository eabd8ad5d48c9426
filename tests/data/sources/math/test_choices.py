"""Questions with options in a column of their own, as their data sets have them."""

from __future__ import annotations

import pytest

from treadle.data.sources.math.choices import options_of, right_letter, with_options

TEXTS = ["21", "21.5"]
SHOWN = "How many?\n\nA. 21\nB. 21.5"


@pytest.mark.parametrize(
    "row",
    [
        {"options": ["A)21", "B)21.5"], "correct": "B"},  # AQuA
        {"options": {"A": "21", "B": "21.5"}, "answer": "21.5", "answer_idx": "B"},  # MedQA
        {"choices": TEXTS, "answer": 1},  # MMLU
        {"choices": {"text": TEXTS, "label": ["A", "B"]}, "answerKey": "B"},  # ARC
        {"options": TEXTS, "answer": "B", "answer_index": 1},  # MMLU-Pro
        {"options": "a ) 21 , b ) 21.5", "correct": "b"},  # MathQA
        {"options": '["21", "21.5"]', "answer": "(B)"},
    ],
)
def test_options_and_the_letter_of_the_right_one(row):
    options = options_of(row)
    assert with_options("How many?", options) == SHOWN
    assert right_letter(row, options) == "B"


def test_a_question_that_shows_its_options_stays():
    options = options_of({"options": TEXTS})
    assert with_options("How many? (A) 21 (B) 21.5", options) == "How many? (A) 21 (B) 21.5"


@pytest.mark.parametrize("row", [{}, {"options": None}, {"options": 3}, {"choices": [{"a": 1}]}, {"choices": "x"}])
def test_rows_without_options(row):
    assert options_of(row) == []
    assert with_options("q", []) == "q"


@pytest.mark.parametrize("answer", [None, 7, True, "C", "none of these"])
def test_an_answer_that_names_no_option(answer):
    assert right_letter({"answer": answer}, options_of({"options": TEXTS})) is None
