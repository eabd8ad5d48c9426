"""The quick start end to end in a few optimizer steps, and its verdicts on made-up scores."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from treadle.data.prepared import Prepared
from treadle.errors import OutputError
from treadle.evaluate.benchmarks import load_data
from treadle.miniature import results
from treadle.miniature.arms import ARMS, recipe_of
from treadle.miniature.claims import claims
from treadle.miniature.problems import as_tasks, held_out_problems
from treadle.miniature.quickstart import run, took
from treadle.miniature.report import FLOOR, curves_figure
from treadle.miniature.work import Scale
from treadle.recipe.model_names import BASE
from treadle.recipe.reading import load_recipe, parse_recipe
from treadle.statistics.estimates import wilson

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
SMALL = {"max_steps": 1, "prompts_per_step": 2, "rollouts": 4, "micro_batch": 8}


def small(arm):
    if arm.stage is None:
        return arm
    if arm.stage["kind"] == "sft":
        stage = {**arm.stage, "max_steps": 1, "batch_size": 8, "micro_batch": 8}
    else:
        stage = {**arm.stage, **SMALL, "max_completion_length": 40}
    return dataclasses.replace(arm, stage=stage)


@pytest.fixture(scope="module")
def scale():
    return Scale(arms=tuple(small(arm) for arm in ARMS), screened=4, training=3, held_out=4)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, scale):
    out = tmp_path_factory.mktemp("quickstart") / "run"
    return out, run(out, scale=scale)


def test_results_have_every_arm_both_ways(finished):
    out, summary = finished
    written = json.loads((out / "results.json").read_text())
    assert written == json.loads(json.dumps(summary))
    expected = {arm.name for arm in ARMS if not arm.full}
    assert {row["name"] for row in written["arms"]} == expected
    assert len(written["arms"]) == 2 * len(expected)
    for row in written["arms"]:
        assert set(row) == {
            "name",
            "seed",
            "mode",
            "accuracy",
            "low",
            "high",
            "next_step_exact",
            "next_step_similarity",
            "thought_tokens",
            "seconds",
        }
        assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
    assert {"claim", "verdict"} <= set(written["claims"][0])
    assert {"treadle", "torch", "trl"} <= set(written["versions"])
    assert written["similarity_floor"] == [Prepared(out / "seed-0" / "data-verbose").floors["floor"]]
    seconds = {row["name"]: row["seconds"] for row in written["arms"]}
    assert seconds["base"] == 0 < seconds["srl"] < seconds["srl_rlvr"]


def test_the_report_is_one_file_with_everything_in_it(finished):
    out, summary = finished
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4, "two, for light and dark pages"
    assert "http://" not in page
    assert "https://" not in page
    for claim in summary["claims"]:
        assert claim["sentence"].replace("'", "&#39;") in page
    assert page.count("<details>") == 10
    floor = summary["similarity_floor"][0]["value"]
    alike = re.findall(r'<td class="n">[\d.]+ <small>\(floor ([\d.]+)\)</small>', page)
    faults = re.findall(r'<td class="n">[a-z_]+</td>', page)
    assert len(alike) + len(faults) == len({row["name"] for row in summary["arms"]}) + 2 * 10, (
        "of every arm, at every step"
    )
    assert set(alike) == {f"{floor:.2f}"}
    assert (out / "accuracy.png").stat().st_size > 5000
    assert (out / "accuracy-dark.png").stat().st_size > 5000


def test_the_curve_of_similarity_has_its_floor_as_a_line(finished):
    out, summary = finished
    floor = summary["similarity_floor"][0]["value"]
    similarity, *others = curves_figure(out / "seed-0", floor).axes
    (line,) = (line for line in similarity.lines if line.get_color() == FLOOR)
    assert list(line.get_ydata()) == [floor, floor]
    assert [text.get_text() for text in similarity.texts] == [f"floor {floor:.2f}"]
    low, high = similarity.get_ylim()
    assert low < floor < high
    assert not [text for axes in others for text in axes.texts]
    assert not curves_figure(out / "seed-0", None).axes[0].texts
    plt.close("all")


def test_a_second_call_runs_nothing_again_and_keeps_the_time(finished, scale, capsys):
    out, summary = finished
    models = sorted(out.rglob("model.safetensors"))
    stamps = [m.stat().st_mtime_ns for m in models]
    again = run(out, scale=scale)
    assert (again["seconds"], again["resumed"]) == (summary["seconds"], summary["resumed"])
    assert (
        f"finished before, nothing was left to do ({summary['seconds']:.0f} s in all); fig" in capsys.readouterr().out
    )
    assert again["arms"] == summary["arms"]
    assert [m.stat().st_mtime_ns for m in models] == stamps


def test_results_of_another_version_are_not_mixed(finished, scale):
    out, _ = finished
    with pytest.raises(OutputError, match="holds something else than this version's quick start"):
        run(out, scale=dataclasses.replace(scale, held_out=5))


def test_the_shipped_recipe_trains_as_the_arms_do():
    recipe = load_recipe(ROOT / "recipes" / "miniature.yaml")
    arms = {arm.name: arm for arm in ARMS}
    for stage, name in zip(recipe.stages, ("srl", "srl_rlvr"), strict=True):
        (expected,) = parse_recipe(recipe_of(arms[name], BASE, recipe.data, recipe.output, 0)).stages
        changed = {"save_every": stage.save_every, "allow_no_change": False}  # neither changes what is trained
        assert stage == expected.model_copy(update=changed)


def test_the_held_out_problems_are_written_for_treadle_evaluate(finished):
    out, _ = finished
    found = load_data(f"problems={out / 'held-out.jsonl'}", domain="miniature")
    assert found.problems == tuple(as_tasks(held_out_problems(4), "held-out"))
    assert not found.left_out


def scores(**right):
    """Scores of arms that solve the first `n` of 200 problems in both modes."""
    return {
        arm: [
            {
                mode: {"right": [1] * n + [0] * (200 - n), "thought_tokens": float(n), "stops": {}}
                for mode in ("whole", "loop")
            }
            | {"steps": {"exact": n / 200, "similarity": n / 200}, "seconds": 1.0}
        ]
        for arm, n in right.items()
    }


ALL = {"base": 2, "sft_actions": 2, "sft_traces": 0, "rlvr": 3, "srl": 150, "srl_rlvr": 190, "srl_continued": 140}


def verdicts(**changes):
    found = claims(scores(**(ALL | changes)))
    return {c["claim"]: c["verdict"] for c in found}


def test_verdicts_follow_the_figures():
    good = verdicts()
    assert good["SRL then RLVR is the strongest: above SRL"] == "shown"
    assert good["Outcome-only RL finds no signal on problems that the base never solves"] == "shown"
    assert verdicts(srl_rlvr=151)["SRL then RLVR is the strongest: above SRL"] == "not shown"
    assert verdicts(srl_rlvr=100)["SRL then RLVR is the strongest: above SRL"] == "contrary"
    assert verdicts(rlvr=60)["Outcome-only RL finds no signal on problems that the base never solves"] == "contrary"
    assert verdicts(rlvr=8)["Outcome-only RL finds no signal on problems that the base never solves"] != "shown"
    assert good["SRL thinks as long as the base model"] == "contrary"
    assert verdicts(base=150)["SRL thinks as long as the base model"] == "shown"


def test_sentences_carry_the_figures():
    sentence = next(c["sentence"] for c in claims(scores(**ALL)) if c["claim"].endswith("above RLVR"))
    assert sentence.startswith("SRL then RLVR solves 95% in whole solutions, RLVR 2%: a difference of +94 points")


def test_claims_about_arms_that_were_not_run_are_left_out():
    assert not any("Dynamic sampling" in c["claim"] for c in claims(scores(**ALL)))


def test_a_similarity_has_its_floor_beside_it_in_the_table():
    rows = results.table(scores(base=186, srl=200))
    floors = [{"name": "constant", "value": 0.4656}, {"name": "constant", "value": 0.4419}]
    lines = results.as_markdown(rows, floors[:1]).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "| 0.93 (floor 0.47) |" in lines[2]
    assert "| 1.00 (floor 0.47) |" in lines[3]
    assert "| 0.93 (floor 0.44 to 0.47) |" in results.as_markdown(rows, floors)
    assert "| 0.93 (floor 0.47) |" in results.as_markdown(rows, [floors[0], floors[0]])
    for unknown in ([None], [floors[0], None], []):
        assert "| 0.93 (floor not known) |" in results.as_markdown(rows, unknown)


def test_one_seed_has_wilsons_interval_and_several_the_bootstraps():
    one = scores(srl=150)
    assert results.accuracy(one, "srl", "whole") == wilson(150, 200)
    two = {"srl": [*one["srl"], *scores(srl=50)["srl"]]}
    spread = results.accuracy(two, "srl", "whole")
    assert spread.value == 0.5
    assert spread.high - spread.low > 0.4


def test_the_readmes_table_has_the_intervals_of_its_counts():
    shares = re.findall(r"(\d+)% \((\d+)% to (\d+)%\)", "".join(re.findall(r"^\| .*\|$", README, re.MULTILINE)))
    possible = {tuple(f"{bound:.0%}"[:-1] for bound in results.accuracy(scores(a=n), "a", "loop")) for n in range(201)}
    assert len(shares) == 14
    assert set(shares) <= possible


@pytest.mark.parametrize(
    ("resumed", "finished", "said"),
    [
        (False, False, "295 s in all"),
        (True, False, "295 s this time, a part was done before"),
        (False, True, "finished before, nothing was left to do (295 s in all)"),
    ],
)
def test_the_time_says_what_it_is_of(resumed, finished, said):
    assert took({"seconds": 294.6, "resumed": resumed}, finished) == said
