"""Rounds on the miniature's base and chains of one operation, of which it solves some: real sampling, real training."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter

import pytest
import yaml

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import OutputError, RecipeError, TreadleError
from treadle.evaluate.store import read_lines
from treadle.miniature import world
from treadle.report.bootstrap import write_bootstrap_page
from treadle.teacher.bootstrap.run import bootstrap
from treadle.teacher.bootstrap.schema import parse_bootstrap

SFT = {
    "kind": "sft",
    "target": "traces",
    "max_steps": 2,
    "batch_size": 4,
    "micro_batch": 4,
    "learning_rate": 5e-4,
    "gradient_checkpointing": False,
}


def chains(seed, count=8, steps=1):
    return [world.make_problem(random.Random(f"{seed}/{i}"), steps) for i in range(count)]


def write_problems(path, problems):
    rows = [{"id": f"p{i}", "problem": p.text, "answer": p.answer} for i, p in enumerate(problems)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    sets = {
        "problems": write_problems(folder / "problems.jsonl", chains("train")),
        "held_out": write_problems(folder / "test.jsonl", chains("test")),
    }
    rounds = {"domain": "miniature", "rounds": 2, "samples": 4, "patience": 2, "max_new_tokens": 60}
    return {
        "model": "miniature",
        "dtype": "float32",
        "threads": 1,
        "stages": [SFT],
        "bootstrap": {**sets, **rounds},
    }


@pytest.fixture(scope="module")
def made(content):
    def run(out, page=None, **rounds):
        changed = {**content, "output": str(out), "bootstrap": {**content["bootstrap"], **rounds}}
        return bootstrap(parse_bootstrap(changed), quiet=True, page=page)

    return run


@pytest.fixture(scope="module")
def finished(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("bootstrap") / "out"
    return out, made(out, write_bootstrap_page)


def lines(path):
    return list(read_lines(path))


def test_every_attempt_is_accounted_for_and_only_right_ones_are_kept(finished):
    out, results = finished
    answers = {f"p{i}": p.answer for i, p in enumerate(chains("train"))}
    for number, row in enumerate(results["rounds"][1:], 1):
        folder = out / f"round-{number:02d}"
        kept, rejected = lines(folder / "trajectories.jsonl"), lines(folder / "rejected.jsonl")
        assert row["asked"] == 8 * 4 == len(kept) + len(rejected) == row["kept"] + sum(row["rejected"].values())
        assert row["rejected"] == Counter(r["reason"] for r in rejected)
        origins = [json.loads(r["meta"])["origin"] for r in kept] + [r["origin"] for r in rejected]
        assert {(o["kind"], o["round"]) for o in origins} == {("bootstrap", number)}
        assert len({r["id"] for r in [*kept, *rejected]}) == 32
        right = 0
        for line in lines(folder / "attempts.jsonl"):
            boxes = re.findall(r"\\boxed\{(\d+)\}", line["text"])
            right += bool(boxes) and boxes[-1] == answers[line["problem"]]
        assert row["right_samples"]["value"] == right / 32
        for r in kept:
            box = re.fullmatch(r"\\boxed\{(\d+)\}", r["steps"][-1]["action"])
            assert box
            assert box[1] == answers[json.loads(r["meta"])["origin"]["problem_id"]]


def test_each_round_trains_on_what_all_rounds_kept(finished):
    out, results = finished
    kept = [t["id"] for n in (1, 2) for t in lines(out / f"round-{n:02d}" / "trajectories.jsonl")]
    assert [t.id for t in Prepared(out / "round-02" / "data").trajectories()] == kept
    assert results["rounds"][2]["trained_on"] == {"own": len(kept), "expert": 0}
    texts = [(t["problem"], *(s["action"] for s in t["steps"])) for n in (1, 2) for t in lines(
        out / f"round-{n:02d}" / "trajectories.jsonl")]  # fmt: skip
    assert len(set(texts)) == len(texts)
    stage = json.loads((out / "round-02" / "train" / "1-sft" / "stage.json").read_text())
    assert stage["model"] == "miniature", "ReST-EM: the second round trains the base again"


def test_results_and_page(finished):
    out, results = finished
    assert json.loads((out / "results.json").read_text()) == json.loads(json.dumps(results))
    assert results["ended"] == "all rounds are done"
    ever = [row["ever_solved"]["value"] for row in results["rounds"][1:]]
    assert ever == sorted(ever)
    page = (out / "report.html").read_text()
    assert page.count("data:image/png") == 2, "for light and dark pages"
    assert "all rounds are done" in page
    assert results["sentence"] in (out / "report.md").read_text()


@pytest.mark.parametrize("left", ["attempts", "harvest", "data", "trained"])
def test_a_killed_round_goes_on_where_it_stopped(finished, made, tmp_path, left):
    """What is there when a process is killed during the second round, up to the part that was being made."""
    out, results = finished
    whole, second = tmp_path / "whole", out / "round-02"
    shutil.copytree(second, whole)
    parts = {
        "attempts": ("harvest.json", "trajectories.jsonl", "rejected.jsonl"),
        "harvest": ("training.jsonl", "data"),
        "data": ("train",),
        "trained": ("held-out",),
    }
    order = list(parts)
    for name in [name for part in order[order.index(left) :] for name in parts[part]]:
        shutil.rmtree(second / name) if (second / name).is_dir() else (second / name).unlink()
    for name in (second / "round.json", out / "results.json", out / "report.md"):
        name.unlink()
    if left == "attempts":
        journal = second / "attempts.jsonl"
        journal.write_bytes(journal.read_bytes()[:-100])
    begun = (out / "round-01" / "attempts.jsonl").stat().st_mtime_ns
    again = made(out)
    assert (out / "round-01" / "attempts.jsonl").stat().st_mtime_ns == begun
    assert lines(second / "trajectories.jsonl") == lines(whole / "trajectories.jsonl")
    assert len(lines(second / "attempts.jsonl")) == 32
    for one, other in zip(again["rounds"], results["rounds"], strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}


def test_more_rounds_can_be_asked_for_and_other_settings_are_refused(finished, made):
    out, _ = finished
    with pytest.raises(OutputError, match=r"bootstrap\.samples: 4 there, 5 now"):
        made(out, samples=5)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("round.json")}
    assert len(made(out, rounds=1)["rounds"]) == 2
    assert len(made(out, rounds=2)["rounds"]) == 3
    assert {path: path.stat().st_mtime_ns for path in out.rglob("round.json")} == times


def test_the_answer_as_a_hint_is_removed_again(made, tmp_path):
    out = tmp_path / "out"
    results = made(out, rounds=1, samples=2, help="answer", max_new_tokens=60)
    helped = results["rounds"][1]["helped"]["problems"]
    assert helped
    asked = lines(out / "round-01" / "helped.jsonl")
    assert len(asked) == 2 * helped
    assert all("Hint: the final answer is" in line["prompt"][-1]["content"] for line in asked)
    assert not any("Hint" in line["prompt"][-1]["content"] for line in lines(out / "round-01" / "attempts.jsonl"))
    solved = {line["problem"] for line in asked}
    assert solved.isdisjoint(json.loads((out / "round-01" / "harvest.json").read_text())["solved"])
    assert "Hint" not in (out / "round-01" / "trajectories.jsonl").read_text()


def test_a_prefix_of_the_experts_steps_is_given_and_named(content, made, tmp_path):
    experts = [world.expert_trajectory(p, f"p{i}", "careful") for i, p in enumerate(chains("train", 4, 2))]
    source = tmp_path / "experts.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in experts))
    prepare(source, tmp_path / "experts", PrepareSettings(targets="all", held_out=0))
    out = tmp_path / "out"
    rounds = {"rounds": 1, "samples": 4, "mode": "loop", "help": "prefix", "prefix": 0.7, "max_steps": 4}
    made(out, problems=str(tmp_path / "experts"), max_step_tokens=40, **rounds)
    helped = lines(out / "round-01" / "helped.jsonl")
    assert helped
    first = {t.id: t for t in experts}
    for line in helped:
        given = first[line["problem"]].steps[:2]  # 0.7 of three steps
        assert line["step"] >= 3
        assert all(step.action in line["prompt"][-1]["content"] for step in given)
    for row in lines(out / "round-01" / "trajectories.jsonl"):
        meta = json.loads(row["meta"])
        if meta.get("help") == "prefix":
            assert meta["given_steps"] == 2
            expert = first[meta["origin"]["problem_id"]]
            assert [s["action"] for s in row["steps"][:2]] == [s.action for s in expert.steps[:2]]


def test_going_on_from_the_last_model_and_experts_beside(content, tmp_path):
    experts = [world.expert_trajectory(p, f"e{i}", "careful") for i, p in enumerate(chains("experts", 3))]
    source = tmp_path / "experts.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in experts))
    prepare(source, tmp_path / "experts", PrepareSettings(targets="all", held_out=0))
    rounds = {**content["bootstrap"], "rounds": 2, "train_from": "last", "accumulate": False, "near_threshold": None}
    given = {**content, "output": str(tmp_path / "out"), "data": str(tmp_path / "experts"), "bootstrap": rounds}
    results = bootstrap(parse_bootstrap(given), quiet=True)
    second = tmp_path / "out" / "round-02"
    stage = yaml.safe_load((second / "train" / "recipe.yaml").read_text())
    assert stage["model"] == results["rounds"][1]["model"]
    assert results["rounds"][2]["trained_on"] == {"own": results["rounds"][2]["kept"], "expert": 3}
    assert [t.id for t in Prepared(second / "data").trajectories()][:3] == ["e0", "e1", "e2"]


def test_bad_input(content, made, tmp_path):
    with pytest.raises(TreadleError, match=r"none of 32 attempts is kept .* give easier problems"):
        made(tmp_path / "none", max_new_tokens=1)
    with pytest.raises(RecipeError, match=r"8 of 8 problems are in bootstrap\.problems too"):
        made(tmp_path / "both", held_out=content["bootstrap"]["problems"])
    with pytest.raises(RecipeError, match="is no prepared folder"):
        made(tmp_path / "prefix", help="prefix", mode="loop")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="exists already"):
        made(tmp_path / "other")
