import json
import sys
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from tests.evaluate.swe.mini import scripts as mini_scripts
from tests.evaluate.swe.scripted import playing, write_tasks
from treadle.cli.main import app
from treadle.errors import TreadleError
from treadle.evaluate.swe.sandbox import why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def treadle(*words):
    result = CliRunner().invoke(app, ["swe", *map(str, words)], catch_exceptions=True)
    if isinstance(result.exception, TreadleError):
        raise result.exception
    return result


def test_what_is_run_can_be_graded(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", ("correct", "lazy"))
    own = ("--tasks", tasks, "--python", sys.prefix, "--cache", tmp_path / "cache")
    with playing() as server:
        engine = ("--backend", "openai", "--base-url", server.url)
        chosen = ("--limit", 2, "--mode", "agent", "--max-steps", 8)
        ran = treadle("run", "tiny", *own, *chosen, "-o", tmp_path / "run", *engine)
    assert ran.exit_code == 0, ran.output
    assert "2 tasks, 1 patch" in ran.output
    assert f"grade it with `treadle swe grade {tmp_path}/run --tasks {tasks} --limit 2 -o OUT`" in ran.output
    assert "episodes ended: submitted 2" in ran.output
    assert "localisation recall: 0.5" in ran.output
    graded = treadle("grade", tmp_path / "run", *own, "-o", tmp_path / "grades")
    assert graded.exit_code == 0, graded.output
    results = json.loads((tmp_path / "grades/results.json").read_text())
    assert results["resolved"] == ["tinyshape-0-correct"]
    assert results["verdicts"]["tinyshape-1-lazy"]["verdict"] == "empty"


@pytest.mark.slow
def test_tasks_that_do_not_validate_are_left_out_by_name(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", ("correct", "lazy"))
    rows = [json.loads(line) for line in (tasks / "instances.jsonl").read_text().splitlines()]
    rows[1]["FAIL_TO_PASS"] = ["tests/test_shape.py::test_double"]
    (tasks / "instances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = ("--python", sys.prefix, "--cache", tmp_path / "cache")
    assert treadle("validate", tasks, *own).exit_code == 1
    with playing() as server:
        engine = ("--backend", "openai", "--base-url", server.url)
        ran = treadle("run", "tiny", "--tasks", tasks, *own, "-o", tmp_path / "run", *engine)
    assert "left out: tinyshape-1-lazy: the tests pass without the gold patch" in ran.output
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert info["instances"] == ["tinyshape-0-correct"]
    assert list(info["left_out"]) == ["tinyshape-1-lazy"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--mode", "guess"), "--mode"),
        (("--choice", "best"), "--choice"),
        (("--samples", 2, "--temperature", 0), "--temperature 0 with --samples"),
        (("--instance", "nobody"), "nobody"),
        (("--gpus", 2, "--backend", "openai"), "--gpus is no option of --backend openai"),
        (("--mini-config", "swebench_backticks"), "--mini-config is of --mode mini"),
    ],
)
def test_wrong_settings_are_said_before_anything_begins(tmp_path, words, said):
    tasks = write_tasks(tmp_path / "tasks", ("correct",))
    with pytest.raises(TreadleError, match=said):
        treadle("run", "tiny", "--tasks", tasks, "-o", tmp_path / "run", *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(find_spec("minisweagent") is not None, reason="the extra is installed")
def test_without_mini_swe_agent_one_line_says_what_to_install(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", ("correct",))
    with pytest.raises(TreadleError, match=r"^mini-swe-agent is not installed; .*pip install .*\[mini\]'?$"):
        treadle("run", "tiny", "--tasks", tasks, "--mode", "mini", "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(find_spec("minisweagent") is None, reason="needs the extra mini")
def test_mini_swe_agent_takes_the_same_options(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", ("correct",))
    own = ("--tasks", tasks, "--python", sys.prefix, "--cache", tmp_path / "cache")
    with mini_scripts.playing() as server:
        engine = ("--backend", "openai", "--base-url", server.url, "--mini-config", "swebench_backticks")
        ran = treadle(
            "run",
            "tiny",
            *own,
            *engine,
            "--mini-config",
            "environment.timeout=9",
            "--mode",
            "mini",
            "-o",
            tmp_path / "run",
        )
    assert ran.exit_code == 0, ran.output
    assert "of the config treadle does not use: environment.environment_class, model.model_name" in ran.output
    assert "episodes ended: submitted 1" in ran.output
    graded = treadle("grade", tmp_path / "run", *own, "-o", tmp_path / "grades")
    assert "resolved 1 of 1" in graded.output
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert info["settings"]["mini"]["environment"]["timeout"] == 9
