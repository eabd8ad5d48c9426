"""The full study end to end in a few optimizer steps, another base, and claims on made-up figures."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from tests.miniature.test_quickstart import scores, small
from treadle.data.prepared import Prepared
from treadle.errors import OutputError
from treadle.miniature import another_base, pretrain
from treadle.miniature.ablations import GROUPS
from treadle.miniature.arms import ABLATIONS, ARMS, MAIN, PREFIXES, Arm, Demonstrations
from treadle.miniature.claims import claims
from treadle.miniature.prefixes import as_markdown, prefix_row
from treadle.miniature.products import read_choice
from treadle.miniature.quickstart import run
from treadle.miniature.spent import tokens_of
from treadle.miniature.work import Scale
from treadle.miniature.worksheets import SKILLED, Part, PretrainSettings, sheet
from treadle.recipe.model_names import BASE, resolve

NAMES = ("base", "srl", "rlvr", "srl_rlvr", "srl_titles", "srl_skip_last", "prefix_reverse", "prefix_on_failure")
BEST = ("prefix_reverse", "prefix_on_failure")


def tiny():
    arms = [small(arm) for arm in ARMS if arm.name in (*NAMES, "prefix_rlvr")]
    arms = [dataclasses.replace(arm, after=BEST) if arm.name == "prefix_rlvr" else arm for arm in arms]
    return Scale(arms=tuple(arms), screened=4, training=3, held_out=4, validation=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("full") / "run"
    return out, run(out, full=True, scale=tiny(), base=Path(resolve(BASE)))


@pytest.mark.slow
def test_results_have_the_ablations_the_prefixes_and_the_other_base(finished):
    out, summary = finished
    written = json.loads((out / "results.json").read_text())
    assert written == json.loads(json.dumps(summary))
    assert {row["name"] for row in written["arms"]} == {*NAMES, "prefix_rlvr"}
    assert {row["name"] for row in written["another_base"]["arms"]} == set(another_base.NAMES)
    first, again = written["prefixes"]
    assert (first["arm"], again["arm"]) == ("RLVR with prefixes, reverse", "RLVR with prefixes, on failure")
    assert 0 <= first["length"] <= 8  # of nine steps the last is the model's
    assert again["none"] is not None  # a visit begins without a prefix
    (choice,) = written["choices"]
    assert choice["chosen"] in choice["solved"].keys() == set(BEST)
    recipe = (out / "seed-0" / "prefix_rlvr" / "recipe.yaml").read_text()
    assert f"seed-0/{choice['chosen']}/1-rlvr/model" in recipe
    tokens = written["tokens"]
    assert tokens.keys() == {*NAMES, "prefix_rlvr"}
    assert tokens["base"] == 0 < tokens["srl"] < tokens["srl_rlvr"]
    titles = {claim["claim"] for claim in written["claims"]}
    assert "SRL then RLVR is above the best prefixes then RLVR, in whole solutions" in titles


@pytest.mark.slow
def test_the_page_has_a_figure_of_groups_and_the_other_base(finished):
    out, summary = finished
    page = (out / "report.html").read_text()
    assert page.count('<div class="track"') == sum(
        name in (*NAMES, "prefix_rlvr") for names in GROUPS.values() for name in names
    )
    for claim in summary["another_base"]["claims"]:
        assert claim["sentence"].replace("'", "&#39;") in page
    assert "http" not in page.replace("data:image/png;base64", "")


@pytest.mark.slow
def test_arms_read_demonstrations_of_their_own(finished):
    out, _ = finished
    folders = {arm.name: out / "seed-0" / arm.reads.name for arm in ARMS}
    asked = {name: Prepared(folders[name]) for name in ("srl", "srl_titles", "srl_skip_last")}
    counts = {name: sum(1 for _ in prepared.instances()) for name, prepared in asked.items()}
    assert counts == {"srl": 27, "srl_titles": 27, "srl_skip_last": 24}


@pytest.mark.slow
def test_a_second_call_runs_nothing_again_and_another_base_is_not_mixed_in(finished, tmp_path):
    out, summary = finished
    stamps = {model: model.stat().st_mtime_ns for model in out.rglob("model.safetensors")}
    again = run(out, full=True, scale=tiny())
    assert again["arms"] == summary["arms"]
    assert {model: model.stat().st_mtime_ns for model in out.rglob("model.safetensors")} == stamps
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"of another base")
    with pytest.raises(OutputError, match="holds results of another base"):
        run(out, full=True, scale=tiny(), base=other)


def test_tokens_of_the_stages_before_count(tmp_path):
    def ended(arm, kind, *counts):
        stage = tmp_path / arm / f"1-{kind}"
        stage.mkdir(parents=True)
        (stage / "metrics.jsonl").write_text(
            "".join(json.dumps({"step": 1, "seconds": 1.0, **count}) + "\n" for count in counts)
        )

    ended("first", "srl", {"num_tokens": 5.0}, {"num_tokens": 11.0}, {"train_loss": 0.1})
    ended("second", "rlvr", {"num_tokens": 20.0})
    ended("third", "rlvr", {"num_tokens": 300.0})
    first, second = Arm("first", "", {"kind": "srl"}), Arm("second", "", {"kind": "rlvr"}, after=("first",))
    arms = (Arm("base", "", None), second, first, Arm("third", "", {"kind": "rlvr"}, after=("first", "second")))
    found = tokens_of(arms, tmp_path, {"third": "second"})
    assert found == {"base": 0, "first": 11, "second": 31, "third": 331}
    (tmp_path / "first" / "1-srl" / "metrics.jsonl").write_text('{"step": 1, "seconds": 1.0}\n')
    with pytest.raises(OutputError, match=r"found no num_tokens, expected one a step; .* rm -r .*first/1-srl"):
        tokens_of(arms, tmp_path, {"third": "second"})


def test_a_base_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"found no model\.safetensors, expected a base as `python -m treadle\.mini"):
        another_base.take(tmp_path / "nothing", tmp_path)


def test_the_other_base_is_made_and_marked(tmp_path):
    settings = PretrainSettings(parts=(Part(SKILLED, 1, 1e-3, longest=2),), batch=2, micro_batches=1)
    job = another_base.making(tmp_path, settings)
    assert job.call(*job.arguments) == "pretrained from seed 1"
    assert job.done()
    model = another_base.start(tmp_path).model
    shutil.copytree(model, tmp_path / "same")
    another_base.take(tmp_path / "same", tmp_path)  # the one that is there
    with pytest.raises(OutputError, match="another base"):
        another_base.take(Path(resolve(BASE)), tmp_path)


def test_an_interrupted_pretraining_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "REPORTED", 2)
    parts = (Part(SKILLED, 2, 1e-3, longest=2), Part(SKILLED, 4, 1e-3, longest=2))
    settings = PretrainSettings(parts=parts, batch=2, micro_batches=1)
    pretrain.pretrain(tmp_path / "whole", 1, settings)

    class Stopped(Exception):
        pass

    made = []

    def counted(rng, settings, part):
        made.append(part)
        if len(made) == 2 * 5:  # in the third step of the second part, whose second one was kept
            raise Stopped
        return sheet(rng, settings, part)

    monkeypatch.setattr(pretrain, "sheet", counted)
    with pytest.raises(Stopped):
        pretrain.pretrain(tmp_path / "model", 1, settings, progress=tmp_path)
    monkeypatch.setattr(pretrain, "sheet", sheet)
    pretrain.pretrain(tmp_path / "model", 1, settings, progress=tmp_path)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "model")]
    assert weights[0] == weights[1]
    lines = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [2, 4, 6]


def test_a_seed_is_whole_before_the_next_begins():
    from treadle.miniature.quickstart import _jobs

    jobs = _jobs(Path("out"), tiny().arms, tiny(), 2, full=True)
    seeds = [job.name.removeprefix("another/")[0] for job in jobs[1:]]
    assert jobs[0].name == "another-base"
    assert seeds == sorted(seeds)
    assert {job.name for job in jobs} >= {need for job in jobs for need in job.needs}


def test_every_arm_stands_in_a_group_of_the_figure_or_is_a_baseline():
    shown = {name for names in GROUPS.values() for name in names}
    assert shown <= {arm.name for arm in ARMS}
    assert {arm.name for arm in ABLATIONS} - shown == {"sft_oracle"}
    assert {arm.name for arm in MAIN} - shown == {"base", "sft_traces"}


def test_demonstrations_that_differ_have_folders_that_differ():
    assert Demonstrations().name == "data-verbose"
    assert len({arm.reads for arm in ARMS}) == len({arm.reads.name for arm in ARMS}) == 4


def test_prefix_rows_are_means_of_the_steps_that_have_a_figure(tmp_path):
    lines = [
        {"step": 1, "seconds": 1.0, "prefix/length": 8.0, "prefix/again": 2.0, "prefix/success/second_half": 1.0},
        {"step": 2, "seconds": 2.0, "prefix/length": 4.0, "prefix/again": 0.0, "prefix/success/second_half": 0.5},
        {"step": 3, "seconds": 3.0},  # the summary at the end
    ]
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    row = prefix_row("a policy", [file, file])
    assert row == {
        "arm": "a policy",
        "first": 8.0,
        "length": 6.0,
        "last": 4.0,
        "again": 1.0,
        "none": None,
        "first_half": None,
        "second_half": 0.75,
    }
    assert as_markdown([row]).splitlines()[2] == "| a policy | 8.0, 6.0, 4.0 | 1.0 | - | - | 75% |"


def row_with(**rates):
    return {"arm": "p", **dict.fromkeys(("none", "first_half", "second_half")), **rates}


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ({"none": 0.0, "second_half": 0.5}, "shown"),
        ({"none": 0.2, "first_half": 0.1, "second_half": 0.5}, "contrary"),
        ({"second_half": 0.5}, "not shown"),
        ({"none": 0.5, "second_half": 0.5}, "not shown"),
    ],
)
def test_success_by_length_is_judged_by_its_order(rates, verdict):
    found = claims(scores(base=2, srl=150), [row_with(**rates)])[-1]
    assert found["verdict"] == verdict
    assert "50% with more than half" in found["sentence"]


def test_claims_about_prefixes_and_pipelines():
    right = {"base": 2, "rlvr": 3, "srl": 150, "srl_rlvr": 190, "prefix_rlvr": 100, "sft_rlvr": 195}
    found = {c["claim"]: c["verdict"] for c in claims(scores(**right, **dict.fromkeys(PREFIXES, 50)))}
    assert found["SRL then RLVR is above the best prefixes then RLVR, in the loop"] == "shown"
    assert found["SRL then RLVR is above SFT then RLVR, in the loop"] == "contrary"
    assert found["SRL is above RLVR with prefixes (on failure), in whole solutions"] == "shown"
    assert sum(name.startswith("Prefixes of the expert's help RLVR") for name in found) == 5


def test_a_damaged_choice_is_named(tmp_path):
    file = tmp_path / "prefix_rlvr-choice.json"
    file.write_text(json.dumps({"chosen": "srl", "solved": {"srl": 1}, "problems": 2}))
    with pytest.raises(
        OutputError, match=r"chosen: found 'srl', expected one of prefix_reverse, prefix_on_failure; re"
    ):
        read_choice(file, BEST)
