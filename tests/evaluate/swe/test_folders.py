from __future__ import annotations

import json

import pytest

from tests.report.swe.folders import outcome, write_grades, write_run, write_tasks
from treadle.errors import OutputError
from treadle.evaluate.swe.folders import Kind, kind_of, open_grades, open_run_folder


@pytest.fixture
def made(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", "ab")
    run = write_run(tmp_path / "run", tasks, [outcome("a"), outcome("b", "")])
    return run, write_grades(tmp_path / "grades", run, tasks, {"a": "resolved", "b": "empty"})


def test_what_a_folder_holds(made, tmp_path):
    assert [kind_of(folder) for folder in (*made, tmp_path, tmp_path / "none")] == [
        Kind.RUN,
        Kind.GRADES,
        Kind.EVALUATION,
        Kind.EVALUATION,
    ]


def test_a_run_that_is_not_finished_has_what_its_journal_has(made, tmp_path):
    run = open_run_folder(made[0])
    handed_in = run.predictions()
    assert (handed_in["a"].fault, handed_in["b"].fault) == ("", "empty")
    (made[0] / "predictions.jsonl").unlink()
    assert run.predictions() == handed_in
    (made[0] / "outcomes.jsonl").unlink()
    assert run.predictions() == {}
    assert (run.names, run.mode, run.model) == (["a", "b"], "agent", "org/model")


def test_grades_know_their_predictions(made):
    grades, run = open_grades(made[1]), open_run_folder(made[0])
    assert grades.graded_the(run.predictions())
    assert not grades.graded_the({})
    assert [(one.instance_id, one.after) for one in grades.graded()][1] == ("b", {})


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("run/run.json", {"instances": "ab"}, r"run\.json: instances: .*valid list"),
        ("run/run.json", {"settings": {}}, r"run\.json: settings\.mode: field required"),
        ("grades/results.json", {"total": 5}, r"results\.json: total 5 and 1 resolved, but 2 verdicts and 1 resolved"),
        ("grades/results.json", {"resolved": []}, r"0 resolved, but 2 verdicts"),
        ("grades/results.json", {"verdicts": {"a": {"verdict": "maybe"}}}, r"results\.json: verdicts\.a\.verdict"),
        ("grades/results.json", {"verdicts": {}, "total": 0, "resolved": []}, "verdicts: found none"),
    ],
)
def test_damaged_files_are_named(made, tmp_path, file, change, said):
    path = tmp_path / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(OutputError, match=said):
        (open_run_folder if file.startswith("run") else open_grades)(path.parent)


def test_damaged_outcomes_are_named(made):
    path = made[0] / "outcomes.jsonl"
    row = json.loads(path.read_text().splitlines()[0])
    path.write_text(json.dumps({**row, "figures": {"gold": 3}}) + "\n")
    with pytest.raises(OutputError, match=r"outcomes\.jsonl, line 1: figures\.gold: .*found 3"):
        list(open_run_folder(made[0]).outcomes())


def test_grades_that_are_not_finished(made):
    (made[1] / "results.json").unlink()
    with pytest.raises(OutputError, match="not finished; run the same `treadle swe grade` again"):
        open_grades(made[1])
