from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from treadle import read_trajectories, step_instances
from treadle.data.prepare import PrepareSettings, as_markdown, prepare, writing
from treadle.data.prepared import Prepared
from treadle.data.sources.columns import parse_columns
from treadle.data.sources.report import FINAL_ANSWERS
from treadle.errors import DataError, OutputError


def row(i, n_steps=4, **changes):
    steps = "\n".join(f"{k}. **Step {k}** work {i}" for k in range(1, n_steps + 1))
    return {"id": f"r{i}", "problem": f"problem {i}", "solution": steps + f"\n\n\\boxed{{{i}}}", **changes}


@pytest.fixture
def source(tmp_path):
    rows = [row(i) for i in range(20)] + [row(20, n_steps=1), row(3), {"id": "x", "problem": "p", "solution": "prose"}]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_everything_is_counted_and_split_by_trajectory(source, tmp_path):
    report = prepare(source, tmp_path / "out", PrepareSettings(held_out=5))
    assert (report.rows.read, report.rows.kept) == (23, 20)
    assert report.rows.dropped == {"too_few_steps": 1, "duplicate_id": 1, "no_numbered_steps": 1}
    assert report.trajectories == {"train": 15, "heldout": 5}
    assert report.instances == {"train": 45, "heldout": 15}
    prepared = Prepared(tmp_path / "out")
    ids = {split: {t.id for t in prepared.trajectories(split)} for split in ("train", "heldout")}
    assert len(ids["train"]) == 15
    assert not ids["train"] & ids["heldout"]
    for split, files in ids.items():
        instances = list(prepared.instances(split))
        assert {i.trajectory_id for i in instances} == files
        assert prepared.count("instances", split) == len(instances)
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["rows"]["read"] == written["rows"]["kept"] + sum(written["rows"]["dropped"].values())


def test_the_split_is_repeatable_and_moves_with_the_seed(source, tmp_path):
    held = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepare(source, tmp_path / name, PrepareSettings(held_out=0.25, seed=seed))
        held.append([t.id for t in Prepared(tmp_path / name).trajectories("heldout")])
    assert held[0] == held[1] != held[2]
    assert len(held[0]) == 5


def test_settings_reach_the_instances(source, tmp_path):
    settings = PrepareSettings(targets="all", give_title=True, context=1, held_out=0, materialise=True)
    prepare(source, tmp_path / "out", settings)
    rows = load_dataset("parquet", data_files=str(tmp_path / "out" / "rows_train.parquet"), split="train")
    assert len(rows) == 21 * 4 - 3
    third = next(r for r in rows if r["step"] == 3)["prompt"][0]["content"]
    assert "Title of the next step: Step 3" in third
    assert "2. **Step 2**" in third
    assert "1. **Step 1**" not in third
    assert list(Prepared(tmp_path / "out").trajectories("heldout")) == []


def test_the_report_shows_prompts_as_the_model_sees_them(source, tmp_path, tiny_tokenizer):
    report = prepare(source, tmp_path / "out", tokenizer=tiny_tokenizer)
    text = as_markdown(report)
    assert len(report.examples) == 3
    assert text == (tmp_path / "out" / "report.md").read_text()
    for example in report.examples:
        assert example["prompt"].startswith("<|user|>")
        assert example["prompt"].endswith("<|end|><|assistant|>")
        assert example["prompt"] in text
    assert "prompt, tokens" in text
    assert "| no_numbered_steps | 1 | no line starts a numbered step (cut prose with --segment prose) |" in text


def test_an_existing_folder_is_only_replaced_on_request(source, tmp_path):
    out = tmp_path / "out"
    prepare(source, out)
    with pytest.raises(OutputError, match=r"--overwrite\n  held_out: 0.05 there, 0 now$"):
        prepare(source, out, PrepareSettings(held_out=0))
    prepare(source, out, PrepareSettings(held_out=0), overwrite=True)
    assert Prepared(out).count("trajectories") == 20
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_overwriting_replaces_earlier_results_only_and_never_the_input(source, tmp_path, monkeypatch):
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"mine: holds no report.json, so it is not an earlier result"):
        prepare(source, foreign, overwrite=True)
    prepare(source, tmp_path / "out")
    inside = tmp_path / "out" / "in.jsonl"
    inside.write_text(source.read_text())
    with pytest.raises(OutputError, match=r"holds the input .*in.jsonl, which --overwrite would delete"):
        prepare(inside, tmp_path / "out", overwrite=True)
    assert inside.is_file()
    with pytest.raises(OutputError, match=r"in.jsonl is a file; choose another folder"):
        prepare(source, source / "out")
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(OutputError, match="this is the working folder"):
        prepare(source, Path(), overwrite=True)


def test_nothing_parses_gives_reasons_examples_and_forms(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"problem": "p", "solution": f"prose {i}"}) + "\n" for i in range(5)))
    with pytest.raises(DataError) as caught:
        prepare(path, tmp_path / "out")
    message = str(caught.value)
    assert "none of 5 rows could be used" in message
    assert "5 x no_numbered_steps" in message
    assert message.count("for example") == 3
    assert "in.jsonl, line 1: " in message
    assert "'1. **Title** body'" in message


def test_what_is_wrong_with_all_rows_alike_is_said_once_and_without_the_forms(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"problm": "p", "solution": "1. **A** b"}\n' * 5)
    with pytest.raises(DataError) as caught:
        prepare(path, tmp_path / "out", PrepareSettings(columns=parse_columns("plain")))
    message = str(caught.value)
    assert message.count("for example") == 1
    assert "line 1: \"no column 'problem' (did you mean 'problm'?)" in message
    assert "Understood are" not in message


def test_answers_that_may_be_meant_otherwise_are_counted(tmp_path):
    path = tmp_path / "in.jsonl"
    row = {"problem": "p", "solution": "1. **A** b\n2. **B** c"}
    answers = ["49,5", "7,25", "3"]
    path.write_text("".join(json.dumps({**row, "problem": f"p{a}", "answer": a}) + "\n" for a in answers))
    report = prepare(path, tmp_path / "out", PrepareSettings(held_out=0))
    ((doubt, count),) = report.rows.notes[FINAL_ANSWERS].items()
    assert (count, doubt) == (2, "two numbers to the grader, as in 49,5; write 49.5 where one is meant")
    assert doubt in (tmp_path / "out" / "report.md").read_text()


def test_holding_out_everything_is_refused(source, tmp_path):
    with pytest.raises(DataError, match=r"asks for 20 of 20 trajectories.*set it below 20"):
        prepare(source, tmp_path / "out", PrepareSettings(held_out=20))


def test_a_folder_that_was_not_prepared_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no report.json, instances_train.parquet, .*_heldout.parquet in it"):
        Prepared(tmp_path)


def test_a_report_that_was_damaged_is_named(source, tmp_path):
    prepare(source, tmp_path / "out")
    (tmp_path / "out" / "report.json").write_text('{"rows": ')
    with pytest.raises(DataError, match=r"report.json: no JSON \(Expecting value.*prepare the data again"):
        Prepared(tmp_path / "out").floors  # noqa: B018


def test_the_compact_form_renders_what_step_instances_renders(source, tmp_path):
    settings = PrepareSettings(held_out=3, targets="all", context=2, materialise=True)
    prepare(source, tmp_path / "out", settings)
    prepared = Prepared(tmp_path / "out")
    by_id = {t.id: t for t in read_trajectories(source)}
    for split in ("train", "heldout"):
        found = list(prepared.instances(split))
        ids = [t.id for t in prepared.trajectories(split)]
        assert found == [i for id in ids for i in step_instances(by_id[id], targets="all", context=2)]
        written = pq.read_table(tmp_path / "out" / f"rows_{split}.parquet").to_pylist()
        assert [(r["trajectory_id"], r["step"], r["prompt"], r["expert_action"]) for r in written] == [
            (i.trajectory_id, i.step, i.prompt, i.expert_action) for i in found
        ]


def test_a_page_is_written_of_what_report_json_holds_and_appears_with_the_folder(source, tmp_path):
    out, pages = tmp_path / "out", []

    def write(content, path):
        assert not out.exists()
        pages.append(content)
        path.write_text("page")

    prepare(source, out, page=write)
    assert (out / "report.html").read_text() == "page"
    written = json.loads((out / "report.json").read_text())
    assert written.pop("files").keys() >= {"report.html", "rows.jsonl"}  # the page is one of them
    assert pages == [{**written, "files": {}}]
    prepare(source, out, PrepareSettings(held_out=0), overwrite=True)
    assert not (out / "report.html").exists()


def test_what_became_of_each_row_is_written(source, tmp_path):
    prepare(source, tmp_path / "out", PrepareSettings(held_out=5))
    outcomes = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert [o["where"] for o in outcomes] == [f"{source}, line {n}" for n in range(1, 24)]
    assert {o["form"] for o in outcomes} == {"numbered"}
    assert [o.get("dropped") for o in outcomes[20:]] == ["too_few_steps", "duplicate_id", "no_numbered_steps"]
    held = {t.id for t in Prepared(tmp_path / "out").trajectories("heldout")}
    assert {o["id"] for o in outcomes if o.get("split") == "heldout"} == held


def test_an_unchanged_input_is_not_read_again(source, tmp_path):
    out = tmp_path / "out"
    first = prepare(source, out)
    written = (out / "report.json").stat().st_mtime_ns
    again = prepare(source, out)
    assert again.reused
    assert not first.reused
    assert as_markdown(again) == as_markdown(first)
    assert (out / "report.json").stat().st_mtime_ns == written
    with source.open("a") as file:
        file.write(json.dumps(row(30)) + "\n")
    with pytest.raises(OutputError, match=r"exists already, prepared from .* before one of these changed: the input's"):
        prepare(source, out)
    assert prepare(source, out, overwrite=True).rows.read == 24
    with pytest.raises(OutputError, match="  targets: 'skip_last' there, 'all' now"):
        prepare(source, out, PrepareSettings(targets="all"))


def test_several_processes_write_the_same_as_one(tmp_path):
    source = tmp_path / "in.jsonl.gz"
    rows = [row(i, n_steps=2 + i % 5, problem=f"problem {i} " + "x" * 2000) for i in range(2500)]
    source.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode(), 1))
    reports = [prepare(source, tmp_path / f"out{n}", workers=n) for n in (1, 2)]
    assert reports[0].rows == reports[1].rows
    assert reports[0].distributions == reports[1].distributions
    assert Prepared(tmp_path / "out1").digest() == Prepared(tmp_path / "out2").digest()
    assert (tmp_path / "out1" / "rows.jsonl").read_text() == (tmp_path / "out2" / "rows.jsonl").read_text()


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    source, draw = tmp_path / "in.jsonl", random.Random(0)
    with source.open("w") as file:
        for i in range(4000):
            file.write(json.dumps(row(i, problem=draw.randbytes(2500).hex())) + "\n")
    command = [
        sys.executable,
        "-m",
        "treadle.cli",
        "prepare",
        str(source),
        "-o",
        str(tmp_path / "out"),
        "--workers",
        "2",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    while not any(parts.stat().st_size > 10_000 for parts in tmp_path.glob(".out.*.partial/.parts.parquet")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"stopped; nothing was written to" in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl"]


def test_duplicates_are_reported_and_dropped_on_request(tmp_path):
    source = tmp_path / "in.jsonl"
    draw = random.Random(0)
    words = [[f"w{draw.randrange(10**6)}" for _ in range(200)] for _ in range(12)]
    rows = [row(i, problem=" ".join(text)) for i, text in enumerate(words)]
    changed = " ".join([*words[5][:100], "other", *words[5][101:]])  # 5 of about 200 runs of five words
    rows += [{**rows[0], "id": "copy", "problem": rows[0]["problem"] + "  "}, {**rows[5], "id": "near"}, rows[1]]
    rows[13]["problem"] = changed
    source.write_text("".join(json.dumps(r) + "\n" for r in rows))
    report = prepare(source, tmp_path / "report", PrepareSettings(held_out=0))
    assert report.duplicates == {"exact": 1, "near": 1}
    assert report.duplicate_examples == [("copy", "r0"), ("near", "r5")]
    assert (report.rows.kept, report.rows.dropped) == (14, {"duplicate_id": 1})
    report = prepare(source, tmp_path / "drop", PrepareSettings(held_out=0, duplicates="drop"))
    assert report.rows.kept == 12
    assert report.rows.dropped == {"duplicate_id": 1, "exact_duplicate": 1, "near_duplicate": 1}
    assert report.rows.examples["near_duplicate"] == [("near", "like r5")]
    report = prepare(source, tmp_path / "off", PrepareSettings(held_out=0, duplicates="off"))
    assert (report.rows.kept, report.duplicates) == (14, {})


def test_overlap_with_evaluation_problems(source, tmp_path):
    evaluation = tmp_path / "eval.jsonl"
    evaluation.write_text(json.dumps({"problem": "Problem 7", "id": "seven"}) + "\n")
    settings = {"held_out": 0, "against": (str(evaluation),)}
    report = prepare(source, tmp_path / "report", PrepareSettings(**settings))
    assert report.overlap == {str(evaluation): 1}
    assert report.overlap_examples == [(f"{source}, line 8", f"{evaluation}, problem seven", "the same text")]
    assert report.rows.kept == 20
    report = prepare(source, tmp_path / "drop", PrepareSettings(**settings, drop_overlap=True))
    assert (report.rows.kept, report.rows.dropped["overlaps_evaluation"]) == (19, 1)


def test_curation_is_counted(tmp_path):
    long = {**row(1), "solution": row(1)["solution"].replace("work 1\n3", "work 1 and much more\n3")}
    every = {**row(2), "solution": row(2)["solution"].replace("work 2", "work 2 and much more")}
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(r) + "\n" for r in (row(0), long, every, row(4, n_steps=9))))
    settings = PrepareSettings(held_out=0, targets="all", max_action_chars=25, max_steps=8)
    report = prepare(source, tmp_path / "out", settings)
    assert report.curated == {"steps no target: its action is longer than --max-action-chars": 1}
    assert report.rows.dropped == {"too_few_steps": 1, "too_many_steps": 1}
    assert [(i.trajectory_id, i.step) for i in Prepared(tmp_path / "out").instances()] == [
        *(("r0", k) for k in (1, 2, 3, 4)),
        *(("r1", k) for k in (1, 3, 4)),
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"observation_tokens": 100}, "--observation-tokens counts tokens: name .* --tokenizer"),
        ({"min_steps": 3, "max_steps": 1}, "--max-steps 1: expected at least 3"),
        ({"language": "xx"}, "--language xx: no code of a language"),
        ({"format": "xml"}, "format 'xml': expected auto or one of"),
        ({"against": ("amc32",)}, "--against amc32: neither a file nor one of .*did you mean amc23"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_read(tmp_path, settings, message):
    with pytest.raises(DataError, match=message):
        prepare(tmp_path / "no such file", tmp_path / "out", PrepareSettings(**settings))


def test_agents_are_split_and_capped_by_repository(tmp_path):
    trajectories = [
        {"id": f"{repo}-{i}", "problem": f"issue {repo} {i}", "domain": "agent", "repo": repo}
        | {"steps": [{"action": f"ls {i} {k}", "observation": f"file {k}"} for k in range(3)]}
        for repo in ("a/a", "b/b", "c/c", "d/d")
        for i in range(5)
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(t) + "\n" for t in trajectories))
    report = prepare(source, tmp_path / "out", PrepareSettings(held_out=0.25, repo_cap=4))
    assert report.rows.dropped == {"repository_cap": 4}
    assert report.repositories == {"a/a": 4, "b/b": 4, "c/c": 4, "d/d": 4}
    sides = {split: {t.repo for t in Prepared(tmp_path / "out").trajectories(split)} for split in ("train", "heldout")}
    assert len(sides["heldout"]) == 1
    assert not sides["train"] & sides["heldout"]


def test_text_that_no_file_can_hold_is_mended_and_counted(tmp_path):
    source = tmp_path / "in.jsonl"
    bad = {**row(0), "problem": "a \ud800 b \u0000 c"}
    source.write_text("".join(json.dumps(r) + "\n" for r in (bad, row(1))))
    report = prepare(source, tmp_path / "out", PrepareSettings(held_out=0))
    assert report.curated == {"texts whose lone surrogates were replaced by U+FFFD": 1}
    assert next(Prepared(tmp_path / "out").trajectories()).problem == "a \ufffd b \u0000 c"


def test_tokens_are_counted_of_a_sample_where_there_are_many(tmp_path, tiny_tokenizer, monkeypatch):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row(i, n_steps=2 + i % 4)) + "\n" for i in range(30)))
    counted = {}
    for sample in (1000, 25):
        monkeypatch.setattr(writing, "SAMPLE", sample)
        settings = PrepareSettings(held_out=3, targets="all")
        report = prepare(source, tmp_path / f"{sample}", settings, tiny_tokenizer)
        counted[sample] = sum(report.distributions["action, tokens"]["histogram"]["counts"])
    assert counted == {1000: report.instances["train"], 25: 25}
