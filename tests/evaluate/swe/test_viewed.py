from __future__ import annotations

import json
import shutil

import pytest

from tests.report.swe.folders import outcome, write_grades, write_run, write_tasks
from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.sources import TaskSource
from treadle.evaluate.swe.viewed import gather


@pytest.fixture
def made(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", "abc")
    run = write_run(tmp_path / "run", tasks, [outcome("a"), outcome("b", ""), outcome("c")])
    return tasks, run, write_grades(tmp_path / "grades", run, tasks, {"a": "resolved", "b": "empty"})


def test_grades_find_their_run_and_tasks(made):
    viewed = gather(made[2])
    assert (viewed.names, sorted(viewed.tasks), sorted(viewed.predictions)) == (["a", "b"], ["a", "b"], ["a", "b", "c"])
    assert viewed.run.folder.name == "run"
    assert viewed.notes == ["Of the run 1 task had no part in the grading (c)."]


def test_a_run_finds_its_tasks(made):
    viewed = gather(made[1])
    assert (viewed.grades, sorted(viewed.tasks), viewed.notes) == (None, ["a", "b", "c"], [])


def test_folders_that_are_moved_are_named_again(made, tmp_path):
    shutil.move(made[1], tmp_path / "elsewhere")
    shutil.move(made[0], tmp_path / "there")
    viewed = gather(made[2])
    assert (viewed.run, viewed.predictions, viewed.tasks) == (None, {}, {})
    assert [note.split(":")[0] for note in viewed.notes] == [
        "Patches and steps are not shown",
        "Issues and gold patches are not shown",
    ]
    viewed = gather(made[2], tmp_path / "elsewhere", TaskSource(str(tmp_path / "there")))
    assert viewed.run.model == "org/model"
    assert sorted(viewed.tasks) == ["a", "b"]
    with pytest.raises(DataError, match="no such file"):
        gather(made[2], tmp_path / "nowhere")


def test_predictions_that_changed_since_are_not_shown_beside_verdicts(made):
    path = made[1] / "predictions.jsonl"
    path.write_text(path.read_text().replace("return 2", "return 4"))
    viewed = gather(made[2])
    assert viewed.predictions == {}
    assert "not the predictions that" in viewed.notes[0]
    with pytest.raises(DataError, match=r"not the predictions that .*grade these into another folder"):
        gather(made[2], made[1])


def test_tasks_that_changed_since_are_not_shown(made):
    path = made[0] / "instances.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["FAIL_TO_PASS"] = ["t.py::other"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:1] + rows[2:]))
    viewed = gather(made[2])
    assert viewed.tasks == {}
    assert [note for note in viewed.notes if "Not in" in note and "1 task" in note and "(b)" in note]
    assert [note for note in viewed.notes if note.startswith("Other in") and "(a)" in note]
    rows[0]["problem_statement"] = "another issue"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert gather(made[1]).tasks == {}, "a run has one digest of all"


def test_what_is_named_must_be_right(made, tmp_path):
    write_tasks(tmp_path / "others", "xy")
    with pytest.raises(DataError, match="none of the 2 tasks"):
        gather(made[2], tasks=TaskSource(str(tmp_path / "others")))
    with pytest.raises(DataError, match="holds no grades"):
        gather(made[1], predictions=made[1])
    with pytest.raises(OutputError, match="expected a folder written by `treadle swe run"):
        gather(tmp_path / "nothing")


def test_grades_of_before_say_what_they_do_not_know(made):
    path = made[2] / "results.json"
    results = json.loads(path.read_text())
    del results["sources"]
    for verdict in results["verdicts"].values():
        del verdict["task"]
    path.write_text(json.dumps(results))
    viewed = gather(made[2])
    assert [note.partition(". Name")[0] for note in viewed.notes] == [
        "Patches and steps are not shown: results.json does not say where the predictions were read",
        "Issues and gold patches are not shown: where the tasks were read is not written down",
    ]
    viewed = gather(made[2], made[1], TaskSource(str(made[0])))
    assert sorted(viewed.tasks) == ["a", "b"]
    assert viewed.run is not None
