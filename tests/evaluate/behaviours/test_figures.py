"""Figures of behaviours over samples, hand-worked."""

import json

import pytest

from treadle.evaluate.behaviours import Behaviour, behaviour_figures, behaviours_by_group
from treadle.evaluate.records import Key, Sample

CHECK = "Let me double-check the sum."
PLAN = "I need to count the apples and then subtract the rotten ones."


def sample(problem, *thoughts, index=0, mode="whole", text=None, benchmark="amc23"):
    written = "".join(f"<think>{t}</think>" for t in thoughts) + "The answer is 5."
    return Sample(
        Key(benchmark, problem, mode, "sampled", index), "5", text=text if text is not None else written,
        thoughts=list(thoughts),
    )  # fmt: skip


def test_shares_counts_and_places():
    found = behaviour_figures(
        [
            sample("a", CHECK, f"5. {CHECK}"),
            sample("a", "5.", index=1),
            sample("b", f"{PLAN}\n5."),
            sample("c"),
        ]
    )
    assert (found["samples"], found["without_thoughts"]) == (4, 1)
    verification = found["behaviours"]["verification"]
    assert verification["share"]["value"] == 1 / 4
    assert (verification["share"]["count"], verification["share"]["groups"]) == (4, 3)
    assert verification["mean_count"]["value"] == 2 / 4
    assert verification["mean_position"] == pytest.approx((0.5 + (3 + 31) / 2 / 31) / 2)
    assert verification["by_rule"] == {"checks again": 2}
    assert found["behaviours"]["planning"]["share"]["value"] == 1 / 4
    assert found["behaviours"]["adjustment"]["share"]["value"] == 0
    assert found["behaviours"]["adjustment"]["mean_position"] is None


def test_examples_come_from_different_problems_and_point_into_the_block():
    found = behaviour_figures(
        [sample("a", f"{CHECK}\n{CHECK}\n{CHECK}"), sample("b", "5.", CHECK), sample("c", CHECK), sample("d", CHECK)]
    )
    examples = found["behaviours"]["verification"]["examples"]
    assert [example["problem"] for example in examples] == ["a", "b", "c"]
    assert examples[1] == {
        "benchmark": "amc23",
        "problem": "b",
        "mode": "whole",
        "decoding": "sampled",
        "index": 0,
        "block": 1,
        "start": 0,
        "end": len(CHECK),
        "position": 0.5,
        "rule": "checks again",
        "cue": "double-check",
        "text": CHECK,
    }


def test_few_problems_give_several_examples_each():
    found = behaviour_figures([sample("a", f"{CHECK}\n{CHECK}\n{CHECK}\n{CHECK}")])
    assert len(found["behaviours"]["verification"]["examples"]) == 3


def test_interleaving_is_of_whole_solutions_only():
    text = "1. Add.<think>carry</think>2. Carry."
    found = behaviour_figures([sample("a", "carry", text=text), sample("b", "carry", text=text, mode="loop")])
    interleaving = found["behaviours"]["interleaving"]
    assert (interleaving["share"]["value"], interleaving["share"]["count"]) == (1, 1)
    assert interleaving["examples"][0]["block"] is None
    loop = behaviour_figures([sample("b", "carry", text=text, mode="loop")])["behaviours"]["interleaving"]
    assert (loop["share"], loop["examples"]) == (None, [])


def test_over_the_text_finds_what_stands_outside_blocks():
    outside = sample("a", text=f"5. {CHECK}")
    assert behaviour_figures([outside])["behaviours"]["verification"]["share"]["value"] == 0
    assert behaviour_figures([outside], over="text")["behaviours"]["verification"]["share"]["value"] == 1
    with pytest.raises(ValueError, match="over='answer'"):
        behaviour_figures([outside], over="answer")


def test_by_benchmark_mode_and_decoding():
    samples = [sample("a", CHECK), sample("a", "5.", mode="loop"), sample("b", CHECK)]
    found = behaviours_by_group(samples)
    assert list(found) == ["amc23/whole/sampled", "amc23/loop/sampled"]
    assert found["amc23/whole/sampled"] == behaviour_figures([samples[0], samples[2]])


def test_the_detectors_own_figures_stand_beside():
    found = behaviour_figures([sample("a", CHECK)])
    right, of = found["behaviours"]["planning"]["measured"]["precision"]
    assert 0 < right <= of
    assert found["behaviours"]["interleaving"]["measured"] == {}


def test_json_can_hold_it_and_no_samples_do_no_harm():
    for samples in ([], [sample("a", CHECK), sample("b")]):
        found = behaviour_figures(samples)
        assert json.loads(json.dumps(found)) == found
        assert set(found["behaviours"]) == set(Behaviour)
