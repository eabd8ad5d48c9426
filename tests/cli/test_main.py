"""The command line as a user meets it: output, exit codes, messages."""

from __future__ import annotations

import gzip
import inspect
import json
import re
import subprocess
import sys
import warnings

import pytest
import yaml

from treadle.cli import main as cli
from treadle.cli.backends import BACKEND_FLAGS
from treadle.cli.data import spread
from treadle.cli.problems import instances_of
from treadle.data.prepared import Prepared
from treadle.data.prompts import Asking
from treadle.data.sources.native import to_row
from treadle.evaluate.backends import opener


@pytest.fixture
def world(expert_trajectories, tmp_path):
    path = tmp_path / "world.jsonl"
    path.write_text("".join(json.dumps(to_row(t)) + "\n" for t in expert_trajectories))
    return path


@pytest.fixture
def recipe(tiny_folder, tmp_path):
    path = tmp_path / "recipe.yaml"
    stage = {"kind": "srl", "max_steps": 1, "prompts_per_step": 2, "rollouts": 4, "micro_batch": 8}
    stage |= {"max_completion_length": 5, "gradient_checkpointing": False, "allow_no_change": True}
    content = {"model": str(tiny_folder), "data": str(tmp_path / "data"), "output": str(tmp_path / "run")}
    path.write_text(yaml.safe_dump({**content, "stages": [stage]}))
    return path


def test_shards_are_prepared_and_merged(treadle, world, tmp_path):
    for number in (1, 2):
        code, out, _ = treadle("prepare", world, "-o", tmp_path / f"{number}", "--shard", f"{number}/2")
        assert code == 0
        assert f"shard {number}/2 of {world}: rows read" in out
    treadle("prepare", world, "-o", tmp_path / "one")
    code, out, _ = treadle("merge", tmp_path / "2", tmp_path / "1", "-o", tmp_path / "data")
    assert code == 0
    assert f"written to {tmp_path / 'data'}" in out
    for name in ("trajectories_train.parquet", "instances_heldout.parquet", "rows.jsonl"):
        assert (tmp_path / "data" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_help_names_the_verbs(treadle):
    code, out, _ = treadle("--help")
    assert code == 0
    assert all(verb in out for verb in ("prepare", "inspect", "train", "evaluate", "quickstart"))


def test_prepare_train_evaluate(treadle, world, recipe, tiny_folder, tmp_path):
    code, out, _ = treadle("prepare", world, "-o", tmp_path / "data", "--targets", "all", "--held-out", "4")
    assert code == 0
    assert "rows read 20, kept 20, dropped 0" in out
    assert out.splitlines()[-2].startswith("A policy that has learned nothing earns a similarity of up to 0.")
    assert (tmp_path / "data" / "report.html").read_text().startswith("<!doctype html>")

    code, out, _ = treadle("train", recipe, "--dry-run", "stages.srl.learning_rate=1e-3")
    assert code == 0
    assert "learning_rate: 0.001" in out
    assert "# srl: 144 rows, 2 a step x rollouts = 8 completions, 1 micro-batches accumulated, 1 optimizer steps" in out
    assert not (tmp_path / "run").exists()

    code, out, _ = treadle("train", recipe)
    assert code == 0
    model = tmp_path / "run" / "1-srl" / "model"
    # Five tokens of a random model all earn the same, which the recipe allows.
    assert out.startswith("NOT TRAINED (allow_no_change): stage 'srl' learned nothing")
    assert out.rstrip().endswith(f"The last model is in {model}")

    limits = ("--max-new-tokens", "8", "--max-step-tokens", "8", "--max-steps", "2")
    command = ("evaluate", model, "--data", tmp_path / "data", "-o", tmp_path / "scores")
    code, out, err = treadle(*command, *limits, "--mode", "all")
    assert code == 0, err
    assert "| data | 4 | whole | 0.0% [0.0%, 49.0%] | - |" in out
    assert re.search(
        r"next steps: \d+ of 4 trajectories, similarity \d+\.\d% \[.*\] \(floor \d+\.\d%\), exact 0\.0%", out
    )
    assert re.search(r"a policy that has learned nothing earns \d+\.\d% \[.*\]; above that by -?\d+\.\d%", out)
    samples = [json.loads(line) for line in (tmp_path / "scores" / "samples.jsonl").open()]
    assert len(samples) == 8
    results = json.loads((tmp_path / "scores" / "results.json").read_text())
    assert set(results["benchmarks"]["data"]["modes"]) == {"whole", "loop"}
    assert results["steps"]["trajectories"] == 4
    assert (tmp_path / "scores" / "report.html").read_text().startswith("<!doctype html>")

    code, out, _ = treadle(*command, *limits, "--mode", "all")
    assert code == 0
    assert "generations are there already" in out
    code, _, err = treadle(*command, *limits, "--mode", "all", "--samples", "2")
    assert code == 2
    assert "holds a run with other settings; choose another folder with -o, or replace the run with" in err
    assert "--overwrite\n  samples of data: 0 there, 2 now\n" in err
    code, out, _ = treadle("evaluate", "--regrade", tmp_path / "scores")
    assert code == 0
    assert "| data | 4 | loop | 0.0%" in out


def test_missing_generations_give_exit_code_one(treadle, tiny_folder, tmp_path):
    file = tmp_path / "problems.jsonl"
    long = "1+" * 2000 + "1"  # more than the tiny model's positions
    file.write_text("".join(json.dumps({"problem": p, "answer": 2}) + "\n" for p in ("1+1", long)))
    limits = ("--max-new-tokens", "4", "--mode", "whole", "--domain", "miniature")
    code, out, _ = treadle("evaluate", tiny_folder, "--data", file, "-o", tmp_path / "a", *limits)
    assert code == 1
    assert "problems, whole, greedy: 1 attempts are missing (the prompt of " in out
    assert "1 problems kept out of the figures" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "nowhere.jsonl", "-o", "out"], "nowhere.jsonl: no such file or folder"),
        (["prepare", "{world}", "-o", "out", "--targets", "some"], "--targets 'some': expected skip_last or all"),
        (["prepare", "{world}", "-o", "out", "--context", "few"], "--context 'few': expected full or a number"),
        (["prepare", "{world}", "-o", "out", "--held-out", "1.5"], "--held-out 1.5: expected a share below 1 or"),
        (["prepare", "{world}", "-o", "out", "--held-out", "nan"], "--held-out nan: expected a share below 1 or"),
        (["prepare", "{world}", "-o", "out", "--format", "xml"], "format 'xml': expected auto or one of treadle,"),
        (["prepare", "{world}", "-o", "out", "--shard", "3/2"], "--shard '3/2': expected I/N with I from 1 to N"),
        (["merge", "nowhere", "-o", "out"], "nowhere: no such folder; expected a folder made by `treadle prepare"),
        (
            ["prepare", "{world}", "-o", "out", "--observation-tokens", "9"],
            "name the model's tokenizer with --tokenizer",
        ),
        (["prepare", "{world}", "-o", "out", "--against", "aime42"], "neither a file nor one of amc23, aime24"),
        (["inspect", "nowhere.jsonl"], "nowhere.jsonl: no such file or folder"),
        (["inspect", "{world}", "--id", "problem-99"], "the nearest ids are 'problem-9"),
        (["prepare", "{world}", "-o", "{world}/x"], "world.jsonl is a file; choose another folder"),
        (["quickstart", "-o", "{world}"], "world.jsonl is a file; choose another folder"),
        (["prepare", "{world}", "-o", "out", "--columns", "problem=p"], "solution missing"),
        (["prepare", "{world}", "-o", "out", "--tokenizer", "./none"], "./none: no such model folder"),
        (["train", "none.yaml"], "none.yaml: no such recipe file"),
        (["train", "{recipe}", "stages.srl.max_stps=1"], "unknown key 'stages.0.max_stps'; did you mean 'max_steps'"),
        (["train", "{recipe}"], "no such folder; expected a folder made by `treadle prepare"),
        (
            ["evaluate", "m", "--data", "d", "-o", "o", "--mode", "one"],
            "--mode 'one': expected whole or loop or both or",
        ),
        (["evaluate", "m", "-o", "o"], "no problems: name a benchmark with --benchmark amc23"),
        (["evaluate", "m", "-o", "o", "--data", "{world}", "--kind", "x"], "--kind 'x': expected math or integer or"),
        (["evaluate", "m"], "-o FOLDER is missing"),
        (["evaluate", "m", "-o", "o", "--regrade", "r"], "--regrade RUN takes neither a model nor -o"),
        (["evaluate", "--regrade", "r"], "r/run.json: no such file; expected a folder written by"),
        (["evaluate", "m", "-o", "o", "--benchmark", "amc24"], "--benchmark amc24: expected one of amc23, aime24"),
        (["evaluate", "m", "-o", "o", "--data", "none.jsonl"], "none.jsonl: no such file or folder"),
        (["evaluate", "m", "-o", "o", "--data", "{world}", "--samples", "x=y"], "--samples x=y: expected a number"),
        (["evaluate", "m", "-o", "o", "--data", "{world}", "--samples", "x=1"], "--samples x=...: no such benchmark"),
        (["evaluate", "m", "-o", "o", "--data", "{world}", "--data", "{world}"], "two sets have the name 'world'"),
        (["evaluate", "m", "-o", "o", "--data", "{world}", "--no-greedy"], "nothing to do for world"),
        (["evaluate", "{model}", "-o", "o", "--data", "{world}", "--mode", "steps"], "no expert's steps"),
        (
            ["evaluate", "m", "-o", "o", "--data", "{world}", "--base-url", "u"],
            "--base-url is no option of --backend tr",
        ),
        (
            ["evaluate", "m", "-o", "o", "--data", "{world}", "--samples", "2", "--temperature", "0"],
            "all samples would",
        ),
    ],
)
def test_mistakes_exit_with_two_and_leave_nothing(
    treadle, world, recipe, tiny_folder, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, _, err = treadle(*[a.format(world=world, recipe=recipe, model=tiny_folder) for a in arguments])
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_evaluating_a_file_of_problems_names_its_columns(treadle, tiny_folder, tmp_path):
    file = tmp_path / "problems.jsonl"
    file.write_text('{"question": "1+1?", "answer": 2.0}\n')
    limits = ("--max-new-tokens", "4", "--mode", "whole")
    code, out, _ = treadle("evaluate", tiny_folder, "--data", file, "-o", tmp_path / "a", *limits)
    assert code == 0
    assert "| problems | 1 | whole |" in out
    file.write_text('{"question": "1+1?", "gold": 2}\n')
    code, _, err = treadle("evaluate", tiny_folder, "--data", file, "-o", tmp_path / "b", *limits)
    assert code == 2
    assert "line 1: no column 'answer' with a value; found question, gold" in err


def test_the_flags_of_back_ends_are_options_that_they_have():
    for kind, flags in BACKEND_FLAGS.items():
        assert set(flags) <= set(inspect.signature(opener(kind)).parameters)


def test_steps_are_told_by_the_folder_that_they_are_of(treadle, world, tmp_path):
    """A floor counts as often as steps of its folder are evaluated."""
    folders = [tmp_path / name for name in "ab"]
    treadle("prepare", world, "-o", folders[0])
    treadle("prepare", world, "-o", folders[1], "--targets", "all")
    found = instances_of([f"first={folders[0]}", str(world), str(folders[1])], "train", None, Asking())
    assert {folder: len(steps) for folder, steps in found.items()} == {
        folder: Prepared(folder).count("instances") for folder in folders
    }


def test_a_second_run_finds_its_folder(treadle, world, tmp_path):
    out = tmp_path / "data"
    first = treadle("prepare", world, "-o", out)
    again = treadle("prepare", world, "-o", out)
    assert first[0] == again[0] == 0
    assert first[1].splitlines()[-1] == f"written to {out}; the report is {out}/report.html"
    assert first[1].replace(f"written to {out}", "") == again[1].replace(
        f"{out} is up to date: same input, same settings", ""
    )


def test_rows_from_standard_input(world, tmp_path):
    command = [sys.executable, "-m", "treadle.cli", "prepare", "-", "-o", str(tmp_path / "data"), "--held-out", "0"]
    run = subprocess.run(command, input=gzip.compress(world.read_bytes()), capture_output=True, check=True)
    assert b"rows read 20, kept 20, dropped 0" in run.stdout
    assert json.loads((tmp_path / "data" / "report.json").read_text())["fingerprint"] is None


def test_a_split_that_chooses_nothing_is_said(treadle, world, tmp_path):
    with pytest.warns(UserWarning, match=f"--split test: no other split was found in {world}; all of its rows were"):
        code, _, _ = treadle("prepare", world, "-o", tmp_path / "one", "--split", "test")
    assert code == 0
    rows = [json.loads(line) for line in world.read_text().splitlines()]
    (tmp_path / "two.json").write_text(json.dumps({"train": rows[:5], "test": rows[5:]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, _ = treadle("prepare", tmp_path / "two.json", "-o", tmp_path / "two", "--split", "test")
    assert (code, "rows read 15, kept 15" in out) == (0, True)


def test_nothing_kept_exits_with_two(treadle, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n')
    code, _, err = treadle("prepare", path, "-o", tmp_path / "out")
    assert code == 2
    assert "none of 1 rows could be used" in err
    assert "1 x unknown_form" in err
    code, _, err = treadle("inspect", path)
    assert code == 2
    assert "unknown_form" in err


def test_inspect_shows_steps_and_writes_a_page(treadle, world, tmp_path):
    code, out, _ = treadle("inspect", world, "--index", 2)
    assert code == 0
    assert "problem-1" in out
    assert "step 1 of" in out
    code, out, _ = treadle("inspect", world, "--html", tmp_path / "page.html", "--limit", 3)
    assert code == 0
    assert f"3 on the page {tmp_path / 'page.html'}" in out
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    code, out, _ = treadle("inspect", "--forms")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()][:2] == ["treadle", "swe-agent"]


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("prepare in --against a b --seed 3", "prepare in --against a --against b --seed 3"),
        ("prepare --against a -o out x", "prepare --against a -o out x"),
        ("x --against a --against b c", "x --against a --against b --against c"),
        ("x --against", "x --against"),
    ],
)
def test_several_names_after_one_option(typed, parsed):
    assert " ".join(spread(typed.split())) == parsed


def test_overlap_with_several_sets_on_the_command_line(treadle, world, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text('{"problem": "something else entirely"}\n')
    sets = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    code, _, err = treadle("prepare", world, "-o", tmp_path / "data", "--against", *sets, "--drop-overlap")
    assert code == 0, err
    report = json.loads((tmp_path / "data" / "report.json").read_text())
    assert report["overlap"] == {str(path): 0 for path in sets}


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("treadle.training.guards.format", "treadle: warning: 75% break\n  the format\n"),
        ("trl.trainer", "trainer.py:192: UserWarning: 75% break\nthe format\n"),
    ],
)
def test_own_warnings_are_lines_and_others_say_where_they_come_from(module, said):
    """Whose one is, is said by the code that warns: it may lay the blame on another's line."""
    warn = "line('75% break\\nthe format', UserWarning, 'trainer.py', 192)"
    assert eval(warn, {"__name__": module, "line": cli._as_line}) == said
