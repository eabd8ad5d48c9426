from __future__ import annotations

import json

import typer
from typer.testing import CliRunner

from tests.evaluate.compare.test_task_arms import graded
from tests.report.reading import Page
from treadle.cli.compare import compare
from treadle.report.swe.page import write_swe_report

app = typer.Typer()
app.command()(compare)


def run(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def two(tmp_path):
    x = graded(tmp_path / "x", "abcd", {"a": "resolved", "b": "unresolved", "c": "empty"})
    return x, graded(tmp_path / "y", "abc", {"a": "resolved", "b": "resolved", "c": "empty"})


def test_the_terminal_has_tables_tests_and_tasks_that_differ(tmp_path):
    ran = run(*two(tmp_path))
    assert ran.exit_code == 0, ran.output
    for line in (
        "**resolve rate** (percent of 3 tasks, 95% interval)",
        "| x | 33.3 (6.1 to 79.2) | 1 |",  # Wilson's of 1 of 3
        "| x | 1 | 1 |",
        "- y resolves 33.3 points more than x (95% interval",
        "1 task not resolved by all alike:",
        "- b: x: unresolved; y: resolved",
    ):
        assert line in ran.output, line


def test_the_page_the_pictures_and_the_data(tmp_path):
    x, y = two(tmp_path)
    write_swe_report(x)
    ran = run(x, y, "--baseline", "y", "-o", tmp_path / "out")
    assert "written to" in ran.output, ran.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "compare.html", "figures.png", "differences.png", "compare.json",
    }  # fmt: skip
    page = Page(tmp_path / "out/compare.html")
    assert not {tag for tag, _ in page.elements} & {
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "script",
        "form",
    }
    links = {href for href in page.attributes("href") if not href.startswith("#")}
    assert links == {"../x/grades/report.html", "../x/grades/report.html#b"}
    for part in (
        "3 software-engineering tasks, every run compared with y , task by task",
        "cannot be told apart",
        "gained",
        "no patch was handed in",
        "localisation recall",
        "b unresolved see it resolved",
    ):
        assert part in page.text, part
    found = json.loads((tmp_path / "out/compare.json").read_text())
    assert found["differences"][0]["task"] == "b"


def test_one_folder_alone_and_two_that_are_alike(tmp_path):
    x, _ = two(tmp_path)
    ran = run(x, "-o", tmp_path / "alone")
    assert ran.exit_code == 0, ran.output
    assert not (tmp_path / "alone/differences.png").exists()
    z = graded(tmp_path / "z", "abcd", {"a": "resolved", "b": "unresolved", "c": "empty"})
    run(x, z, "-o", tmp_path / "alike")
    assert "All resolve the same tasks." in Page(tmp_path / "alike/compare.html").text


def test_options_of_other_comparisons_are_refused(tmp_path):
    x, y = two(tmp_path)
    assert "--paper: of folders of `treadle evaluate`" in str(run(x, y, "--paper").exception)
    assert "has no verdicts yet" in str(run(x, tmp_path / "y/run").exception)
