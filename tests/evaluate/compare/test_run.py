from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.evaluate.run_folders import write_run
from treadle.errors import OutputError, TreadleError
from treadle.evaluate.compare.arms import read_arms
from treadle.evaluate.compare.comparison import Column, Pair
from treadle.evaluate.compare.findings import finding, sentence
from treadle.evaluate.compare.run import as_dict, compare
from treadle.evaluate.known_sets import KNOWN
from treadle.evaluate.metrics import avg_at_k
from treadle.statistics.estimates import Estimate, wilson
from treadle.statistics.paired import PairedTest, PairedVerdict, TestName

WHOLE = ("set", "whole", "greedy")


def column(*ones, problems=60):
    """[P, 1] with ones in the given ranges."""
    right = np.zeros((problems, 1), int)
    for start, stop in ones:
        right[start:stop] = 1
    return right


def pair(difference, p=0.5, adjusted_p=None, problems=30, needed=1912):
    test = PairedTest(Estimate(*difference), TestName.MCNEMAR, p, adjusted_p or p, problems, needed)
    return Pair(Column("whole", (("aime24", "greedy"),), "AIME24, greedy"), "A", "B", test)


@pytest.fixture
def two(tmp_path):
    """A run that solves 38 of 60 problems and one that solves 23 of them, 18 of the first's alone, 3 of its own."""
    base = write_run(tmp_path / "base", {WHOLE: column((0, 20), (38, 41))}, model="base")
    better = write_run(tmp_path / "better", {WHOLE: column((0, 38))}, model="better")
    return [base, better]


def test_a_difference_that_is_there(two):
    found = compare(read_arms(two))
    assert found.baseline == "base"
    (test,) = found.pairs
    assert test.test.p == pytest.approx(binomtest(3, 21).pvalue)
    assert test.test.verdict is PairedVerdict.FIRST_BETTER
    assert sentence(test).startswith("better solves 25.0 points more than base (95% interval +")
    assert sentence(test).endswith("p = 0.001 by exact McNemar): better is better")


def test_the_baseline_can_be_chosen_by_name_or_folder(two):
    for wanted in ("better", str(two[1])):
        found = compare(read_arms(two), baseline=wanted)
        assert found.pairs[0].first == "base"
        assert found.pairs[0].test.verdict is PairedVerdict.SECOND_BETTER
        assert "base solves 25.0 points less than better" in sentence(found.pairs[0])
    with pytest.raises(TreadleError, match="--baseline other: no such run; expected one of base, better"):
        compare(read_arms(two), baseline="other")


def test_what_cannot_be_told_apart_says_how_many_problems_would():
    assert sentence(pair((0.033, -0.041, 0.107))) == (
        "A solves 3.3 points more than B (95% interval -4.1 to +10.7; p = 0.50 by exact McNemar): "
        "cannot be told apart; about 1,900 problems would be needed"
    )


def test_no_difference_is_said_as_such():
    assert sentence(pair((0.0, -0.1, 0.1), p=1.0, needed=None)) == (
        "A and B solve the same share (95% interval -10.0 to +10.0; p = 1.00 by exact McNemar): cannot be told apart"
    )


def test_a_difference_lost_to_the_correction_is_said_as_such():
    lost = pair((0.2, 0.05, 0.35), p=0.01, adjusted_p=0.2, needed=25)
    assert finding(lost) == "cannot be told apart once all comparisons are allowed for, alone they could be"
    assert "p = 0.010 by exact McNemar, p = 0.20 corrected" in sentence(lost)


def test_no_number_of_problems_below_those_at_hand_is_named():
    assert finding(pair((0.2, -0.01, 0.35), p=0.06, needed=29)) == "cannot be told apart"


def test_figures_are_those_of_their_metric(tmp_path):
    rng = np.random.default_rng(0)
    sampled = rng.random((30, 8)) < rng.random((30, 1))
    run = write_run(tmp_path / "a", {WHOLE: column((0, 20)), ("other", "whole", "sampled"): sampled})
    cells = {c.title: cell for (_, c), cell in compare(read_arms([run])).cells.items()}
    assert cells["set, greedy"].estimate == wilson(20, 60)
    assert cells["other, Avg@8"].estimate == avg_at_k(sampled)
    assert cells["other, Avg@8"].samples == (8,)
    assert cells["plain mean of the benchmarks"].estimate.value == pytest.approx((20 / 60 + sampled.mean()) / 2)


def test_samples_are_compared_problem_by_problem(tmp_path):
    """A gain of 10 points on problems of very different difficulty: seen in pairs, hidden in the two intervals."""
    rng = np.random.default_rng(1)
    skill = np.where(rng.random((60, 1)) < 0.5, 0.1, 0.8)
    arms = [
        write_run(tmp_path / name, {("set", "whole", "sampled"): rng.random((60, 32)) < skill + gain}, model=name)
        for name, gain in (("base", 0.0), ("more", 0.1))
    ]
    found = compare(read_arms(arms))
    (a, b) = (cell.estimate for cell in found.cells.values())
    assert a.high > b.low
    assert found.pairs[0].test.test is TestName.BOOTSTRAP
    assert found.pairs[0].test.verdict is PairedVerdict.FIRST_BETTER


def test_seeds_of_a_group_count_as_a_level_of_their_own(tmp_path):
    """Two seeds, one far better and one no better than the base: their mean is above it, and that means little."""
    base = write_run(tmp_path / "base", {WHOLE: column((0, 20))}, model="base")
    seeds = [write_run(tmp_path / f"s{i}", {WHOLE: column((0, stop))}) for i, stop in enumerate((50, 20))]
    found = compare(read_arms([base], [f"SRL={seeds[0]},{seeds[1]}"]))
    (test,) = found.pairs
    assert test.first == "SRL"
    assert test.test.test is TestName.BOOTSTRAP
    assert test.test.difference.value == pytest.approx(15 / 60)
    assert test.test.verdict is PairedVerdict.CANNOT_BE_TOLD_APART
    assert any("SRL: 2 runs say little about the spread between seeds" in note for note in found.notes)


def test_all_tests_shown_are_corrected_for_one_another(tmp_path):
    right = {WHOLE: column((0, 20)), ("second", "whole", "greedy"): column((0, 20))}
    better = {WHOLE: column((0, 32), (32, 34)), ("second", "whole", "greedy"): column((0, 21))}
    arms = [write_run(tmp_path / n, r, model=n) for n, r in (("base", right), ("a", better), ("b", right))]
    found = compare(read_arms(arms))
    assert len(found.pairs) == 6  # two arms, two benchmarks and their mean
    smallest = min(found.pairs, key=lambda p: p.test.p).test
    assert smallest.adjusted_p == pytest.approx(6 * smallest.p)


def test_arms_may_have_columns_of_their_own(tmp_path):
    base = write_run(tmp_path / "base", {WHOLE: column((0, 20))}, model="base")
    more = write_run(
        tmp_path / "more",
        {WHOLE: column((0, 25)), ("second", "whole", "greedy"): column((0, 5)), ("set", "loop", "greedy"): column()},
        model="more",
    )
    found = compare(read_arms([base, more]))
    assert [(p.column.title, p.column.mode) for p in found.pairs] == [("set, greedy", "whole")]
    assert ("base", next(c for c in found.columns if c.mode == "loop")) not in found.cells
    assert any("No plain mean of the benchmarks (whole solutions)" in note for note in found.notes)


def test_runs_with_missing_attempts_are_refused(tmp_path):
    run = write_run(tmp_path / "a", {WHOLE: np.ones((60, 1), int)}, failed=6)
    with pytest.raises(OutputError, match="6 of 60 greedy attempts of set"):
        compare(read_arms([run]))


def test_the_papers_benchmarks_are_known_by_their_content(tmp_path):
    right = {(name, "whole", "greedy"): column() for name in ("aime24", "aime25", "set")}
    run = write_run(tmp_path / "a", right, sha256={"aime24": KNOWN["aime24"].sha256})
    assert compare(read_arms([run])).paper == {"aime24"}


def test_a_comparison_as_data(two):
    data = json.loads(json.dumps(as_dict(compare(read_arms(two)))))
    assert data["baseline"] == "base"
    assert [f["arm"] for f in data["figures"]] == ["base", "better"]
    assert data["tests"][0]["verdict"] == "first_better"
    assert data["tests"][0]["value"] == pytest.approx(0.25)


def test_runs_without_problems_and_steps_have_nothing_to_compare(tmp_path):
    run = write_run(tmp_path / "a", {WHOLE: column()})
    results = json.loads((run / "results.json").read_text())
    results["benchmarks"] = {}
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(TreadleError, match="nothing to compare"):
        compare(read_arms([run]))


def test_a_question_asked_beforehand_is_corrected_for_nothing_else(tmp_path):
    right = {(name, mode, "greedy"): column() for name in ("set", "second") for mode in ("whole", "loop")}
    arms = read_arms([write_run(tmp_path / name, right, model=name) for name in "ab"])
    assert len(compare(arms).pairs) == 6
    (only,) = compare(arms, benchmarks=["set"], modes=["whole"]).pairs
    assert (only.column.title, only.column.mode) == ("set, greedy", "whole")
    with pytest.raises(TreadleError, match="--benchmark third: not in these runs; they have second, set"):
        compare(arms, benchmarks=["third"])
    with pytest.raises(TreadleError, match="--mode other: not in these runs; they have loop, whole"):
        compare(arms, modes=["other"])


def test_what_its_interval_does_not_tell_apart_is_not_blamed_on_the_correction():
    assert finding(pair((0.2, -0.01, 0.35), p=0.04, adjusted_p=0.2, needed=25)) == "cannot be told apart"
