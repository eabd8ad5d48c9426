"""The real package over the scripted server: what is handed in, kept and continued."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.evaluate.swe.mini.scripts import SCRIPTS, command, playing
from tests.evaluate.swe.scripted import write_tasks
from tests.evaluate.swe.test_run import MENDED, faults_of, patch_of, texts_in, worlds
from tests.evaluate.swe.test_sandbox import others
from treadle.data.sources.reading import read_trajectories
from treadle.errors import TreadleError
from treadle.evaluate.swe.folders import open_run_folder
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.mini.settings import DEFAULT, read_config
from treadle.evaluate.swe.run import run
from treadle.evaluate.swe.sandbox import why_not
from treadle.evaluate.swe.settings import SweSettings

pytest.importorskip("minisweagent", reason="needs the extra mini")
pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
KILLED = ("correct", "thinking", "malformed", "looping")


def play(server, tasks, out, plays=tuple(SCRIPTS), specs=(), workers=4, **chosen):
    instances = [one for one in read_instances(tasks) if one.instance_id.rpartition("-")[2] in plays]
    config, _ = read_config((DEFAULT, *specs), max_steps=7, seconds=2)
    settings = SweSettings(mode="mini", mini=config, **{"max_step_tokens": 256, **chosen})
    options = {"url": server.url, "retries": 0, "concurrency": 4}
    return run(
        "tiny", instances, settings, out, worlds(out.parent), "openai", options, say=lambda _: 0, workers=workers
    )


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    return write_tasks(tmp_path_factory.mktemp("made") / "tasks", tuple(SCRIPTS))


@pytest.fixture(scope="module")
def played(tasks, tmp_path_factory):
    out = tmp_path_factory.mktemp("mini") / "run"
    with playing() as server:
        return out, play(server, tasks, out), server.bodies


def row_of(out, name):
    [row] = [row for row in open_run_folder(out).outcomes() if row.instance_id.endswith(name)]
    return row


def test_each_script_ends_as_it_must(played):
    out, summary, _ = played
    assert faults_of(out) == {name: "empty" if name in ("lazy", "looping") else "" for name in SCRIPTS}
    assert summary["stops"] == {"format_faults": 1, "step_limit": 2, "submitted": 3}
    assert {name: row_of(out, name).figures["exit_status"] for name in SCRIPTS} == {
        "correct": "Submitted",
        "thinking": "LimitsExceeded",
        "malformed": "RepeatedFormatError",
        "lazy": "Submitted",
        "looping": "LimitsExceeded",
        "hostile": "Submitted",
    }
    assert row_of(out, "malformed").figures["faulty_steps"] == 4
    assert row_of(out, "lazy").reason == "nothing was changed in 2 steps, which ended: submitted"
    assert not (out / "work").exists()


def test_handed_in_is_the_difference_without_the_file_of_the_submission(played):
    out, _, _ = played
    for name in ("correct", "thinking", "malformed"):
        assert MENDED in patch_of(out, name)
        assert patch_of(out, name).count("diff --git") == 1
    assert row_of(out, "correct").figures["submitted"] == ["tinyshape.py"]
    assert "patch.txt" in row_of(out, "correct").steps[3]["action"]


def test_hostile_commands_end_and_leave_nothing(played):
    out, _, _ = played
    seen = [step["observation"] for step in row_of(out, "hostile").steps]
    assert "/etc/shadow: No such file" in seen[0]
    assert "root:x" not in seen[0]
    assert "took too long" in seen[1]
    assert len(seen[2]) < 20_000
    assert row_of(out, "hostile").figures["tool_seconds"] < 30
    assert others("sleep 7731") == []
    assert "conftest.py" in patch_of(out, "hostile")


def test_prompts_are_theirs_and_thoughts_are_not_shown_again(played):
    _, _, bodies = played
    asked = [body["messages"] for body in bodies if "plays thinking" in body["messages"][1]["content"]]
    assert [len(messages) for messages in asked] == [2, 4, 6, 8, 10, 12, 14]
    system, user, assistant, observed = asked[1]
    config, _ = read_config()
    assert system["content"].strip() == config["agent"]["system_template"].strip()
    assert "The model plays thinking." in user["content"]
    assert assistant == {"role": "assistant", "content": command("x").replace("\nx\n", "\n" + _MEND + "\n")}
    assert observed == {"role": "user", "content": "<returncode>0</returncode>\n<output>\n</output>"}


_MEND = "sed -i 's/width + height/width * height/' tinyshape.py"


def test_thoughts_and_commands_are_steps(played):
    out, _, _ = played
    first = row_of(out, "thinking").steps[0]
    assert first["thought"].startswith("A product.")
    assert first["action"] == _MEND
    assert first["thought_tokens"] > 0
    steps = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    assert len(steps) == sum(row.figures["steps"] for row in open_run_folder(out).outcomes())


def test_trajectories_are_read_as_training_data(played):
    out, _, _ = played
    found = {one.id: one for one in read_trajectories(out / "trajectories", keep_unverified=True)}
    one = next(one for name, one in found.items() if "correct" in name)
    assert one.meta["form"] == "mini-swe-agent"
    assert [step.action for step in one.steps][:2] == ["cat tinyshape.py", _MEND]
    assert "def area" in one.steps[0].observation
    files = sorted((out / "trajectories").iterdir())
    assert [path.name for path in files] == [f"tinyshape-{i}-{name}.traj.json" for i, name in enumerate(SCRIPTS)]
    content = json.loads(files[0].read_text())
    assert (content["info"]["exit_status"], content["trajectory_format"]) == ("Submitted", "mini-swe-agent-1.1")
    assert "A product." in next(path for path in files if "thinking" in path.name).read_text()


def test_a_run_that_is_killed_ends_with_the_same_predictions(tasks, tmp_path):
    with playing() as server:
        play(server, tasks, tmp_path / "whole", KILLED)
        asked = server.requests
    out, over, number = tmp_path / "killed", threading.Event(), 9
    with playing(lambda request: request <= number or over.wait(60)) as server:
        if (child := os.fork()) == 0:
            try:
                play(server, tasks, out, KILLED, workers=1)
            finally:
                os._exit(0)
        while texts_in(out) < number:
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        over.set()
        before = server.requests
        play(server, tasks, out, KILLED)
        assert server.requests - before <= asked - number
    assert (out / "predictions.jsonl").read_text() == (tmp_path / "whole/predictions.jsonl").read_text()
    assert not (out / "work").exists()


@pytest.mark.parametrize(
    ("chosen", "stop", "fault"),
    [
        ({"max_tokens": 5}, "token_limit", "empty"),
        ({"max_seconds": 0.001}, "time_limit", "empty"),
        ({"max_prompt_tokens": 5}, "context_too_long", "context_too_long"),
    ],
)
def test_bounds_of_treadle_end_an_episode(tasks, tmp_path, chosen, stop, fault):
    with playing() as server:
        summary = play(server, tasks, tmp_path / "run", ("looping",), **chosen)
    assert summary["stops"] == {stop: 1}
    assert faults_of(tmp_path / "run") == {"looping": fault}


def test_another_config_is_another_run(tasks, tmp_path):
    with playing() as server:
        play(server, tasks, tmp_path / "run", ("lazy",))
        with pytest.raises(TreadleError, match=r"mini-swe-agent: '2\.\S+, config sha256"):
            play(server, tasks, tmp_path / "run", ("lazy",), ["agent.step_limit=3", "environment.env.A=b"])


def test_a_template_that_names_what_there_is_not_ends_the_run(tasks, tmp_path):
    with playing() as server, pytest.raises(TreadleError, match="a template cannot be rendered: 'nothing'"):
        play(server, tasks, tmp_path / "run", ("lazy",), ["model.observation_template={{nothing}}"])


def test_their_own_runner_works_in_our_checkouts(tasks, tmp_path):
    from minisweagent.agents.default import DefaultAgent
    from minisweagent.config import get_config_from_spec
    from minisweagent.models.test_models import DeterministicModel, make_output
    from minisweagent.run.benchmarks.swebench import get_sb_environment
    from minisweagent.utils.serialize import recursive_merge

    own = tmp_path / "treadle.yaml"
    own.write_text(
        "environment:\n"
        "  environment_class: treadle.evaluate.swe.mini.TreadleEnvironment\n"
        f"  tasks: {tasks}\n  python: {sys.prefix}\n  cache: {tmp_path}/cache\n"
        "run:\n  env_startup_command: treadle-instance {{ instance_id }}\n"
    )
    config = recursive_merge(get_config_from_spec("swebench.yaml"), get_config_from_spec(str(own)))
    row = json.loads((tasks / "instances.jsonl").read_text().splitlines()[0])
    place = get_sb_environment(config, row)
    script = [
        "cat /etc/shadow",
        _MEND,
        "git diff > patch.txt",
        "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; cat patch.txt",
    ]
    model = DeterministicModel(outputs=[make_output("", [{"command": one}]) for one in script])
    agent = DefaultAgent(model, place, **{**config["agent"], "cost_limit": 0})
    info = agent.run(row["problem_statement"])
    assert info["exit_status"] == "Submitted"
    assert MENDED in info["submission"]
    assert "No such file" in agent.messages[3]["content"]
    path = Path(tmp_path / "x.traj.json")
    agent.save(path)
    assert "TreadleEnvironment" in path.read_text()
    place.cleanup()
