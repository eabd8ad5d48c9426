"""Sets of problems: the known ones by content, files and prepared folders, and what is wrong with them."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.errors import DataError
from treadle.evaluate.benchmarks import load_data, load_known
from treadle.evaluate.known_sets import KNOWN, PAPER, content_hash, plain_answer
from treadle.evaluate.problem_rows import LeftOut
from treadle.evaluate.records import Problem
from treadle.evaluate.settings import EvaluateSettings

COUNTS = {"amc23": 40, "aime24": 30, "aime25": 30, "minerva": 272}


@pytest.fixture
def eval_folder(data, monkeypatch):
    monkeypatch.delenv("TREADLE_BENCHMARKS", raising=False)
    return data / "eval"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", PAPER)
def test_known_sets_from_a_folder(name, eval_folder):
    found = load_known(name, eval_folder)
    assert len(found.problems) == COUNTS[name]
    assert [p.id for p in found.problems] == [f"{name}-{i}" for i in range(1, COUNTS[name] + 1)]
    assert {(p.kind, p.benchmark) for p in found.problems} == {("minerva" if name == "minerva" else "integer", name)}
    assert found.sha256 == KNOWN[name].sha256
    assert not found.left_out


def test_answers_are_the_published_ones(eval_folder):
    answers = [p.answer for p in load_known("amc23", eval_folder).problems]
    assert answers[:4] == ["27", "36", "45", "3159"]  # 27.0, 36.0 ... in the file
    assert [p.answer for p in load_known("aime24", eval_folder).problems][7] == "25"  # 025 in the file
    minerva = load_known("minerva_math", eval_folder).problems
    # The last box of the solution, as the Qwen2.5-Math harness has it.
    assert [minerva[i].answer for i in (0, 1, 5, 11)] == ["1.6", "4.5e33", "np.arcsin(10/13)", "300"]


def test_form_columns_ids_and_order_do_not_matter(eval_folder, tmp_path):
    rows = rows_of(eval_folder / "aime24.jsonl")
    changed = [{"answer": int(r["answer"]), "question": r["problem"].replace(" ", "  "), "n": 1} for r in rows[::-1]]
    pq.write_table(pa.Table.from_pylist(changed), tmp_path / "aime24.parquet")
    found = load_data(tmp_path / "aime24.parquet")
    original = load_known("aime24", eval_folder)
    assert found.sha256 == original.sha256
    assert [(p.id, p.answer, p.kind) for p in found.problems] == [(p.id, p.answer, p.kind) for p in original.problems]


def test_the_hash_is_what_its_description_says():
    def sha(text):
        return hashlib.sha256(text.encode()).hexdigest()

    expected = sha("\n".join(sorted([f"{sha('1+1?')} 2", f"{sha('a²'.replace('²', '2'))} x"])))
    assert content_hash([("a ²", " x "), ("1 + 1?\n", "02.0")]) == expected


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ("025", "25"),
        ("27.0", "27"),
        ("+3", "3"),
        ("-1", "-1"),
        ("-0", "0"),
        ("1.50", "1.50"),
        ("000", "0"),
        ("1e5", "1e5"),
    ],
)
def test_plain_answers(answer, plain):
    assert plain_answer(answer) == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], r"29 problems with answers, aime25 has 30; all its rows .* problem 30 is missing"),
        (lambda rows: [*rows[:-1], rows[0]], r"line 30: the problem .* stands there a second time"),
        (lambda rows: [*rows[:4], {**rows[4], "answer": "280"}, *rows[5:]], r"line 5: .* another answer than '280'"),
        (lambda rows: [*rows[:4], {**rows[4], "problem": "1+1?"}, *rows[5:]], r"line 5: the problem '1\+1\?' is not"),
        (lambda rows: [*rows, {"problem": "1+1?", "answer": "2"}], r"31 problems with answers, .* line 31"),
        (lambda rows: [*rows[:4], {**rows[4], "answer": ""}, *rows[5:]], r"29 problems with answers"),
    ],
)
def test_a_wrong_set_of_a_known_name_is_refused_and_passes_under_another(eval_folder, tmp_path, change, message):
    path = write(tmp_path / "aime25.jsonl", change(rows_of(eval_folder / "aime25.jsonl")))
    with pytest.raises(DataError, match=rf"is not AIME25 as known under .*{message}.*--data my_aime25=FILE"):
        load_known("aime25", tmp_path)
    with pytest.raises(DataError, match="is not AIME25"):
        load_data(path)
    assert load_data(f"my_aime25={path}").name == "my_aime25"


def test_another_known_set_under_the_name_is_refused(eval_folder, tmp_path):
    (tmp_path / "aime24.jsonl").write_bytes((eval_folder / "aime25.jsonl").read_bytes())
    with pytest.raises(DataError, match=r"is not AIME24 as known .* line 1: the problem 'Find the sum of all integer"):
        load_known("aime24", tmp_path)


def test_a_part_of_a_known_set_has_another_name(eval_folder):
    aime = load_known("aime24", eval_folder)
    part = aime.first(2)
    assert (part.name, [p.id for p in part.problems]) == ("aime24-first-2", ["aime24-1", "aime24-2"])
    assert {p.benchmark for p in part.problems} == {"aime24-first-2"}
    assert EvaluateSettings().attempts(part.name, "sampled") == 32
    assert aime.first(30) is aime.first(None) is aime


def test_what_is_not_there_says_where_it_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("TREADLE_BENCHMARKS", raising=False)
    with pytest.raises(DataError, match=r"--benchmark aime42: expected one of amc23, aime24, aime25, minerva"):
        load_known("aime42")
    with pytest.raises(DataError, match=r"--benchmark olympiad: .*\(did you mean 'olympiadbench'\?\); other problems"):
        load_known("olympiad")
    with pytest.raises(DataError, match=r"no .*minerva.jsonl or .*minerva_math.jsonl; .* math-ai/minervamath from the"):
        load_known("minerva", tmp_path)
    with pytest.raises(DataError, match=r"math-ai/amc23 cannot be loaded .* amc23.jsonl .* --benchmarks-from FOLDER"):
        load_known("amc23")  # the tests run offline


def test_a_file_of_problems(tmp_path):
    rows = [
        {"question": "1+1?", "answer": 2.0, "id": "a"},
        {"question": "1 + 1?", "answer": "2", "id": "b"},
        {"question": "2+2?", "answer": None, "id": "c"},
        {"question": "1/2?", "solution": r"it is \boxed{1} or \boxed{\frac{1}{2}}", "id": "d"},
        {"question": "unanswered", "solution": "no box", "id": "e"},
    ]
    found = load_data(write(tmp_path / "mine.v2.jsonl", rows))
    assert (found.name, found.left_out) == ("mine", {LeftOut.DUPLICATE: 1, LeftOut.NO_ANSWER: 2})
    assert found.problems == (
        Problem("a", "1+1?", "2", benchmark="mine"),
        Problem("d", "1/2?", r"\frac{1}{2}", benchmark="mine"),
    )
    part = found.first(1)
    assert ([p.id for p in part.problems], part.name) == (["a"], "mine-first-1")
    assert part.sha256 != found.sha256
    assert found.first(2).name == "mine", "nothing is left out"


@pytest.mark.parametrize(
    ("one", "another"), [("1/2", "0.5"), (r"\frac{1}{2}", "0.50"), ("1,000", "1000"), ("(1, 2)", "(1,2)")]
)
def test_one_answer_in_two_notations_is_a_duplicate(tmp_path, one, another):
    rows = [{"problem": "x?", "answer": one}, {"problem": "x ?", "answer": another}]
    found = load_data(write(tmp_path / "mine.jsonl", rows))
    assert found.left_out == {LeftOut.DUPLICATE: 1}
    assert [p.answer for p in found.problems] == [one]


def test_two_answers_to_one_problem_are_an_error(tmp_path):
    rows = [{"problem": "x?", "answer": "1/2"}, {"problem": "x?", "answer": "0.51"}]
    with pytest.raises(
        DataError, match=r"line 2: the problem of .*line 1 with another answer, '0.51' instead of '1/2'"
    ):
        load_data(write(tmp_path / "mine.jsonl", rows))


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([{"q": "1?", "answer": 1}], None, r"line 1: no column 'problem' with a value; found q, answer"),
        ([{"problem": "1?", "gold": 1}], None, r"line 1: no column 'answer' with a value"),
        ([{"problem": "1?", "answer": [1]}], None, r"line 1: column 'answer' holds \[1\]; expected a text or a number"),
        ([{"problem": "1?", "answer": ""}], None, r"none of 1 rows has an answer"),
        (
            [{"problem": "1?", "answer": 1}, {"problem": "1?", "answer": 2}],
            None,
            r"line 2: the problem of .* '2' instead",
        ),
        (
            [{"problem": "1?", "answer": 1, "id": 7}, {"problem": "2?", "answer": 2, "id": 7}],
            None,
            r"line 2: id '7' is that of .*line 1 too.*--columns id=NAME",
        ),
        ([{"problem": "1?", "answer": 1}], "problem=q", r"no column 'q'"),
        ([{"problem": "1?", "answer": 1}], "title=q", r"--columns 'title=q': expected problem=NAME,answer=NAME"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, rows, columns, message):
    with pytest.raises(DataError, match=message):
        load_data(write(tmp_path / "p.jsonl", rows), columns=columns)


def test_a_prepared_folder(tmp_path, expert_trajectories):
    rows = [to_row(t) for t in expert_trajectories[:6]]
    rows.append({**rows[0], "id": "again"})
    rows.append({**rows[1], "id": "without", "problem": "another", "answer": None})
    source = write(tmp_path / "w.jsonl", rows)
    prepare(source, tmp_path / "prepared", PrepareSettings(held_out=0, targets="all"))
    found = load_data(f"world={tmp_path / 'prepared'}", split="train")
    assert [p.id for p in found.problems] == [t.id for t in expert_trajectories[:6]]
    assert {(p.domain, p.benchmark) for p in found.problems} == {(expert_trajectories[0].domain, "world")}
    assert found.left_out == {LeftOut.DUPLICATE: 1, LeftOut.NO_ANSWER: 1}


def test_names_are_names(tmp_path):
    with pytest.raises(DataError, match=r"'amc23-first-2' stands for a part of a known benchmark"):
        load_data(f"amc23-first-2={tmp_path / 'x.jsonl'}")
    with pytest.raises(DataError, match=r"'a/b' cannot be a name; expected letters"):
        load_data(f"a/b={write(tmp_path / 'x.jsonl', [])}")
