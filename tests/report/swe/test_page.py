from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.evaluate.swe.scripted import playing
from tests.evaluate.swe.scripted import write_tasks as write_tiny
from tests.evaluate.swe.test_experts import row as expert
from tests.evaluate.swe.test_experts import write as write_experts
from tests.evaluate.swe.test_run import play
from tests.report.reading import Page
from tests.report.swe.folders import OTHER, graded, outcome, step, write_grades, write_run, write_tasks
from treadle.cli.view import view
from treadle.errors import OutputError, TreadleError
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.opening import INFO
from treadle.evaluate.swe.results import check_folder
from treadle.report.parts import PAGE_BUDGET
from treadle.report.swe.page import write_swe_report
from treadle.scoring.rewards import step_similarity

LOOK = step(1, observation="m.py")


@pytest.fixture
def made(tmp_path):
    """Four tasks: resolved, a test broken, no patch, no prediction at all."""
    tasks = write_tasks(tmp_path / "tasks", "abcd")
    steps = [LOOK, step(2, action="<function=ls", fault="no call in it")]
    outcomes = [
        outcome("b", OTHER, [LOOK], tokens=900),
        outcome("a", steps=steps, figures={"faulty_steps": 1, "steps": 2}),
        outcome("c", ""),
    ]
    run = write_run(tmp_path / "run", tasks, outcomes)
    b = next(one for one in read_instances(tasks) if one.instance_id == "b")
    verdicts = {
        "a": "resolved",
        "b": graded(b, "unresolved", "1 of 1 FAIL_TO_PASS not passed", ["t.py::test_g"]),
        "c": "empty",
        "d": "empty",
    }
    return run, write_grades(tmp_path / "grades", run, tasks, verdicts, {"e": "the gold patch fails"})


def data_of(path):
    data = json.loads(Page(path).texts["script"][0])
    return {item["key"]: item for item in data["tasks"]}


def test_the_page_of_grades_has_figures_verdicts_and_tasks(made):
    path = write_swe_report(made[1])
    page = Page(path)
    assert path == made[1] / "report.html"
    assert not {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "embed", "base"}
    assert not page.attributes("src")
    assert {href.strip("#") for href in page.attributes("href")} <= set(page.attributes("id"))
    assert "default-src 'none'" in page.attributes("content", "meta")[1]
    for part in (
        "Software-engineering tasks: org/model",
        "25.0% resolved (4.6% to 69.9%), 1 of 4 tasks",  # Wilson's of 1 of 4
        "localisation recall the gold patch's files that the model named or changed 33.3%",
        "faulty steps",
        "no patch was handed in 2 50.0%",
        "1 task left out: no task that did not validate is graded e the gold patch fails",
        "f() gives 1 and not 2",
        "All texts are on this page",
        "settings.max_steps",
    ):
        assert part in page.text, part
    items = data_of(path)
    assert [item["state"] for item in items.values()] == ["resolved", "unresolved", "empty", "empty"]
    assert items["a"]["flags"] == ["faulty"]
    assert items["b"]["flags"] == ["broke", "elsewhere"]
    assert items["d"]["flags"] == ["no_patch"]
    assert items["b"]["tests"]["rows"][1] == ["t.py::test_g", "PASS_TO_PASS", "passed", "failed"]
    assert items["b"]["tests"]["rest"] == ["1 PASS_TO_PASS passed before and after"]
    assert items["c"]["tests"]["ran"] is False
    assert items["a"]["steps"][1][1] == "no call in it"
    assert items["a"]["texts"]["o0"] == [["text", "m.py"]]
    check_folder(made[1])  # grading goes on beside the page


def test_steps_stand_beside_the_expert_s(made, tmp_path):
    experts = write_experts(tmp_path / "experts.jsonl", expert("a", "ls m.py"))
    item = data_of(write_swe_report(made[1], experts=str(experts)))["a"]
    action = step(1)["action"]
    assert item["similarities"][0] == pytest.approx(step_similarity(action, action.replace("ls", "ls m.py")), abs=1e-3)
    assert len(item["expert"]) == 2
    assert item["texts"]["T0"] == [["thought", "I look.\n\n"]] or item["texts"]["T0"][0][1].strip() == "I look."
    assert item["flags"] == ["faulty", "expert"]


def test_a_run_that_is_not_graded_says_so_and_how(made):
    page = Page(write_swe_report(made[0]))
    assert "Not graded yet" in page.text
    assert "3 of 4 tasks have an outcome" in page.text
    assert f"treadle swe grade {made[0]} --tasks " in page.text
    assert "% resolved" not in page.text
    items = data_of(made[0] / "report.html")
    assert [items[name]["state"] for name in "abcd"] == ["not graded", "not graded", "empty", "no outcome"]
    assert items["a"]["tests"] is None


def test_a_run_without_outcomes_has_a_page(tmp_path):
    run = write_run(tmp_path / "run", write_tasks(tmp_path / "tasks", "a"), [], finished=False)
    (run / "outcomes.jsonl").unlink()
    page = Page(write_swe_report(run))
    assert "0 of 1 tasks have an outcome" in page.text
    assert "no task has an outcome" in page.text


def test_grades_without_run_and_tasks_have_a_page(made, tmp_path):
    (made[0] / INFO).rename(tmp_path / "gone")
    (made[0] / "predictions.jsonl").unlink()
    (tmp_path / "tasks/instances.jsonl").unlink()
    page = Page(write_swe_report(made[1]))
    assert "Patches and steps are not shown" in page.text
    assert "Issues and gold patches are not shown" in page.text
    items = data_of(made[1] / "report.html")
    assert items["b"]["tests"]["rows"] == [["t.py::test_g", "listed", "passed", "failed"]]
    assert items["a"]["texts"] == {"issue": [], "patch": [], "gold": []}


def test_long_texts_are_cut_with_a_count_and_whole_beside_the_page(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", "ab")
    long = [step(k, observation=f"line {k} of much\n" * 20_000) for k in range(1, 31)]
    run = write_run(tmp_path / "run", tasks, [outcome("a", steps=long), outcome("b")])
    path = write_swe_report(run)
    item = data_of(path)["a"]
    assert [kind for kind, _ in item["texts"]["o3"]] == ["text", "cut", "text"]
    assert "characters left out" in item["texts"]["o3"][1][1]
    assert item["file"].startswith("report/")
    assert "line 4 of much" in (run / item["file"]).read_text()
    assert data_of(path)["b"]["file"] is None
    assert path.stat().st_size < PAGE_BUDGET + 1_000_000


def test_a_damaged_step_is_named(made):
    path = made[0] / "outcomes.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[1]["steps"][0]["thought"] = 5
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(OutputError, match=r"outcomes\.jsonl: a: steps\.0\.thought: .*found 5"):
        write_swe_report(made[1])


def test_a_real_run_from_the_command_line(tmp_path):
    tasks = write_tiny(tmp_path / "tasks", ("correct", "malformed"))
    with playing() as server:
        play(server, tasks, tmp_path / "run", plays=("correct", "malformed"))
    app = typer.Typer()
    app.command()(view)
    ran = CliRunner().invoke(app, [str(tmp_path / "run"), "--tasks", str(tasks)])
    assert f"written to {tmp_path}/run/report.html" in ran.output, ran.output
    items = list(data_of(tmp_path / "run/report.html").values())
    assert [item["state"] for item in items] == ["not graded", "edit_fault"]
    assert "+    return width * height" in items[0]["texts"]["patch"][0][1]
    for words, said in (
        (["--against", "x"], "set grades side by side with `treadle compare`"),
        (["--split", "test"], "--split: of the tasks that --tasks names"),
    ):
        ran = CliRunner().invoke(app, [str(tmp_path / "run"), *words])
        assert isinstance(ran.exception, TreadleError)
        assert said in str(ran.exception)
    (tmp_path / "other").mkdir()
    ran = CliRunner().invoke(app, [str(tmp_path / "other"), "--experts", "x"])
    assert "other is no folder of these" in str(ran.exception)
