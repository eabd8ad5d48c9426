"""Grading a file of outputs, as a user does."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from treadle.cli.grade import grade
from treadle.errors import DataError, OutputError, TreadleError

app = typer.Typer()
app.command()(grade)
# 2 right of 4: Wilson's interval by hand, (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.96
ROWS = [
    {"output": r"so \boxed{\frac{1}{2}}", "gold": "0.5"},
    {"output": r"<think>\boxed{7}</think> it is \boxed{8}", "gold": 8},
    {"output": r"\boxed{3}", "gold": "4"},
    {"output": "the answer is 5", "gold": "5"},
]


@pytest.fixture
def run(tmp_path):
    def run(rows, *options):
        path = tmp_path / "outputs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        out = tmp_path / "graded.jsonl"
        arguments = [str(path), "--column", "output", "--answer", "gold", "-o", str(out), "--workers", "1", *options]
        result = CliRunner().invoke(app, arguments)
        if isinstance(result.exception, TreadleError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        graded = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else None
        return result.exit_code, result.output, graded

    return run


def test_rows_come_back_with_answer_verdict_and_why(run):
    code, printed, graded = run(ROWS)
    assert code == 0
    assert [row["model_answer"] for row in graded] == [r"\frac{1}{2}", "8", "3", None]
    assert [row["verdict"] for row in graded] == ["right", "right", "wrong", "no_answer"]
    assert [row["why"] for row in graded] == ["equal numbers", "same text", "integers", "no answer"]
    assert [{"output": row["output"], "gold": row["gold"]} for row in graded] == ROWS
    assert "accuracy of 4: 50.0% (95% interval 15.0% to 85.0%)" in printed


def test_a_phrase_counts_only_when_asked_for(run):
    assert [row["verdict"] for row in run(ROWS, "--extract", "phrase")[2]][-1] == "right"


def test_the_whole_output_may_be_the_answer(run):
    rows = [{"output": "27.0", "gold": "27"}, {"output": "", "gold": "27"}]
    assert [row["verdict"] for row in run(rows, "--extract", "whole", "--kind", "integer")[2]] == ["right", "no_answer"]


def test_boxes_one_after_another_are_one_answer_where_the_reference_has_several_parts(run):
    rows = [
        {"output": r"so $x = \boxed{3}$ or $x = \boxed{5}$", "gold": "5, 3"},
        {"output": r"so \boxed{3} and \boxed{5}", "gold": "5"},
        {"output": r"first \boxed{3}. Then, after much work, \boxed{5}", "gold": "3, 5"},
    ]
    assert [row["verdict"] for row in run(rows)[2]] == ["right", "right", "wrong"]


def test_math_verify_may_judge_alone(run):
    _, printed, graded = run([{"output": r"\boxed{25_8}", "gold": "25"}], "--grader", "math_verify")
    assert "grader: math_verify alone" in printed
    assert graded[0]["why"] == "math-verify"


def test_lists_are_samples_of_one_problem(run):
    rows = [
        {"output": [r"\boxed{1}", r"\boxed{2}", None, r"\boxed{1}"], "gold": "1"},
        {"output": ["", "", "", ""], "gold": "1"},
    ]
    code, printed, graded = run(rows)
    assert code == 0
    assert graded[0]["verdict"] == ["right", "wrong", "no_answer", "right"]
    assert graded[0]["model_answer"] == ["1", "2", None, "1"]
    assert "avg@4 of 2 problems: 25.0%" in printed  # (2/4 + 0/4) / 2


def test_chat_messages_give_what_the_assistant_said_last(run):
    asked = [{"role": "user", "content": r"box it: \boxed{9}"}, {"role": "assistant", "content": r"\boxed{1}"}]
    parts = [{"role": "assistant", "content": [{"type": "text", "text": r"\boxed{2}"}]}]
    rows = [
        {"output": asked, "gold": "1"},
        {"output": [*asked, asked[0]], "gold": "1"},
        {"output": parts, "gold": "2"},
        {"output": [asked, asked], "gold": "1"},
    ]
    graded = run(rows)[2]
    assert [row["verdict"] for row in graded] == ["right", "no_answer", "right", ["right", "right"]]


@pytest.mark.parametrize("gold", [r"Long solution, so \boxed{540}.", "48 + 12\n#### 540", 540, 540.0])
def test_references_may_be_solutions(run, gold):
    assert run([{"output": r"\boxed{540}", "gold": gold}])[2][0]["verdict"] == "right"


def test_undecided_answers_are_counted_and_are_no_failure(run):
    code, printed, graded = run([{"output": r"\boxed{|x|}", "gold": "x"}])
    assert (code, graded[0]["verdict"]) == (0, "undecided")
    assert "1 answers are undecided: they may be right or not, and count as not right" in printed


def test_what_hangs_is_counted_and_the_exit_code_tells(run):
    code, printed, graded = run([{"output": r"\boxed{\coth((((10^{10})!)!)!)}", "gold": "3"}, *ROWS])
    assert code == 1
    assert "1 answers were not graded" in printed
    assert graded[0]["verdict"] in ("hung", "crashed")
    assert [row["verdict"] for row in graded[1:3]] == ["right", "right"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"answer": "1", "gold": "1"}, "line 5: no column 'output'; found answer, gold. Name one with --column"),
        ({"output": "1"}, "line 5: no column 'gold'; found output. Name one with --answer"),
        ({"output": "1", "gold": None}, "line 5: column 'gold' holds NoneType 'None'; expected a string or a number"),
        ({"output": "1", "gold": ["1"]}, "column 'gold' holds list"),
        ({"output": {"a": 1}, "gold": "1"}, "column 'output' holds dict"),
        ({"output": [], "gold": "1"}, "column 'output' holds list"),
    ],
)
def test_bad_rows_are_named_and_nothing_half_is_left(run, tmp_path, row, message):
    with pytest.raises(DataError, match=message):
        run([*ROWS, row])
    assert [path.name for path in tmp_path.iterdir()] == ["outputs.jsonl"]


def test_files_are_not_replaced_unasked(run, tmp_path):
    run(ROWS)
    with pytest.raises(OutputError, match="exists already"):
        run(ROWS)
    assert run(ROWS, "--overwrite")[0] == 0
    with pytest.raises(OutputError, match="this is the input"):
        run(ROWS, "-o", str(tmp_path / "outputs.jsonl"), "--overwrite")
    with pytest.raises(OutputError, match="a folder that exists"):
        run(ROWS, "-o", str(tmp_path / "none" / "graded.jsonl"))


@pytest.mark.parametrize(("option", "value"), [("--kind", "maths"), ("--extract", "box"), ("--grader", "sympy")])
def test_unknown_settings_are_refused(run, option, value):
    with pytest.raises(TreadleError, match=f"{option} '{value}': expected"):
        run(ROWS, option, value)


def test_real_outputs(data):
    path = data / "math" / "deepseek_r1_math.jsonl"
    arguments = [str(path), "--column", "deepseek-reasoner (question)", "--answer", "answer"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    # Two of the 52 are really wrong: 2 sqrt(185) for 2 sqrt(113), and 10 for sqrt(66).
    assert "accuracy of 52: 96.2% (95% interval 87.0% to 98.9%)" in result.output
