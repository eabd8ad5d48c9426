"""Figures of a run against a hand-worked example."""

from __future__ import annotations

from collections import Counter

import pytest

from treadle.evaluate.averages import averages
from treadle.evaluate.records import Key, Problem, Sample, Stop
from treadle.evaluate.summary import failed, summarise
from treadle.evaluate.summary_table import as_table
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict
from treadle.statistics.estimates import wilson

PROBLEMS = {"set": [Problem(str(i), f"p{i}", "1/2", benchmark="set") for i in range(3)]}
INFO = {
    "model": "m",
    "backend": {"kind": "transformers"},
    "settings": {},
    "benchmarks": [{"name": "set", "count": 3, "sha256": "ab", "left_out": {"duplicate": 2}}],
}


def attempt(problem, index, answer, mode="whole", decoding="sampled", stop=Stop.ENDED, **fields):
    """An attempt at `1/2`."""
    right = answer in ("1/2", "0.5")
    verdict = Verdict.NO_ANSWER if answer is None else Verdict.RIGHT if right else Verdict.WRONG
    key = Key("set", str(problem), mode, decoding, index)
    return Sample(key, "1/2", answer=answer, verdict=verdict if stop else None, stop=stop, **fields)


ANSWERS = [
    ["1/2", "0.5", "3", "3", "4"],  # two ways of the right answer vote together: a tie of two classes
    ["3", " 3 ", "1/2", None, None],  # wrong by majority
    [None] * 5,
]


def sampled(**fields):
    return [attempt(p, k, answer, **fields) for p, row in enumerate(ANSWERS) for k, answer in enumerate(row)]


def test_sampled_figures_by_hand():
    samples = sampled(text="t", n_tokens=10, thought_tokens=4)
    samples[0].n_tokens, samples[0].stop, samples[0].fault = 25, Stop.TRUNCATED, FormatFault.TRUNCATED
    samples[1].text = " "
    figures = summarise(INFO, PROBLEMS, samples, {})["benchmarks"]["set"]["modes"]["whole"]["sampled"]
    assert figures["samples"] == 5
    assert figures["accuracy"]["value"] == pytest.approx((2 / 5 + 1 / 5 + 0) / 3)
    assert list(figures["pass_at"]) == ["1", "2", "4", "5"]
    # 1 - C(3, 2) / C(5, 2) = 0.7 and 1 - C(4, 2) / C(5, 2) = 0.4
    assert figures["pass_at"]["2"]["value"] == pytest.approx((0.7 + 0.4 + 0) / 3)
    assert figures["maj_at"]["5"]["value"] == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert figures["tokens"] == 11
    assert figures["thought_tokens"] == 4
    assert figures["stops"] == {"truncated": 1, "ended": 14}
    assert figures["verdicts"] == Counter(right=3, wrong=5, no_answer=7)
    assert figures["format_faults"] == {"truncated": 1}
    assert (figures["truncated"], figures["empty"], figures["failed"]) == (1, 1, 0)


def test_undecided_answers_are_counted_and_said():
    samples = sampled(text="t")
    samples[0].verdict = samples[1].verdict = Verdict.UNDECIDED
    results = summarise(INFO, PROBLEMS, samples, {})
    assert results["benchmarks"]["set"]["modes"]["whole"]["sampled"]["verdicts"]["undecided"] == 2
    assert "2 answers are undecided by the grader" in as_table(results)


def test_a_verdict_that_fails_is_said():
    """Or a defect of a domain's own code would look like a model that solves nothing."""
    samples = sampled(text="t")
    assert "crashed" not in as_table(summarise(INFO, PROBLEMS, samples, {}))
    samples[0].verdict, samples[1].verdict, samples[2].verdict = Verdict.CRASHED, Verdict.HUNG, Verdict.CRASHED
    said = as_table(summarise(INFO, PROBLEMS, samples, {}))
    assert "set, whole, sampled: the verdict crashed or hung on 3 attempts, which count as not right" in said


def test_greedy_figures_by_hand():
    loop = [
        attempt(p, 0, answer, "loop", "greedy", Stop.ANSWERED, steps=["s"] * n, text="t")
        for p, (answer, n) in enumerate([("0.5", 2), ("1", 4), (None, 3)])
    ]
    results = summarise(INFO, PROBLEMS, loop, {})
    figures = results["benchmarks"]["set"]["modes"]["loop"]["greedy"]
    assert tuple(figures["accuracy"].values()) == tuple(wilson(1, 3))
    assert figures["steps"] == 3
    assert "pass_at" not in figures
    assert results["averages"]["loop"]["plain"]["value"] == pytest.approx(1 / 3)
    assert "paper_seven_columns" not in results["averages"]["loop"], "no benchmark of the paper is there"


def test_numbered_steps_of_whole_solutions():
    text = "<think>1. **A** x\n2. **B** y\n3. **C** z</think>1. **First:** x\n2. **Second:** y"
    samples = [attempt(p, 0, "1", decoding="greedy", text=t) for p, t in enumerate([text, text, "prose"])]
    figures = summarise(INFO, PROBLEMS, samples, {})["benchmarks"]["set"]["modes"]["whole"]["greedy"]
    assert (figures["steps"], figures["in_numbered_steps"]) == (2, 2)


def test_what_is_missing_is_kept_out_with_its_number():
    samples = sampled(text="t")
    samples[0] = attempt(0, 0, None, stop=None)
    samples[10] = attempt(2, 0, None, stop=None)
    results = summarise(INFO, PROBLEMS, samples, {samples[0].key: "status 429", samples[10].key: "status 429"})
    figures = results["benchmarks"]["set"]["modes"]["whole"]["sampled"]
    assert figures["accuracy"]["value"] == pytest.approx(1 / 5)  # problem 1 alone
    assert (figures["failed"], figures["problems_kept_out"], figures["errors"]) == (2, 2, {"status 429": 2})
    assert sum(figures["verdicts"].values()) == 13
    assert failed(results) == 2
    table = as_table(results)
    assert "set, whole, sampled: 2 attempts are missing (status 429), 2 problems kept out of the figures" in table
    assert "set: left out of the set: 2 duplicate" in table


def test_the_table():
    samples = sampled(text="t", n_tokens=10)
    samples += [attempt(p, 0, "1/2", decoding="greedy", text="t", n_tokens=7) for p in range(3)]
    lines = as_table(summarise(INFO, PROBLEMS, samples, {})).splitlines()
    assert lines[0].startswith("| benchmark | problems | mode | greedy | Avg@k |")
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    low = wilson(3, 3).low
    assert cells[:4] == ["set", "3", "whole", f"100.0% [{low:.1%}, 100.0%]"]
    assert cells[4].startswith("20.0% [")
    assert cells[4].endswith("(k=5)")
    assert cells[5:] == [
        "greedy 7, sampled 10",
        "greedy 0 of 3, sampled 0 of 15",
        "greedy 0 of 3, sampled 7 of 15",
    ]
    assert not any("mean" in line or "paper" in line for line in lines), "there is one set, and not of the paper"


def test_means_are_those_of_several_sets():
    results = summarise(INFO, PROBLEMS, sampled(text="t"), {})
    results["benchmarks"]["other"] = results["benchmarks"]["set"]
    results["averages"] = averages(results)
    lines = as_table(results).splitlines()
    assert any(line.startswith("plain mean of the benchmarks, whole: 20.0% [") for line in lines)
    assert [cell.strip() for cell in lines[2].strip("|").split("|")][6:] == ["0 of 15", "7 of 15"]
