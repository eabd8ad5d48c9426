"""Episodes whose truth is known, taught, killed, gone on with, and read by `treadle prepare`."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter

import pytest

from tests.evaluate.swe.scripted import write_tasks
from tests.teacher.tasks.sampled import MOST_STEPS, PLAYS, playing, sampling
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources import read_trajectories
from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.agent.prompts import system_text, task_text
from treadle.evaluate.swe.sandbox import why_not
from treadle.teacher.assignments import Assignments
from treadle.teacher.outcomes import missing
from treadle.teacher.tasks.given import tasks_to_solve
from treadle.teacher.tasks.run import solve_tasks

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    return write_tasks(tmp_path_factory.mktemp("made") / "tasks", ("correct",))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def taught(tasks, tmp_path_factory):
    """All plays as samples of one task: the folder and the report."""
    out = tmp_path_factory.mktemp("taught") / "out"
    with sampling() as server:
        return out, solve_tasks(tasks_to_solve(str(tasks)), len(PLAYS), playing(out.parent, server), out)


def test_what_is_right_is_kept_and_the_rest_has_its_reason(taught):
    out, report = taught
    truth = {f"tinyshape-0-correct#{k}": became for k, (_, became) in enumerate(PLAYS.values())}
    kept = {f"{row['instance_id']}#{row['origin']['sample']}" for row in lines(out / "trajectories.jsonl")}
    assert kept == {name for name, became in truth.items() if became == "kept"}
    found = {row["id"]: row["reason"] for row in lines(out / "rejected.jsonl")}
    assert found == {name: became for name, became in truth.items() if became != "kept"}
    reasons = Counter(became for became in truth.values() if became != "kept")
    assert report["samples"] == {
        "all": len(PLAYS),
        "kept": 3,
        "rejected": reasons,
        "failed": {},
        "not_asked": 0,
    }
    assert report["problems"]["with_a_solution"] == report["problems"]["all"] == 1
    assert report["episodes"]["kept_that_ended"] == {"submitted": 3}
    assert report["episodes"]["faulty_steps_left_out"] == 1
    assert missing(report) == 0
    assert "| out_of_steps | 1 | it was not done after so many steps (--max-steps) |" in (out / "report.md").read_text()


def test_prepared_actions_are_those_that_were_carried_out(taught, tmp_path):
    out, _ = taught
    executed: dict[str, list[str]] = {}
    for step in lines(out / "store/episodes/steps.jsonl"):
        if not step["fault"]:
            executed.setdefault(step["instance_id"], []).append(step["action"])
    prepare(out, tmp_path / "data", PrepareSettings(held_out=0, targets="all", context=2))
    trajectories = list(Prepared(tmp_path / "data").trajectories())
    assert len(trajectories) == 3
    for trajectory in trajectories:
        origin = trajectory.meta["origin"]
        assert (origin["kind"], origin["model"], origin["checks"]) == ("solve", "tiny", ["resolved", "duplicates"])
        name = f"{origin['problem_id']}#{origin['sample']}"
        assert [step.action for step in trajectory.steps] == executed[name]
        assert (trajectory.domain, trajectory.verified) == ("agent", True)
        assert trajectory.system == system_text()
        assert trajectory.problem == task_text("area(2, 3) gives 5, not 6. The model plays correct.")
    assert json.loads((tmp_path / "data/report.json").read_text())["origins"] == {"solve by tiny": 3}


def test_thoughts_stand_apart_from_actions(taught):
    first = next(read_trajectories(taught[0]))
    assert first.steps[0].thought == "A product.\n\nI look."
    assert first.steps[0].action.startswith("<function=str_replace_editor>")
    [row, *_] = lines(taught[0] / "trajectories.jsonl")
    assert row["messages"][2]["reasoning_content"] == "A product."
    assert "A product." not in row["messages"][2]["content"]


def test_what_is_there_already_is_not_kept_again(taught, tasks, tmp_path):
    known = list(read_trajectories(taught[0]))
    with sampling("mends", "nearly_long_way") as server:
        given, out = tasks_to_solve(str(tasks)), tmp_path / "out"
        report = solve_tasks(given, 2, playing(tmp_path, server), out, known=known)
    assert report["samples"]["rejected"] == {"exact_duplicate": 1, "near_duplicate": 1}
    assert (out / "trajectories.jsonl").read_text() == ""
    [first, _] = lines(out / "rejected.jsonl")
    assert first["detail"] == "like tinyshape-0-correct.0 of what is there"


def test_a_folder_of_solved_problems_is_refused(tasks, tmp_path):
    out = tmp_path / "out"
    (out / "store").mkdir(parents=True)
    (out / "teach.json").write_text("{}")
    (out / "store/store.json").write_text('{"command": "solve", "model": "tiny", "back end": "openai"}')
    with sampling("nothing") as server, pytest.raises(OutputError, match="command: 'solve' there, 'solve software"):
        solve_tasks(tasks_to_solve(str(tasks)), 1, playing(tmp_path, server), out)
    assert server.requests == 0


def test_again_nothing_is_asked_and_more_samples_ask_for_themselves(tasks, tmp_path):
    given, out = tasks_to_solve(str(tasks)), tmp_path / "out"
    with sampling("nothing", "talks") as server:
        solve_tasks(given, 1, playing(tmp_path, server), out)
        asked = server.requests
        first = (out / "rejected.jsonl").read_text()
        solve_tasks(given, 1, playing(tmp_path, server), out)
        assert server.requests == asked == 2
        assert (out / "rejected.jsonl").read_text() == first
        report = solve_tasks(given, 2, playing(tmp_path, server), out)
        assert server.requests == asked + 3
    assert report["samples"]["rejected"] == {"no_patch": 1, "format_faults": 1}
    assert (out / "rejected.jsonl").read_text().startswith(first)


def test_a_run_that_is_killed_goes_on_and_asks_nothing_twice(tasks, tmp_path):
    given, out, plays, number = tasks_to_solve(str(tasks)), tmp_path / "out", ("wrong", "wanders"), 6
    with sampling(*plays) as server:
        whole = solve_tasks(given, 2, playing(tmp_path, server), tmp_path / "whole")
        asked = server.requests
    journal = out / "store/episodes/generations.jsonl"
    with sampling(*plays, hook=lambda request: request <= number or time.sleep(60)) as server:
        if (child := os.fork()) == 0:
            try:
                solve_tasks(given, 2, playing(tmp_path, server), out)
            finally:
                os._exit(0)
        while not journal.exists() or journal.read_text().count('"place"') < number:
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with sampling(*plays) as server:
        assert solve_tasks(given, 2, playing(tmp_path, server), out)["samples"] == whole["samples"]
        assert server.requests == asked - number
    assert (out / "rejected.jsonl").read_text() == (tmp_path / "whole/rejected.jsonl").read_text()
    assert whole["samples"]["rejected"] == {"not_resolved": 1, "out_of_steps": 1}


def test_faults_of_the_environment_are_told_apart(tmp_path):
    folder = write_tasks(tmp_path / "tasks", ("correct",))
    row = json.loads((folder / "instances.jsonl").read_text())
    other = {**row, "instance_id": "other-1", "base_commit": "other==1.0"}
    (folder / "instances.jsonl").write_text(json.dumps(other) + "\n" + json.dumps(row) + "\n")
    given = tasks_to_solve(str(folder))
    with sampling("nothing") as server:
        report = solve_tasks(given, 1, playing(tmp_path, server), tmp_path / "unseen")
        assert (report["samples"]["rejected"], report["samples"]["failed"]) == ({"no_patch": 1}, {"environment": 1})
        assert missing(report) == 1
        report = solve_tasks(given, 1, playing(tmp_path, server, validate=True), tmp_path / "seen")
    assert report["inputs"]["left_out"] == {"no_environment": 1}
    assert report["samples"]["all"] == 1
    failed = {row["id"]: row for row in lines(tmp_path / "unseen/rejected.jsonl")}["other-1#0"]
    assert "other==1.0" in failed["detail"]


def test_what_the_back_end_does_not_answer_is_asked_again_by_the_same_command(tasks, tmp_path):
    given, out = tasks_to_solve(str(tasks)), tmp_path / "out"
    with sampling("nothing", faults={"*": ["status:500"]}) as server:
        report = solve_tasks(given, 2, playing(tmp_path, server), out)
        assert (report["samples"]["failed"], missing(report)) == ({"no_reply": 1}, 1)
        report = solve_tasks(given, 2, playing(tmp_path, server), out)
    assert report["samples"]["rejected"] == {"no_patch": 2}


def test_other_settings_other_tasks_and_other_folders_are_refused(tasks, tmp_path):
    given, out = tasks_to_solve(str(tasks)), tmp_path / "out"
    with sampling("nothing") as server:
        solve_tasks(given, 1, playing(tmp_path, server), out)
        with pytest.raises(OutputError, match=rf"settings.max_steps: {MOST_STEPS} there, 3 now"):
            solve_tasks(given, 1, playing(tmp_path, server, max_steps=3), out)
        rows = json.loads((tasks / "instances.jsonl").read_text())
        changed = write_tasks(tmp_path / "changed", ("correct",))
        (changed / "instances.jsonl").write_text(json.dumps({**rows, "problem_statement": "Another. plays correct"}))
        with pytest.raises(OutputError, match=r"task 'tinyshape-0-correct' is another than when"):
            solve_tasks(tasks_to_solve(str(changed)), 1, playing(tmp_path, server), out)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/notes.txt").write_text("x")
        with pytest.raises(OutputError, match="exists already"):
            solve_tasks(given, 1, playing(tmp_path, server), tmp_path / "mine")
        asked = server.requests
        solve_tasks(given, 1, playing(tmp_path, server, max_steps=3), out, overwrite=True)
        assert server.requests == 2 * asked
        with pytest.raises(DataError, match=r"none of 0 rows is left"):
            solve_tasks(Assignments("empty"), 1, playing(tmp_path, server), tmp_path / "none")


def test_tasks_for_testing_are_given_by_name_alone(tmp_path):
    folder = write_tasks(tmp_path / "tasks", ("correct", "lazy"))
    rows = lines(folder / "instances.jsonl")
    for row, split in zip(rows, ("train", "test"), strict=True):
        row["split"] = split
    (folder / "instances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = tasks_to_solve(str(folder))
    assert [task.instance_id for task in given.items] == ["tinyshape-0-correct"]
    assert given.record() == {"source": str(folder), "read": 2, "given": 1, "left_out": {"held_out": 1}}
    assert [task.instance_id for task in tasks_to_solve(str(folder), "test").items] == ["tinyshape-1-lazy"]
