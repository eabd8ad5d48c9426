from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest
from datasets import load_dataset

from treadle.errors import DataError, OutputError
from treadle.prepare import PrepareSettings, as_markdown, prepare, summary
from treadle.prepared import Prepared


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
        rows = load_dataset("parquet", data_files=str(tmp_path / "out" / f"{split}.parquet"), split="train")
        assert set(rows["trajectory_id"]) == files
        assert prepared.count("instances", split) == len(rows)
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
    settings = PrepareSettings(targets="all", give_title=True, context=1, held_out=0)
    prepare(source, tmp_path / "out", settings)
    rows = load_dataset("parquet", data_files=str(tmp_path / "out" / "train.parquet"), split="train")
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
    assert "| no_numbered_steps | 1 | no line starts a numbered step |" in text


def test_summary_against_the_standard_library():
    values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    found = summary(values)
    assert (found["min"], found["max"], found["median"]) == (1, 9, statistics.median(values))
    assert found["mean"] == pytest.approx(statistics.mean(values), abs=0.05)
    assert summary([]) == {}


def test_an_existing_folder_is_only_replaced_on_request(source, tmp_path):
    out = tmp_path / "out"
    prepare(source, out)
    with pytest.raises(OutputError, match=r"exists already; .*--overwrite"):
        prepare(source, out)
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


def test_nothing_is_left_behind_when_it_fails_half_way(source, tmp_path):
    with source.open("a") as file:
        file.write("{broken\n")
    with pytest.raises(DataError, match="line 24: not readable"):
        prepare(source, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl"]


def test_nothing_parses_gives_reasons_examples_and_forms(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"problem": "p", "solution": f"prose {i}"}) + "\n" for i in range(5)))
    with pytest.raises(DataError) as caught:
        prepare(path, tmp_path / "out")
    message = str(caught.value)
    assert "none of 5 rows could be used" in message
    assert "5 x no_numbered_steps" in message
    assert message.count("for example") == 3
    assert "line 1: 'prose 0'" in message
    assert "'1. **Title** body'" in message


def test_holding_out_everything_is_refused(source, tmp_path):
    with pytest.raises(DataError, match=r"asks for 20 of 20 trajectories.*set it below 20"):
        prepare(source, tmp_path / "out", PrepareSettings(held_out=20))


def test_a_folder_that_was_not_prepared_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no report.json, train.parquet, trajectories_train.parquet in it"):
        Prepared(tmp_path)
