"""What is handed to the harness, and what of its report becomes a result."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluate.swe import tiny
from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.official import command, hand_over, report_path, take_back
from treadle.evaluate.swe.records import Prediction, SweInstance

TASKS = [SweInstance(f"owner__name-{k}", "owner/name", "abc", "", "", ("a",), ()) for k in range(4)]
HANDED_IN = [
    Prediction("owner__name-0", "org/model", "diff"),
    Prediction("owner__name-1", "org/model", "", "edit_fault", "block 1 matches twice"),
    Prediction("owner__name-2", "org/model", "diff"),
]
REPORT = {"resolved_ids": ["owner__name-0"], "empty_patch_ids": ["owner__name-1"], "incomplete_ids": ["owner__name-3"]}


def test_the_command_names_all_that_the_harness_needs():
    line = command("verified", Path("out dir/predictions.jsonl"), "mine", Path("out dir"))
    assert line == "swebench eval verified -p 'out dir/predictions.jsonl' --run-id mine -s test --report-dir 'out dir'"
    assert report_path(Path("out"), "org/model", "mine") == Path("out/org__model.mine.json")


def test_the_harness_takes_the_command():
    pytest.importorskip("swebench", reason="needs the extra swe")
    from swebench.cli.cli import app
    from typer.main import get_command

    words = shlex.split(command("verified", Path("p.jsonl"), "mine", Path(".")))[1:]
    eval_command = get_command(app).get_command(None, words[0])
    parsed = eval_command.make_context("eval", words[1:]).params
    assert (parsed["dataset"], parsed["predictions"], parsed["run_id"]) == ("verified", "p.jsonl", "mine")
    assert (parsed["split"], parsed["report_dir"]) == ("test", ".")


def test_predictions_are_written_for_the_harness(tmp_path):
    out = tmp_path / "out"
    line, report = hand_over(HANDED_IN, TASKS, "verified", out)
    words = shlex.split(line)
    assert words[:5] == ["swebench", "eval", "verified", "-p", str(out / "predictions.jsonl")]
    assert report == out / "harness" / f"org__model.{words[6]}.json"
    rows = [json.loads(row) for row in (out / "predictions.jsonl").read_text().splitlines()]
    assert rows[0] == {"instance_id": "owner__name-0", "model_name_or_path": "org/model", "model_patch": "diff"}
    assert [row["model_patch"] for row in rows] == ["diff", "", "diff"]
    assert hand_over(HANDED_IN, TASKS, "verified", out) == (line, report)


def test_made_tasks_have_no_images(tmp_path):
    with pytest.raises(DataError, match=r"calc-add and 1 more: their bugs were put in.*--grader local"):
        hand_over([], tiny.instances(tmp_path), "tasks", tmp_path / "out")
    with pytest.raises(DataError, match="no prediction"):
        hand_over([], TASKS, "verified", tmp_path / "out")


def test_a_report_becomes_results(tmp_path):
    out, report = tmp_path / "out", tmp_path / "report.json"
    hand_over(HANDED_IN, TASKS, "verified", out)
    report.write_text(json.dumps(REPORT))
    found = take_back(HANDED_IN, TASKS, report, out, {one.instance_id for one in TASKS})
    assert [(one["verdict"], one["reason"]) for one in found["verdicts"].values()] == [
        ("resolved", ""),
        ("edit_fault", "block 1 matches twice"),
        ("environment", "the harness's report does not name it"),
        ("empty", "no prediction"),
    ]
    assert (found["grader"], found["total"], found["resolved"]) == ("official", 4, ["owner__name-0"])
    assert json.loads((out / "results.json").read_text()) == found
    assert take_back(HANDED_IN, TASKS, report, out, {one.instance_id for one in TASKS}) == found


def test_another_report_needs_another_folder(tmp_path):
    out, report = tmp_path / "out", tmp_path / "report.json"
    known = {one.instance_id for one in TASKS}
    report.write_text(json.dumps(REPORT))
    take_back(HANDED_IN, TASKS, report, out, known)
    report.write_text(json.dumps(REPORT | {"resolved_ids": []}))
    with pytest.raises(OutputError, match="holds grades of other report"):
        take_back(HANDED_IN, TASKS, report, out, known)
    assert take_back(HANDED_IN, TASKS, report, out, known, overwrite=True)["resolved"] == []


def test_a_report_of_other_tasks_is_told(tmp_path):
    report = tmp_path / "report.json"
    report.write_text(json.dumps(REPORT))
    others = [replace(TASKS[0], instance_id="other-1")]
    with pytest.raises(DataError, match="names 'owner__name-0', which is none of the tasks"):
        take_back([], others, report, tmp_path / "out", {"other-1"})
