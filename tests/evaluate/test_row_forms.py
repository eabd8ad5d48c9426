"""Rows in the forms in which sets are published: own samples of each form, read by hand."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import DataError
from treadle.evaluate.benchmarks import load_data, load_known
from treadle.evaluate.known_sets import KNOWN
from treadle.evaluate.row_forms import ASKED, LETTERS, shuffled


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def gpqa(number):
    return {
        "Record ID": f"rec{number}",
        "Question": f"Which of these is number {number}?\n",
        "Correct Answer": f"right {number}\n",
        "Incorrect Answer 1": f"wrong {number}a",
        "Incorrect Answer 2": f"wrong {number}b",
        "Incorrect Answer 3": f"wrong {number}c",
        "Explanation": "because",
        "Subdomain": "Physics (general)",
    }


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_gpqa_rows_get_their_choices_in_an_order_of_the_seed(tmp_path):
    path = write(tmp_path / "mine.jsonl", [gpqa(i) for i in range(40)])
    found = load_data(path).problems
    assert {p.kind for p in found} == {"choice"}
    assert found[3].id == "rec3"
    for number, problem in enumerate(found):
        lines = problem.problem.splitlines()
        assert (lines[0], lines[-1]) == (f"Which of these is number {number}?", ASKED)
        assert f"({problem.answer}) right {number}" in lines
        assert sorted(line[4:] for line in lines if line[:1] == "(") == sorted(
            [f"right {number}", f"wrong {number}a", f"wrong {number}b", f"wrong {number}c"]
        )
    counts = Counter(problem.answer for problem in found)
    assert set(counts) == set("ABCD")
    assert load_data(path).sha256 == load_data(path, choices_seed=0).sha256 != load_data(path, choices_seed=1).sha256
    turned = write(tmp_path / "turned.jsonl", [gpqa(i) for i in reversed(range(40))])
    assert {p.id: p.problem for p in load_data(turned).problems} == {p.id: p.problem for p in found}


@given(st.text(), st.lists(st.text(), min_size=1, max_size=9), st.integers(0, 5))
def test_a_shuffle_keeps_the_choices_and_points_at_the_right_one(question, wrong, seed):
    choices, letter = shuffled(question, "right", wrong, seed)
    assert choices[LETTERS.index(letter)] == "right"
    assert sorted(choices) == sorted(["right", *wrong])


@pytest.mark.parametrize("name", ["gpqa_diamond", "GPQA-diamond", "gpqa"])
def test_gpqa_is_known_by_its_count_in_json_and_csv(tmp_path, name):
    write(tmp_path / "gpqa_diamond.jsonl", [gpqa(i) for i in range(198)])
    found = load_known(name, tmp_path)
    assert (len(found.problems), found.problems[0].id, found.problems[0].benchmark) == (
        198,
        "gpqa_diamond-1",
        "gpqa_diamond",
    )
    (tmp_path / "gpqa_diamond.jsonl").unlink()
    write_csv(tmp_path / "gpqa_diamond.csv", [gpqa(i) for i in range(198)])
    assert load_known(name, tmp_path).sha256 == found.sha256


def test_a_set_known_by_count_alone_can_be_pinned(tmp_path):
    write(tmp_path / "gpqa_diamond.jsonl", [gpqa(i) for i in range(198)])
    sha256 = load_known("gpqa_diamond", tmp_path).sha256
    assert load_known(f"gpqa_diamond@{sha256[:12]}", tmp_path).sha256 == sha256
    assert load_known(f"gpqa_diamond@sha256:{sha256}", tmp_path).name == "gpqa_diamond"
    with pytest.raises(DataError, match=rf"@00000000: .*gpqa_diamond.jsonl has the content hash {sha256}"):
        load_known("gpqa_diamond@00000000", tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([gpqa(i) for i in range(197)], r"is not GPQA diamond .*197 problems with answers, gpqa_diamond has 198"),
        ([gpqa(i) for i in (*range(197), 0)], r"197 problems with answers"),
        ([{**gpqa(0), "Incorrect Answer 2": ""}], r"line 1: expected texts in the columns Question, Correct Answer"),
    ],
)
def test_what_is_not_gpqa_is_refused(tmp_path, rows, message):
    write(tmp_path / "gpqa_diamond.jsonl", rows)
    with pytest.raises(DataError, match=message):
        load_known("gpqa_diamond", tmp_path)


def test_amc12_is_known_by_its_count_and_another_set_of_that_name_is_told(tmp_path, data):
    rows = [{"id": i, "problem": f"What is {i}?", "answer": float(i), "url": "https://x"} for i in range(83)]
    write(tmp_path / "amc12.jsonl", rows)
    found = load_known("AMC-12", tmp_path)
    assert [p.answer for p in found.problems[:3]] == ["0", "1", "2"]
    assert {p.kind for p in found.problems} == {"integer"}
    (tmp_path / "amc12.jsonl").write_bytes((data / "eval" / "aime25.jsonl").read_bytes())
    with pytest.raises(DataError, match=r"is not AMC12 .*30 problems with answers, amc12 has 83; it is AIME25"):
        load_known("amc12", tmp_path)


def test_gsm8k_rows_are_answered_by_their_last_line(tmp_path):
    rows = [{"question": "q", "answer": "It is <<2*3=6>>6.\n#### 2,125"}, {"question": "r", "answer": "x\n#### -3"}]
    assert [p.answer for p in load_data(write(tmp_path / "mine.jsonl", rows), kind="integer").problems] == [
        "2125",
        "-3",
    ]


@pytest.mark.parametrize("name", ["gsm8k", "math500", "olympiadbench", "aime26"])
def test_a_part_of_a_set_known_by_content_is_refused(tmp_path, name):
    write(tmp_path / f"{name}.jsonl", [{"problem": "1+1?", "answer": "2"}])
    with pytest.raises(DataError, match=rf"is not {KNOWN[name].title} .*1 problems with answers.*'1\+1\?' is not in"):
        load_known(name, tmp_path)


def test_olympiadbench_rows(tmp_path):
    def row(**changes):
        return {
            "id": 1,
            "question": "Find n.",
            "context": None,
            "final_answer": ["$3$"],
            "answer_type": "Numerical",
        } | changes

    rows = [
        row(),
        row(id=2, question="Which?", final_answer=["1,3"], is_multiple_answer=True),
        row(id=3, question="Both?", final_answer=["1", "2"], context="Given:"),
        row(id=4, question="Prove it.", final_answer=None),
        row(id=5, question="Draw it.", answer_type="Need_human_evaluate"),
        row(id=6, question="See the figure.", image_1="abc"),
    ]
    found = load_data(write(tmp_path / "o.jsonl", rows))
    assert [(p.id, p.problem, p.answer) for p in found.problems] == [
        ("1", "Find n.", "$3$"),
        ("2", "Which?", "1,3"),
        ("3", "Given:\n\nBoth?", "1, 2"),
    ]
    assert {str(k): v for k, v in found.left_out.items()} == {
        "no_answer": 1,
        "answer_not_comparable": 1,
        "needs_an_image": 1,
    }


def test_livebench_rows(tmp_path):
    def row(number, **changes):
        return {"question_id": f"q{number}", "category": "math", "turns": [f"Question {number}?"]} | changes

    rows = [
        row(1, task="AMPS_Hard", ground_truth="\\frac{1}{2}"),
        row(2, task="math_comp", ground_truth="D"),
        row(3, task="olympiad", ground_truth="3,1,2"),
        row(4, category="reasoning", task="web_of_lies_v2", ground_truth="yes, no, yes"),
        row(5, category="coding", task="LCB_generation"),
        row(6, category="math", turns=["a", "b"], ground_truth="1"),
        row(7, category="data_analysis", ground_truth={"a": "b"}),
        row(8, category="instruction_following", ground_truth=""),
        {"question_id": "own", "turns": ["2+2?"], "ground_truth": 4},
    ]
    found = load_data(write(tmp_path / "question.jsonl", rows))
    assert [(p.id, p.kind, p.answer) for p in found.problems] == [
        ("q1", "math", "\\frac{1}{2}"),
        ("q2", "choice", "D"),
        ("q3", "text", "3,1,2"),
        ("q4", "text", "yes, no, yes"),
        ("own", "math", "4"),
    ]
    assert {str(k): v for k, v in found.left_out.items()} == {"answer_not_comparable": 3, "several_turns": 1}


@pytest.mark.parametrize(
    ("row", "letter"),
    [
        ({"question": "q", "choices": ["a", "b", "c"], "answer": 2}, "C"),  # MMLU
        ({"question": "q", "options": ["a", "b"], "answer": "B", "answer_index": 1}, "B"),  # MMLU-Pro
        ({"question": "q", "choices": {"text": ["a", "b"], "label": ["1", "2"]}, "answerKey": "2"}, "B"),  # ARC
        ({"question": "q", "options": ["(x)", "y"], "answer": "y"}, "B"),
    ],
)
def test_listed_choices_keep_their_order(tmp_path, row, letter):
    (problem,) = load_data(write(tmp_path / "c.jsonl", [row])).problems
    assert (problem.kind, problem.answer) == ("choice", letter)
    assert problem.problem.splitlines()[2].startswith("(A) ")


def test_an_answer_that_is_no_choice_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"line 1: answer 'E' is none of 2 choices; expected a letter"):
        load_data(write(tmp_path / "c.jsonl", [{"question": "q", "choices": ["a", "b"], "answer": "E"}]))


def test_named_columns_are_taken_as_they_are(tmp_path):
    row = {"turns": ["x"], "ground_truth": "5", "problem": "own"}
    (problem,) = load_data(write(tmp_path / "c.jsonl", [row]), columns="answer=ground_truth").problems
    assert (problem.problem, problem.answer) == ("own", "5")
