"""What a run's folder, a model's folder and a finished quick start hold, cut, mended by hand or made up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.evaluate.run_folders import with_steps, write_run
from tests.hostile import folders, recipes
from tests.hostile.conftest import write_solutions
from tests.hostile.driver import contents, drive
from treadle.data.contrast import pool_of
from treadle.data.prepare.floors import sample_of
from treadle.data.prepared import Prepared
from treadle.errors import DataError, OutputError
from treadle.miniature.products import EXAMPLES, read_hard, read_score, trained_seconds
from treadle.recipe.warmup_record import WarmupRecord

DEEP = "[" * 100_000
ANEW = "rm -r run/1-sft"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished run and one that was stopped after the first of two steps; nobody writes to them."""
    here = tmp_path_factory.mktemp("runs") / "half"
    here.mkdir()
    write_solutions(here / "solutions.jsonl")
    assert drive(here, "prepare", "solutions.jsonl", "-o", "prepared", "--held-out", "0").code == 0
    stages = [{**recipes.SFT, "max_steps": 2, "save_every": 1}]
    recipes.write(here, stages=stages, max_hours=1e-6)
    assert drive(here, "train", "recipe.yaml").code not in (0, 2)
    recipes.write(here, stages=stages)
    assert list((here / "run" / "1-sft").glob("checkpoint-1"))
    finished = Path(shutil.copytree(here, here.parent / "finished"))
    assert drive(finished, "train", "recipe.yaml").code == 0
    return here.parent


@pytest.fixture
def stage(runs, scratch):
    """The folder of the stage in a copy of one of them."""

    def copy(name):
        shutil.copytree(runs / name, scratch, dirs_exist_ok=True)
        return scratch / "run" / "1-sft"

    return copy


ENTRY = "model/config.json"
FINISHED = [
    ("model.json", DEEP, "no JSON"),
    ("model.json", "{}", "no list of files"),
    ("model.json", json.dumps({ENTRY: {"bytes": 1e300}}), "no list of files"),
    ("model.json", json.dumps({ENTRY: {"bytes": 801, "sha256": 5}}), "no list of files"),
    ("model.json", "[1]", "found list"),
    ("nothing_learned.json", '{"what": ', "no JSON"),
    ("nothing_learned.json", "{}", "what: field required"),
    ("nothing_learned.json", '{"what": 5, "cause": "", "steps": 1}', "what: "),
    ("nothing_learned.json", '{"what": "a", "cause": "b", "steps": []}', "steps: "),
]


@pytest.mark.parametrize(("name", "content", "said"), FINISHED)
def test_files_of_a_finished_stage(name, content, said, stage, treadle, scratch):
    (stage("finished") / name).write_text(content)
    before = contents(scratch / "run" / "1-sft")
    treadle("train", "recipe.yaml").refused(f"run/1-sft/{name}", said, ANEW)
    assert contents(scratch / "run" / "1-sft") == before


@pytest.mark.parametrize("content", [DEEP, '{"a": ', "[1]"])
def test_what_a_stage_was_run_with(content, stage, treadle):
    (stage("finished") / "stage.json").write_text(content)
    treadle("train", "recipe.yaml").refused("run/1-sft/stage.json", "--overwrite")


def test_a_stage_of_nobody_knows_what_is_replaced_when_asked(stage, treadle):
    folder = stage("finished")
    good = json.loads((folder / "stage.json").read_text())
    (folder / "stage.json").write_text(DEEP)
    assert treadle("train", "recipe.yaml", "--overwrite").code == 0
    assert json.loads((folder / "stage.json").read_text()) == good


def line(**values):
    return json.dumps({"step": 1, "seconds": 1.0, "loss": 1.0, **values})


METRICS = [
    (DEEP, "the whole"),
    ('{"step": 1, "seconds": 1, x', "the whole"),
    (line(step="x"), "step: "),
    ('{"step": 1}', "seconds: field required"),
    (line(seconds="x"), "seconds: "),
    ('{"step": 1, "seconds": NaN}', "seconds: "),
    (line(learning_rate="a"), "learning_rate: "),
    (line(frac_reward_zero_std=[]), "frac_reward_zero_std: "),
]


@pytest.mark.parametrize(("content", "said"), METRICS)
def test_metrics_of_a_stage_that_goes_on(content, said, stage, treadle, scratch):
    folder = stage("half")
    (folder / "metrics.jsonl").write_text(line() + "\n" + content + "\n")
    before = contents(folder)
    treadle("train", "recipe.yaml").refused("run/1-sft/metrics.jsonl, line 2", said, "delete this line")
    assert contents(folder) == before


@pytest.mark.parametrize("content", [DEEP, '{"global_step": "x"}', '{"global_step": true}'])
def test_rollouts_of_a_stage_that_goes_on(content, stage, treadle):
    (stage("half") / "rollouts.jsonl").write_text(content + "\n")
    treadle("train", "recipe.yaml").refused("run/1-sft/rollouts.jsonl, line 1", "'global_step'", "delete this line")


def test_the_same_stage_undamaged_goes_on(stage, treadle):
    folder = stage("half")
    (folder / "metrics.jsonl").write_text(line(grad_norm=None, other="text") + "\n" + '{"step": 2, "sec')
    assert treadle("train", "recipe.yaml").code == 0
    steps = [json.loads(each)["step"] for each in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps[:2] == [1, 2]


RECORD = {
    "goal": 0.5,
    "shares": [{"step": 0, "share": 0.1}],
    "goal_reached_at": None,
    "faults_before": {},
    "completions": 4,
    "faults": {"no_thought": 1},
    "kept": [[0, "text"]],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("goal", "x"),
        ("shares", [{"step": "a", "share": 1}]),
        ("goal_reached_at", "x"),
        ("faults", []),
        ("kept", [["0", "text"]]),
    ],
)
def test_what_a_warm_up_wrote(key, value, tmp_path):
    (tmp_path / "warmup.json").write_text(json.dumps({**RECORD, key: value}))
    with pytest.raises(OutputError, match=rf"warmup\.json: {key}.*; remove it \(rm .*samples again"):
        WarmupRecord(tmp_path).note(1, 0.5, False)


def test_a_warm_up_as_it_was_written(tmp_path):
    (tmp_path / "warmup.json").write_text(json.dumps(RECORD))
    WarmupRecord(tmp_path).note(3, 0.5, True)
    found = json.loads((tmp_path / "warmup.json").read_text())
    assert found == {**RECORD, "shares": [*RECORD["shares"], {"step": 3, "share": 0.5}], "goal_reached_at": 3}


MODELS = [
    ("treadle_chat.json", DEEP, "remove it"),
    ("treadle_chat.json", {"thought_tags": ["<a>", "\ud800"]}, "thought_tags"),
    ("generation_config.json", {"eos_token_id": "x"}, "eos_token_id"),
    ("generation_config.json", {"temperature": "x"}, "temperature"),
    ("tokenizer_config.json", {"model_max_length": [1]}, "model_max_length"),
    ("tokenizer_config.json", {"model_max_length": -1}, "model_max_length"),
    ("tokenizer_config.json", {"chat_template": 5}, "chat_template"),
]


@pytest.mark.parametrize(("name", "content", "said"), MODELS)
def test_a_model_s_files(name, content, said, runs, treadle, scratch):
    model = folders.copy(scratch / "m")
    if isinstance(content, str):
        (model / name).write_text(content)
    else:
        (model / name).write_text((model / name).read_text() if (model / name).exists() else "{}")
        folders.change(model / name, **content)
    (scratch / "recipe.yaml").write_text(json.dumps(recipes.recipe(model="m", data=str(runs / "half" / "prepared"))))
    treadle("train", "recipe.yaml", "--dry-run").refused(f"m/{name}", said)
    assert not (scratch / "run").exists()


GRADED = [
    ({"a": float("nan")}, "column 'a' holds float 'nan'"),
    ({"o": [{"role": 5, "content": "x"}]}, "column 'o'"),
    ({"o": [{"role": "assistant", "content": 5}]}, "column 'o'"),
]


@pytest.mark.parametrize(("values", "said"), GRADED)
def test_rows_to_grade(values, said, treadle, scratch):
    rows = [{"o": "\\boxed{1}", "a": "1"}, {"o": "\\boxed{1}", "a": "1", **values}]
    (scratch / "f.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outcome = treadle("grade", "f.jsonl", "--column", "o", "--answer", "a", "--workers", 1, "-o", "out.jsonl")
    outcome.refused("f.jsonl, line 2", said)
    assert [file.name for file in scratch.iterdir()] == ["f.jsonl"]


def score(**values):
    solved = {"right": [1, 0], "thought_tokens": 3.5, "stops": {}, "seconds": 1}
    example = {"id": "a", "prompt": "p", "expert_action": "e", "text": "t"}
    steps = {"exact": 0.5, "similarity": 0.5, "faults": {}, "examples": [example] * EXAMPLES}
    return {"whole": solved, "loop": solved, "steps": steps, "model": "m", "seconds": 1.0, **values}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (DEEP, "no JSON"),
        ("[]", "found list"),
        (json.dumps(score(seconds="x")), "seconds: "),
        (json.dumps(score(loop={"right": [1], "thought_tokens": 1})), r"loop\.right: found 1 problems, expected 2"),
        (json.dumps(score(steps={"exact": 1, "similarity": 1, "examples": []})), r"steps\.examples"),
    ],
)
def test_scores_of_a_quick_start(content, said, tmp_path):
    file = tmp_path / "score.json"
    file.write_text(json.dumps(score()))
    assert read_score(file, 2) == score()
    file.write_text(content)
    with pytest.raises(OutputError, match=rf"score\.json: .*{said}.*; remove it \(rm "):
        read_score(file, 2)


@pytest.mark.parametrize("content", ['{"hard": [-1]}', '{"hard": [4]}', '{"hard": ["0"]}', "{}"])
def test_hard_problems_of_a_quick_start(content, tmp_path):
    (tmp_path / "hard-0.json").write_text(content)
    with pytest.raises(OutputError, match=r"hard-0\.json: hard.*; remove it \(rm "):
        read_hard(tmp_path / "hard-0.json", 4)


def test_metrics_of_a_quick_start_that_are_empty(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(OutputError, match=r"metrics\.jsonl: found no lines, expected one a step; .*rm -r"):
        trained_seconds(tmp_path / "metrics.jsonl")


def test_the_mark_of_a_quick_start(treadle, scratch):
    (scratch / "q").mkdir()
    (scratch / "q" / "quickstart.json").write_text(DEEP)
    treadle("quickstart", "-o", "q").refused("q/quickstart.json", "--overwrite")


@pytest.mark.parametrize("step", [0, 99])
@pytest.mark.parametrize("reader", [lambda p: pool_of(p, 0), sample_of], ids=["pool", "floors"])
def test_steps_that_a_trajectory_has_not(reader, step, runs, tmp_path):
    folder = Path(shutil.copytree(runs / "half" / "prepared", tmp_path / "prepared"))
    file = folder / "instances_train.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(1, "step", pa.array([step] * len(table), pa.int16())), file)
    with pytest.raises(DataError, match=rf"step {step} is a target, .* has 3 steps.*--overwrite"):
        reader(Prepared(folder))


@pytest.fixture
def evaluated(scratch):
    """A run of two problems and two trajectories' next steps, of which run.json states four."""
    settings = {"modes": ["whole"], "greedy": True, "samples": 0, "steps": True}
    folder = write_run(scratch / "run", {("aime24", "whole", "greedy"): [[1], [0]]}, settings=settings)
    with_steps(folder, [[0.5, 0.5], [0.5, 0.5]])
    place = {"benchmark": "aime24", "mode": "whole", "decoding": "greedy", "index": 0, "step": 0}
    turn = {"text": "\\boxed{1}", "n_tokens": 1, "thought_tokens": 0, "finish": "stop", "error": None}
    lines = [{**place, "problem": f"aime24-{n}", **turn} for n in (1, 2)]
    (folder / "generations.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, "steps": 4}))
    return folder


def test_as_many_steps_as_a_run_states(evaluated, treadle):
    assert treadle("evaluate", "--regrade", "run").code == 0
    assert json.loads((evaluated / "results.json").read_text())["steps"]["failed"] == 0


def test_more_steps_than_a_run_states(evaluated, treadle):
    content = json.loads((evaluated / "run.json").read_text())
    (evaluated / "run.json").write_text(json.dumps({**content, "steps": 3}))
    treadle("evaluate", "--regrade", "run").refused("run/steps.jsonl: found 4 steps, expected at most 3", "run.json")


def test_a_step_that_is_there_twice(evaluated, treadle):
    lines = (evaluated / "steps.jsonl").read_text().splitlines()
    (evaluated / "steps.jsonl").write_text("\n".join([*lines[:3], lines[0]]) + "\n")
    treadle("evaluate", "--regrade", "run").refused("run/steps.jsonl, line 4", "is there already; delete this line")
