"""Pass rates of tasks whose samples are known, the bands as task files, other bands, empty ones."""

from __future__ import annotations

import json

import pytest

from tests.evaluate.swe.scripted import write_tasks
from tests.teacher.tasks.sampled import playing, sampling
from treadle.errors import OutputError, TreadleError
from treadle.evaluate.swe.checkouts import checkout
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.sandbox import why_not
from treadle.statistics.estimates import wilson
from treadle.teacher.tasks.given import tasks_to_solve
from treadle.teacher.tasks.select import select_tasks

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def test_a_task_that_is_solved_at_times_is_in_the_band_and_can_be_worked_on(tmp_path):
    tasks, out = write_tasks(tmp_path / "tasks", ("correct",)), tmp_path / "out"
    given = tasks_to_solve(str(tasks))
    with sampling("mends", "nothing", "wrong", "mends_too") as server:
        report = select_tasks(given, 4, "learnable", playing(tmp_path, server), out)
        asked = server.requests
        with pytest.raises(TreadleError, match=r"no problem is in the band 'hard'.*: 1 easy; give harder problems"):
            select_tasks(given, 4, "hard", playing(tmp_path, server), out)
        assert server.requests == asked
        select_tasks(given, 4, "learnable", playing(tmp_path, server), out)
    low, high = (round(bound, 4) for bound in wilson(2, 4)[1:])
    [rate] = [json.loads(line) for line in (out / "rates.jsonl").read_text().splitlines()]
    expected = {"id": "tinyshape-0-correct", "right": 2, "samples": 4, "undecided": 0, "rate": 0.5}
    assert rate == {**expected, "low": low, "high": high, "place": "band"}
    assert (report["complete"], report["incomplete"], report["failed"]) == (1, 0, {})
    assert (out / "band.jsonl").read_text().strip() == json.dumps(json.loads((tasks / "instances.jsonl").read_text()))
    [task] = read_instances(out / "band.jsonl")
    assert "width + height" in (checkout(task, tmp_path / "tree") / "tinyshape.py").read_text()
    assert (out / "easy.jsonl").read_text() == (out / "unsolved.jsonl").read_text() == ""


def test_a_task_without_all_verdicts_lies_nowhere(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", ("correct",))
    with (
        sampling("nothing", faults={"*": ["status:500"]}) as server,
        pytest.raises(TreadleError, match="1 without all samples"),
    ):
        select_tasks(tasks_to_solve(str(tasks)), 2, "hard", playing(tmp_path, server), tmp_path / "out")
    report = (tmp_path / "out/report.md").read_text()
    assert "1 problems have samples without a verdict (1 no_reply), and lie nowhere." in report


def test_the_folder_of_a_selection_of_problems_is_refused(tmp_path):
    tasks, out = write_tasks(tmp_path / "tasks", ("correct",)), tmp_path / "out"
    (out / "run").mkdir(parents=True)
    (out / "select.json").write_text("{}")
    (out / "run/run.json").write_text("{}")
    with sampling("nothing") as server, pytest.raises(OutputError, match="run exists already"):
        select_tasks(tasks_to_solve(str(tasks)), 2, "hard", playing(tmp_path, server), out)
    assert server.requests == 0
