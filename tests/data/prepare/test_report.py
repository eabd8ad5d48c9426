"""What the reports of `treadle prepare` hold of long rows, and in which order they are printed."""

from __future__ import annotations

import json

from tests.data.prepare.test_run import row, source  # noqa: F401
from treadle.data.prepare import PrepareReport, PrepareSettings, as_markdown, prepare
from treadle.data.prepare.report import EXAMPLE, as_printed, example_of, few_sentence, setting_text
from treadle.data.sources.report import ReadReport
from treadle.report.prepared import write_prepare_page


def test_a_huge_row_is_in_no_report_whole(tmp_path):
    problem = "begin " + "x " * 400_000 + "the end"
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row(i, problem=f"{i} {problem}")) + "\n" for i in range(4)))
    out = tmp_path / "out"
    report = prepare(path, out, page=write_prepare_page)
    for name in ("report.json", "report.md", "report.html"):
        text = (out / name).read_text()
        assert len(text) < 100_000, name
        assert "characters left out ...] `treadle inspect` of this folder with --id" in text.replace("&#39;", "'"), name
    prompt = report.examples[0]["prompt"]
    assert "begin x x" in prompt
    assert "the end" in prompt
    assert f"--id {report.examples[0]['id'].split(',')[0]!r} --full" in prompt


def test_what_is_left_out_of_an_example_is_counted():
    short = "a" * EXAMPLE
    assert example_of(short, "t") is short
    text = example_of("b" * (EXAMPLE + 5000), "t")
    assert "[... 5,000 characters left out ...]" in text
    assert text.count("b") == EXAMPLE + "`treadle inspect` of".count("b")


def test_the_counts_are_printed_last_and_prompts_in_short(source, tmp_path):  # noqa: F811
    report = prepare(source, tmp_path / "out")
    report.examples[0]["prompt"] = "\n".join(f"line {n}" for n in range(500))
    printed, whole = as_printed(report), as_markdown(report)
    assert whole.index("rows read 23") < whole.index("steps per trajectory") < whole.index("Prompt:")
    places = [printed.index(text) for text in ("Prompt:", "steps per trajectory", "rows read 23", "| trajectories |")]
    assert places == sorted(places)
    assert "[... 488 lines, " in printed
    assert "line 250" in whole
    assert "line 250" not in printed


def test_numbers_are_written_as_people_write_them():
    numbers = {"min": 1, "median": 2.5, "mean": 7_999_500.0, "p95": 15_999_000.0, "max": 15_999_000}
    rows = ReadReport(read=1_234_567, kept=1_234_567)
    rows.forms["gsm8k"] = 1_234_567
    report = PrepareReport("f", {}, rows, distributions={"prompt, tokens": numbers})
    for text in (as_markdown(report), as_printed(report)):
        assert "| prompt, tokens | 1 | 2.5 | 7,999,500 | 15,999,000 | 15,999,000 |" in text
        assert "rows read 1,234,567, kept 1,234,567, dropped 0" in text
        assert "| gsm8k | 1,234,567 |" in text


def test_named_columns_are_shown_as_they_are_given():
    columns = {"problem": "Customer question", "solution": "Worked", "answer": None, "optional": []}
    assert setting_text(columns) == "problem=Customer question,solution=Worked"
    assert setting_text(0.05) == "0.05"


def test_what_few_held_out_trajectories_are_worth():
    # Wilson's lower bound of n of n is n / (n + z^2), z = 1.96: 4 / 7.84.
    assert (
        "held out are 4: even with all of them solved, the 95% interval of an accuracy is 51% to 100%"
        in few_sentence(4)
    )


def test_steps_that_are_no_targets_are_said(source, tmp_path):  # noqa: F811
    said = "the last step of each trajectory is no target, as in the paper; --targets all makes it one"
    assert said in as_printed(prepare(source, tmp_path / "out"))
    assert said not in as_printed(prepare(source, tmp_path / "all", PrepareSettings(targets="all")))
