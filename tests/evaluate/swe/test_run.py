import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.evaluate.swe import scripted
from tests.evaluate.swe.scripted import BAD, GOOD, PLAYS, SOURCE, playing, write_tasks
from treadle.errors import Interrupted, ModelError, OutputError, TreadleError
from treadle.evaluate.swe.agent.prompts import system_text, task_text
from treadle.evaluate.swe.folders import open_run_folder
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.predictions import read_predictions
from treadle.evaluate.swe.run import run
from treadle.evaluate.swe.sandbox import Limits, why_not
from treadle.evaluate.swe.settings import SweSettings
from treadle.evaluate.swe.worlds import Worlds

SAFE = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
KILLED = ("thinking", "malformed", "lazy", "looping")
MENDED = "-    return width + height\n+    return width * height\n"
FAULTS = {
    "oracle": {
        "correct": "",
        "thinking": "",
        "malformed": "edit_fault",
        "twice": "edit_fault",
        "lazy": "edit_fault",
        "silent": "empty",
        "looping": "edit_fault",
        "hostile": "edit_fault",
        "long": "context_too_long",
    },
    "agent": {
        "correct": "",
        "thinking": "",
        "malformed": "empty",
        "twice": "empty",
        "lazy": "empty",
        "silent": "empty",
        "looping": "empty",
        "hostile": "",
        "long": "context_too_long",
    },
}
FAULTS["end-to-end"] = {**FAULTS["oracle"], "lazy": "empty", "hostile": "empty"}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    return write_tasks(tmp_path_factory.mktemp("made") / "tasks")


def worlds(folder, **more):
    return Worlds(folder / "cache", limits=Limits(seconds=5), python=Path(sys.prefix), **more)


def settings(mode="oracle", **more):
    return SweSettings(mode=mode, **{"max_steps": 8, "max_new_tokens": 512, "max_step_tokens": 256, **more})


def play(server, tasks, out, mode="oracle", plays=PLAYS, **more):
    instances = [one for one in read_instances(tasks) if one.instance_id.rpartition("-")[2] in plays]
    chosen = {name: more.pop(name) for name in list(more) if name in SweSettings.__dataclass_fields__}
    options = {"url": server.url, "retries": 0, "concurrency": 4}
    return run(
        "tiny", instances, settings(mode, **chosen), out, worlds(out.parent), "openai", options, say=lambda _: 0, **more
    )


def faults_of(out):
    return {one.instance_id.rpartition("-")[2]: one.fault for one in read_predictions(out)}


@pytest.fixture(scope="module")
def played(tasks, tmp_path_factory):
    """Each mode on all plays, run once: folder, summary and requests."""
    runs = {}

    def of(mode):
        if mode not in runs:
            out = tmp_path_factory.mktemp(mode) / "run"
            with playing() as server:
                summary = play(server, tasks, out, mode)
            runs[mode] = out, summary, server.bodies
        return runs[mode]

    return of


def patch_of(out, name):
    [patch] = [one.model_patch for one in read_predictions(out) if one.instance_id.endswith(name)]
    return patch


@SAFE
@pytest.mark.parametrize("mode", ["oracle", "end-to-end", "agent"])
def test_each_play_ends_as_it_must_in_every_mode(played, mode):
    out, summary, _ = played(mode)
    assert faults_of(out) == FAULTS[mode]
    assert MENDED in patch_of(out, "correct")
    assert MENDED in patch_of(out, "thinking")
    assert not (out / "work").exists()
    assert (summary["instances"], summary["failed"]) == (len(PLAYS), 0)
    if mode == "agent":
        stops = {"context_too_long": 1, "format_faults": 2, "repeated": 1, "submitted": 5}
        assert summary["stops"] == stops
    else:
        assert 0 < summary["figures"]["edit_fault_rate"]["value"] < 1
    if mode == "end-to-end":
        assert summary["figures"]["localisation_recall"]["value"] == pytest.approx(5 / 9)


@SAFE
def test_what_an_agent_does_to_the_machine_stays_in_its_checkout(played):
    out, _, _ = played("agent")
    [row] = [row for row in open_run_folder(out).outcomes() if row.instance_id.endswith("hostile")]
    seen = [step["observation"] for step in row.steps]
    assert "outside of /testbed" in seen[2]
    assert "root:" not in "".join(seen)
    assert "os._exit(0)" in row.patch
    assert Path("/etc/passwd").exists()


@SAFE
def test_steps_have_thought_action_and_observation(played):
    steps = [json.loads(line) for line in (played("agent")[0] / "steps.jsonl").read_text().splitlines()]
    step = [step for step in steps if step["instance_id"].endswith("thinking")][1]
    assert step["thought"] == "I mend."
    assert step["action"].startswith("<function=str_replace_editor>")
    assert "has been edited" in step["observation"]


@SAFE
def test_agents_prompts_are_those_of_training(tasks, played):
    out, _, bodies = played("agent")
    [instance] = [one for one in read_instances(tasks) if one.instance_id.endswith("correct")]
    [row] = [row for row in open_run_folder(out).outcomes() if row.instance_id.endswith("correct")]
    prompts = [body["messages"] for body in bodies if "plays correct" in body["messages"][1]["content"]]
    assert len(prompts) == len(row.steps) == 6
    for number, (system, user) in enumerate(prompts):
        assert system["content"].startswith(system_text().strip())
        assert task_text(instance.problem_statement).strip() in user["content"]
        shown = row.steps[max(0, number - 2) : number]
        for step in shown:
            assert f"Action {step['step']}:\n{step['action']}\nObservation {step['step']}:\n" in user["content"]
        assert user["content"].count("\nObservation ") == len(shown)
        assert ("are left out" in user["content"]) == (number > 2)


@SAFE
def test_the_patch_of_an_agent_is_applied_by_git(played, tmp_path):
    (tmp_path / "tinyshape.py").write_text(SOURCE.replace(GOOD, BAD))
    patch = patch_of(played("agent")[0], "correct")
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch, text=True, check=True)
    assert (tmp_path / "tinyshape.py").read_text() == SOURCE


def killed(server, mode, tasks, out):
    """Run in a process that is killed when the server has been asked so often."""
    if (child := os.fork()) == 0:
        try:
            play(server, tasks, out, mode, KILLED, workers=1)
        finally:
            os._exit(0)
    return child


def texts_in(out):
    path = out / "generations.jsonl"
    return path.read_text().count('"place"') if path.exists() else 0


@SAFE
@pytest.mark.parametrize(("mode", "number"), [("end-to-end", 3), ("agent", 6)])
def test_a_run_that_is_killed_ends_with_the_same_predictions(tasks, tmp_path, mode, number):
    with playing() as server:
        play(server, tasks, tmp_path / "whole", mode, KILLED)
        asked = server.requests
    out, over = tmp_path / "killed", threading.Event()
    with playing(lambda request: request <= number or over.wait(60)) as server:
        child = killed(server, mode, tasks, out)
        while texts_in(out) < number:
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        over.set()
        assert not (out / "predictions.jsonl").exists()
        before = server.requests
        play(server, tasks, out, mode, KILLED)
        assert server.requests - before <= asked - number
    assert (out / "predictions.jsonl").read_text() == (tmp_path / "whole/predictions.jsonl").read_text()
    assert not (out / "work").exists()


@SAFE
def test_a_run_that_is_stopped_within_a_command_lets_it_end_and_goes_on_later(tasks, tmp_path, monkeypatch):
    monkeypatch.setitem(scripted.STEPS, "lazy", [scripted.bash("echo begun > begun; sleep 3"), scripted.SUBMIT])
    out, lasting = tmp_path / "run", {"plays": ("lazy",)}
    with playing() as server:
        if (child := os.fork()) == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                play(server, tasks, out, "agent", **lasting)
            except Interrupted:
                os._exit(7)
            finally:
                os._exit(1)
        while not [*out.rglob("begun")]:
            time.sleep(0.01)
        os.kill(child, signal.SIGINT)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert not (out / "work").exists()
        play(server, tasks, out, "agent", **lasting)
    assert "begun" in patch_of(out, "lazy")


def test_a_finished_run_asks_for_nothing_again(tasks, tmp_path):
    with playing() as server:
        first = play(server, tasks, tmp_path / "run", plays=("correct", "malformed"))
        asked = server.requests
        assert play(server, tasks, tmp_path / "run", plays=("correct", "malformed")) == first
        assert server.requests == asked
        with pytest.raises(OutputError, match=r"settings.seed: 0 there, 1 now"):
            play(server, tasks, tmp_path / "run", plays=("correct", "malformed"), seed=1)
        play(server, tasks, tmp_path / "run", plays=("correct", "malformed"), seed=1, overwrite=True)
        assert server.requests == 2 * asked


def test_a_run_that_grows_asks_for_the_new_tasks_alone(tasks, tmp_path):
    out = tmp_path / "run"
    with playing() as server:
        play(server, tasks, out, plays=("correct",), grows=True)
        assert play(server, tasks, out, plays=("correct", "malformed"), grows=True)["instances"] == 2
        assert server.requests == 2
        assert play(server, tasks, out, plays=("malformed",), grows=True)["instances"] == 1
        assert server.requests == 2
        with pytest.raises(OutputError, match=r"settings.seed: 0 there, 1 now"):
            play(server, tasks, out, plays=("correct",), grows=True, seed=1)
        with pytest.raises(OutputError, match=r"instances: '0, sha256"):
            play(server, tasks, out, plays=("correct",))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_refused_before_a_model_is_loaded(tasks, tmp_path, overwrite):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/mine.txt").write_text("mine")
    words = ("no-model", read_instances(tasks), settings(), tmp_path / "run", worlds(tmp_path))
    with pytest.raises(OutputError, match="run: holds no run.json" if overwrite else "run exists already"):
        run(*words, overwrite=overwrite, say=lambda _: 0)
    with pytest.raises(ModelError):
        run(*words[:3], tmp_path / "other", worlds(tmp_path), say=lambda _: 0)
    assert (tmp_path / "run/mine.txt").read_text() == "mine"


def test_another_runs_folder_is_refused_before_a_model_is_loaded(tasks, tmp_path):
    with playing() as server:
        play(server, tasks, tmp_path / "run", plays=("correct",))
    for chosen, said in (
        ({"seed": 1}, "settings.seed: 0 there, 1 now"),
        ({"plays": ("lazy",)}, "instances: '1, sha256"),
    ):
        with pytest.raises(OutputError, match=said):
            play(server, tasks, tmp_path / "run", **{"plays": ("correct",), **chosen})


def test_what_the_back_end_does_not_answer_is_left_for_the_next_run(tasks, tmp_path):
    with playing(faults={"*": ["status:500"]}) as server:
        summary = play(server, tasks, tmp_path / "run", plays=("correct", "lazy"))
        assert summary["failed"] == 1
        assert len(read_predictions(tmp_path / "run")) == 1
        assert play(server, tasks, tmp_path / "run", plays=("correct", "lazy"))["failed"] == 0
    assert faults_of(tmp_path / "run") == {"correct": "", "lazy": "edit_fault"}
    with playing(faults={"*": ["status:500:always"]}) as server, pytest.raises(ModelError, match="500"):
        play(server, tasks, tmp_path / "none", plays=("correct", "lazy"))


def test_a_task_without_its_release_is_told_and_the_others_go_on(tmp_path):
    folder = write_tasks(tmp_path / "tasks", ("correct",))
    row = json.loads((folder / "instances.jsonl").read_text())
    other = {**row, "instance_id": "other-1", "base_commit": "other==1.0"}
    (folder / "instances.jsonl").write_text(json.dumps(other) + "\n" + json.dumps(row) + "\n")
    options = {"retries": 0}
    with playing() as server:
        run(
            "tiny",
            read_instances(folder),
            settings(),
            tmp_path / "run",
            worlds(tmp_path),
            "openai",
            {"url": server.url, **options},
            say=lambda _: 0,
        )
    first, second = read_predictions(tmp_path / "run")
    assert first.fault == "environment"
    assert "other==1.0" in first.reason
    assert MENDED in second.model_patch
    assert [row.instance_id for row in open_run_folder(tmp_path / "run").outcomes()] == [second.instance_id]


def test_a_prompt_that_is_longer_than_allowed_is_not_asked(tasks, tmp_path):
    with playing() as server:
        for mode in ("oracle", "end-to-end"):
            play(server, tasks, tmp_path / mode, mode, ("correct",), max_prompt_tokens=20)
            assert faults_of(tmp_path / mode) == {"correct": "context_too_long"}
        assert server.requests == 0


def test_no_tasks_is_an_error(tmp_path):
    with pytest.raises(TreadleError, match="no tasks"):
        run("tiny", [], settings(), tmp_path / "run", worlds(tmp_path))
