"""Bootstrapping in miniature, end to end in a few optimizer steps, and its claims on made-up figures."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.miniature.test_quickstart import small
from treadle.miniature.arms import ARMS
from treadle.miniature.longer import Longer, longer_problems, run_longer
from treadle.miniature.longer_results import as_markdown, summary
from treadle.miniature.work import Scale
from treadle.statistics.estimates import wilson

LONGER = Longer(
    operations=(1, 2),  # which the base solves at times
    problems=6,
    held_out=3,
    rounds=2,
    samples=4,
    max_new_tokens=80,
)


def tiny():
    training = {**LONGER.training, "max_steps": 2, "batch_size": 4, "micro_batch": 4}
    control = {**LONGER.control, "prompts_per_step": 2, "rollouts": 4, "micro_batch": 8, "max_completion_length": 40}
    return dataclasses.replace(LONGER, training=training, control=control)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("longer") / "run"
    scale = Scale(arms=tuple(small(arm) for arm in ARMS if arm.name in ("srl", "srl_rlvr")), screened=4, training=3)
    scale = dataclasses.replace(scale, held_out=4)
    return out, scale, run_longer(out, scale=scale, longer=tiny())


@pytest.mark.slow
def test_both_lines_have_every_round_from_one_start(finished):
    out, _, found = finished
    written = json.loads((out / "bootstrap" / "results.json").read_text())
    assert written == json.loads(json.dumps(found))
    assert {name: len(line) for name, line in written["lines"].items()} == {"bootstrapped": 3, "control": 3}
    assert written["lines"]["bootstrapped"][0] == written["lines"]["control"][0]
    for line in written["lines"].values():
        for row in line:
            right = round(6 * row["accuracy"]["value"])
            assert row["accuracy"] == pytest.approx(wilson(right, 6)._asdict())
            assert 3 * (row["operations_1"]["value"] + row["operations_2"]["value"]) == pytest.approx(right)
    assert {"claim", "verdict", "sentence"} == set(written["claims"][0])


@pytest.mark.slow
def test_the_control_trains_on_the_old_data_as_long_as_the_round_took(finished):
    out, _, found = finished
    for number in (1, 2):
        spent = found["lines"]["bootstrapped"][number]["seconds"]
        control = found["lines"]["control"][number]["seconds"]["training"]
        assert control == pytest.approx(spent["sampling"] + spent["training"], abs=0.11)
        folder = out / "bootstrap" / "control" / f"round-{number:02d}"
        stage = json.loads((folder / "1-rlvr" / "stage.json").read_text())
        assert "data-verbose" in (folder / "recipe.yaml").read_text()
        assert stage["stages"][0]["minutes"] == pytest.approx(control / 60, abs=0.01)
        seconds = [json.loads(x)["seconds"] for x in (folder / "1-rlvr" / "metrics.jsonl").read_text().splitlines()]
        assert seconds[-1] >= control - 0.1


@pytest.mark.slow
def test_the_page_and_the_picture_are_there(finished):
    out, _, found = finished
    page = (out / "bootstrap" / "report.html").read_text()
    assert found["claims"][0]["sentence"] in page
    assert page.count("data:image/png") == 2, "for light and dark pages"
    assert (out / "bootstrap" / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_second_call_and_the_quick_start_itself_use_what_is_there(finished):
    out, scale, found = finished
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    again = run_longer(out, scale=scale, longer=tiny())
    assert (again["seconds"], again["resumed"]) == (found["seconds"], found["resumed"])
    assert {k: v for k, v in again.items() if k not in ("seconds", "resumed")} == {
        k: v for k, v in json.loads(json.dumps(found)).items() if k not in ("seconds", "resumed")
    }
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}


def test_new_problems_have_their_lengths_and_are_not_those_tested():
    problems, tested = longer_problems(Longer(), "problems", 48), longer_problems(Longer(), "held-out", 100)
    assert [len(p.operations) for p in tested] == [10] * 100 + [12] * 100
    assert {len(p.operations) for p in problems} == {10, 12}
    assert not {p.text for p in problems} & {p.text for p in tested}


@pytest.mark.parametrize(("own", "control", "verdict"), [(9, 1, "shown"), (5, 5, "not shown"), (1, 9, "contrary")])
def test_claims_are_computed_from_the_last_rounds(own, control, verdict):
    def line(right):
        return {"right": [1] * right + [0] * (10 - right), "seconds": {}}

    found = summary([line(0), line(own)], [line(0), line(control)], [10] * 5 + [12] * 5)
    claim = found["claims"][1]
    assert claim["verdict"] == verdict
    assert f"After 1 round {own / 10:.0%} of the longer problems" in claim["sentence"]
    assert f"for the same time {control / 10:.0%}" in claim["sentence"]
    assert f"| 1 | bootstrapped on longer problems | {min(own, 5) / 5:.0%}" in as_markdown(found)
