"""Evaluation sets by name and by path."""

from __future__ import annotations

import json

import pytest

from treadle.data.curate.problems import known_name, load_problems
from treadle.errors import DataError


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("TREADLE_BENCHMARKS", raising=False)


def test_a_named_set_comes_from_the_folder(tmp_path, monkeypatch):
    write(tmp_path / "aime25.jsonl", [{"id": f"I-{i}", "problem": f"Problem {i}"} for i in range(30)])
    expected = [(f"I-{i}", f"Problem {i}") for i in range(30)]
    assert load_problems("aime25", tmp_path) == expected
    monkeypatch.setenv("TREADLE_BENCHMARKS", str(tmp_path))
    assert load_problems("aime25") == expected


def test_minerva_has_two_names(tmp_path):
    write(tmp_path / "minerva_math.jsonl", [{"problem": f"Problem {i}"} for i in range(272)])
    assert load_problems("minerva", tmp_path)[0] == ("1", "Problem 0")


def test_another_number_of_problems_is_refused(tmp_path):
    path = write(tmp_path / "amc23.jsonl", [{"problem": f"Problem {i}"} for i in range(39)])
    with pytest.raises(DataError, match=r"amc23.jsonl holds 39 problems, but amc23 has 40"):
        load_problems("amc23", tmp_path)
    assert len(load_problems(path)) == 39


def test_a_missing_set_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(DataError) as caught:  # the tests run offline
        load_problems("minerva", tmp_path)
    for part in ("minerva.jsonl", "minerva_math.jsonl", "math-ai/minervamath", "TREADLE_BENCHMARKS"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="TREADLE_BENCHMARKS is not set"):
        load_problems("aime24")


@pytest.mark.parametrize("name", ["amc", "aime2025.jsonl", "minreva"])
def test_an_unknown_name_lists_the_known(name):
    with pytest.raises(DataError, match=rf"--against {name}: neither a file nor one of amc23, aime24, aime25, minerva"):
        load_problems(name)


def test_any_file_with_a_problem_column(tmp_path):
    rows = [
        {"question": "One?", "idx": 7},
        {"problem_statement": "Two", "instance_id": "a__b-1"},
        {"prompt": [{"role": "system", "content": "Box it."}, {"role": "user", "content": "Three"}]},
        {"problem": "Four", "prompt": "Solve: Four", "id": 0},
        {"problem": "", "text": "Five"},
    ]
    expected = [("7", "One?"), ("a__b-1", "Two"), ("3", "Three"), ("0", "Four"), ("5", "Five")]
    assert load_problems(write(tmp_path / "rows.jsonl", rows)) == expected
    array = tmp_path / "array.json"
    array.write_text(json.dumps(rows))
    assert load_problems(str(array)) == expected


def test_rows_without_a_problem_are_refused(tmp_path):
    path = write(tmp_path / "rows.jsonl", [{"problem": "One"}, {"solution": "x", "answer": 1}])
    with pytest.raises(DataError, match=r"line 2: no problem text; found the columns solution, answer, expected"):
        load_problems(path)
    path.write_text('{"problem": "One"}\n{broken\n')
    with pytest.raises(DataError, match=r"line 2: .*every problem must be readable"):
        load_problems(path)


def test_the_four_real_sets(data):
    assert {name: len(load_problems(name, data / "eval")) for name in ("amc23", "aime24", "aime25", "minerva")} == {
        "amc23": 40,
        "aime24": 30,
        "aime25": 30,
        "minerva": 272,
    }


def test_what_cannot_be_read_is_named_once_with_the_option(tmp_path):
    missing = tmp_path / "none.jsonl"
    with pytest.raises(DataError) as caught:
        load_problems(missing)
    assert str(caught.value).startswith(f"--against {missing}: {missing}: no such file or folder")
    path = tmp_path / "amc23.jsonl"
    path.write_text('{"problem": "One"}\n{broken\n')
    with pytest.raises(DataError) as caught:
        load_problems("amc23", tmp_path)
    assert str(caught.value).startswith(f"--against amc23: {path}, line 2: unreadable_json: ")
    with pytest.raises(DataError) as caught:  # the tests run offline
        load_problems("aime24", tmp_path)
    assert str(caught.value).count("--against") == 1


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("AMC23", "amc23"),
        ("amc_2023", "amc23"),
        ("AIME-2024", "aime24"),
        ("minerva_math", "minerva"),
        ("MinervaMath", "minerva"),
        ("MATH-500", "math500"),
        ("GSM8K", "gsm8k"),
        ("OlympiadBench", "olympiadbench"),
        ("GPQA", "gpqa_diamond"),
        ("gpqa-diamond", "gpqa_diamond"),
        ("aime26", "aime26"),
        ("amc12", "amc12"),
        ("mine.jsonl", "mine.jsonl"),
        ("math-ai/amc23", "math-ai/amc23"),
        ("math", "math"),
    ],
)
def test_case_hyphens_and_centuries_do_not_count_in_names(given, name):
    assert known_name(given) == name


def test_other_spellings_of_names_are_compared_with(tmp_path):
    write(tmp_path / "amc23.jsonl", [{"problem": f"Problem {i}"} for i in range(40)])
    write(tmp_path / "minerva_math.jsonl", [{"problem": f"Problem {i}"} for i in range(272)])
    assert len(load_problems("AMC23", tmp_path)) == 40
    assert len(load_problems("Minerva_Math", tmp_path)) == 272


def test_gpqa_and_livebench_columns_hold_problems(tmp_path):
    write(tmp_path / "gpqa_diamond.jsonl", [{"Record ID": f"r{i}", "Question": f"Which {i}?"} for i in range(198)])
    assert load_problems("gpqa", tmp_path)[1] == ("r1", "Which 1?")
    path = write(tmp_path / "question.jsonl", [{"question_id": "q", "turns": ["One?", "Two?"]}])
    assert load_problems(path) == [("q", "One?\nTwo?")]
