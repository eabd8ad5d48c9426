from __future__ import annotations

import json

import pytest

from tests.report.swe.folders import outcome, write_grades, write_run, write_tasks
from treadle.errors import DataError, OutputError, TreadleError
from treadle.evaluate.compare.task_arms import check_gradings, common_tasks, one_kind, only_in, read_task_arms
from treadle.evaluate.swe.folders import Kind


def graded(folder, names, verdicts=None, **changes):
    """Grades in `folder/grades`, of a run in `folder/run`, on tasks with these names."""
    settings = {"max_steps": changes.pop("max_steps", 40)}
    grader = changes.pop("grader", "local")
    tasks = write_tasks(folder / "tasks", names, **changes)
    run = write_run(folder / "run", tasks, [outcome(name) for name in names], f"org/{folder.name}", **settings)
    return write_grades(folder / "grades", run, tasks, verdicts or dict.fromkeys(names, "resolved"), grader=grader)


def test_folders_of_one_kind(tmp_path):
    first, second = graded(tmp_path / "x", "ab"), graded(tmp_path / "y", "ab")
    assert one_kind([first, second]) is Kind.GRADES
    assert one_kind([first], [f"g={second},{first}"]) is Kind.GRADES
    assert one_kind([]) is Kind.EVALUATION
    with pytest.raises(TreadleError, match=r"x/run: a run on tasks has no verdicts yet; run `treadle swe grade"):
        one_kind([first, tmp_path / "x/run"])
    (tmp_path / "mathematics").mkdir()
    (tmp_path / "mathematics/run.json").write_text('{"benchmarks": []}')
    with pytest.raises(
        TreadleError, match=r"mathematics is no folder of `treadle swe grade`, .*x/grades is one"
    ) as said:
        one_kind([first, tmp_path / "mathematics"])
    assert "\n" not in str(said.value)
    with pytest.raises(OutputError, match="nowhere: no such folder"):
        one_kind([first, tmp_path / "nowhere"])


def test_only_tasks_that_all_have_are_compared_and_the_others_are_named(tmp_path):
    arms = read_task_arms([graded(tmp_path / "x", "abc"), graded(tmp_path / "y", "bcd")])
    common = common_tasks(arms)
    assert common == ["b", "c"]
    assert only_in(arms, common) == {"x": ["a"], "y": ["d"]}
    assert check_gradings(arms, common) == [
        "Not all have 1 tasks of x, which are compared in nothing: a.",
        "Not all have 1 tasks of y, which are compared in nothing: d.",
        "All figures and tests are over the 2 tasks that all have.",
    ]


def test_tasks_without_one_in_common_are_refused(tmp_path):
    arms = read_task_arms([graded(tmp_path / "x", "ab"), graded(tmp_path / "y", "cd")])
    with pytest.raises(DataError, match=r"no task in common: .*x/grades: 2 tasks, such as 'a'; .*y/grades: 2 tasks"):
        common_tasks(arms)


def test_other_tasks_under_the_same_name_are_refused(tmp_path):
    arms = read_task_arms([graded(tmp_path / "x", "ab"), graded(tmp_path / "y", "ab", FAIL_TO_PASS=["t.py::other"])])
    with pytest.raises(DataError, match=r"a: not the same task in all grades: .*x/grades.*y/grades"):
        common_tasks(arms)


def test_other_graders_are_refused_unless_they_are_asked_for(tmp_path):
    arms = read_task_arms([graded(tmp_path / "x", "ab"), graded(tmp_path / "y", "ab", grader="official")])
    with pytest.raises(DataError, match=r"graded by different graders: local \(.*--any-grader"):
        check_gradings(arms, ["a", "b"])
    assert check_gradings(arms, ["a", "b"], True)[0].startswith("Graded by different graders: local")


def test_what_differs_with_good_reason_is_said(tmp_path):
    x = graded(tmp_path / "x", "ab", {"a": "resolved", "b": "environment"})
    y = graded(tmp_path / "y", "ab", max_steps=10)
    path = y / "grade.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "limits": "others"}))
    (tmp_path / "x/run/run.json").unlink()
    (tmp_path / "x/run/predictions.jsonl").unlink()
    notes = check_gradings(read_task_arms([x, y]), ["a", "b"])
    assert notes[0] == "The tests had different limits of time or memory."
    assert notes[1].startswith("x: 1 of 2 tasks have the verdict environment, which is the machine's doing")
    assert "(b); grade again." in notes[1]
    assert notes[2].startswith("x: Patches and steps are not shown: ")
    z = graded(tmp_path / "z", "ab")
    assert [note for note in check_gradings(read_task_arms([y, z]), ["a", "b"]) if "max_steps" in note] == [
        f"Different max_steps: 10 ({y}); 40 ({z})."
    ]
