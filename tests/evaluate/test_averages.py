from __future__ import annotations

import math

import numpy as np
import pytest

from tests.evaluate.run_folders import write_run
from treadle.evaluate.averages import average_columns, averages, run_averages, several
from treadle.evaluate.runs import read_run

rng = np.random.default_rng(0)
SIZES = {"amc23": 40, "aime24": 30, "aime25": 30}


def figure(value, low=None, high=None, samples=1):
    low, high = (value if low is None else low), (value if high is None else high)
    return {"samples": samples, "accuracy": {"value": value, "low": low, "high": high}}


def srl_row():
    """The paper's SRL row as results: printed 27.6 on average."""
    columns = {"amc23": (0.515, 0.5), "aime24": (0.132, 0.167), "aime25": (0.071, 0.133)}
    benchmarks = {
        name: {"modes": {"whole": {"sampled": figure(s, samples=32), "greedy": figure(g)}}}
        for name, (s, g) in columns.items()
    }
    benchmarks["minerva"] = {"modes": {"whole": {"greedy": figure(0.364)}}}
    return {"benchmarks": benchmarks}


def paper_run(folder):
    right = {}
    for name, size in SIZES.items():
        skill = rng.random((size, 1))
        right[name, "whole", "sampled"] = rng.random((size, 8)) < skill
        right[name, "whole", "greedy"] = rng.random((size, 1)) < skill
    right["minerva", "whole", "greedy"] = rng.random((272, 1)) < 0.4
    return read_run(write_run(folder, right))


def test_both_averages_of_the_papers_row():
    found = averages(srl_row())["whole"]
    assert 100 * found["paper_seven_columns"]["value"] == pytest.approx(26.886, abs=1e-3)
    assert found["paper_seven_columns"]["columns"][:2] == ["amc23 Avg@32", "amc23 greedy"]
    assert found["plain"]["value"] == pytest.approx((0.515 + 0.132 + 0.071 + 0.364) / 4)
    assert found["plain_greedy"]["value"] == pytest.approx((0.5 + 0.167 + 0.133 + 0.364) / 4)


def test_a_missing_column_is_named():
    results = srl_row()
    del results["benchmarks"]["aime25"]["modes"]["whole"]["sampled"]
    found = averages(results)["whole"]["paper_seven_columns"]
    assert (found["value"], found["low"], found["high"]) == (None, None, None)
    assert found["reason"] == "not evaluated: aime25 sampled"
    assert averages(results)["whole"]["plain"]["columns"][2] == "aime25 greedy"


def test_no_greedy_average_where_a_benchmark_has_none():
    results = srl_row()
    del results["benchmarks"]["aime25"]["modes"]["whole"]["greedy"]
    assert "plain_greedy" not in averages(results)["whole"]


def test_modes_do_not_mix():
    results = srl_row()
    results["benchmarks"]["minerva"]["modes"] = {"loop": {"greedy": figure(0.2)}}
    found = averages(results)
    assert found["whole"]["paper_seven_columns"]["value"] is None
    assert found["loop"]["plain"]["value"] == pytest.approx(0.2)


def test_distances_of_independent_benchmarks_add_in_squares_and_those_of_one_benchmark_plainly():
    independent = {
        "a": {"modes": {"whole": {"greedy": figure(0.5, 0.2, 0.9)}}},
        "b": {"modes": {"whole": {"greedy": figure(0.3, 0.0, 0.6)}}},
    }
    found = averages({"benchmarks": independent})["whole"]["plain"]
    assert found["value"] == pytest.approx(0.4)
    assert found["low"] == pytest.approx(0.4 - math.hypot(0.3, 0.3) / 2)
    assert found["high"] == pytest.approx(0.4 + math.hypot(0.4, 0.3) / 2)
    row = srl_row()
    row["benchmarks"]["aime24"]["modes"]["whole"] = {
        "sampled": figure(0.132, 0.032, 0.232, 32),
        "greedy": figure(0.167, 0.067, 0.267),
    }
    seven = averages(row)["whole"]["paper_seven_columns"]
    assert seven["high"] - seven["value"] == pytest.approx(0.2 / 7)


def test_intervals_over_problems_agree_with_those_of_the_figures(tmp_path):
    """Two ways to the same: the bootstrap sees how the columns of one benchmark err together, the figures assume it."""
    run = paper_run(tmp_path / "run")
    of_figures, of_problems = averages(run.results)["whole"], run_averages(run)["whole"]
    for name in ("paper_seven_columns", "plain", "plain_greedy"):
        a, b = of_figures[name], of_problems[name]
        assert a["value"] == pytest.approx(b["value"])
        assert b["low"] < b["value"] < b["high"]
        assert b["high"] - b["low"] == pytest.approx(a["high"] - a["low"], rel=0.25)


def test_the_interval_over_problems_is_that_of_a_naive_bootstrap(tmp_path):
    run = paper_run(tmp_path / "run")
    found = run_averages(run)["whole"]["paper_seven_columns"]
    generator, means = np.random.default_rng(1), []
    for _ in range(3000):
        columns = []
        for name in SIZES:
            rows = generator.integers(SIZES[name], size=SIZES[name])
            columns += [run.right(name, "whole", d)[rows].mean() for d in ("sampled", "greedy")]
        columns.append(run.right("minerva", "whole", "greedy")[generator.integers(272, size=272)].mean())
        means.append(np.mean(columns))
    low, high = np.quantile(means, [0.025, 0.975])
    assert found["high"] - found["low"] == pytest.approx(high - low, rel=0.12)


def test_columns_at_hand():
    assert average_columns([("a", "greedy"), ("b", "greedy"), ("b", "sampled")]) == {
        "plain": (("a", "greedy"), ("b", "sampled")),
        "plain_greedy": (("a", "greedy"), ("b", "greedy")),
    }


def test_averages_to_be_shown_are_over_several_columns_and_each_is_shown_once():
    def shown(results):
        return [name for _, name, _ in several({**results, "averages": averages(results)})]

    one = {"a": {"modes": {"whole": {"greedy": figure(0.5)}}}}
    assert shown({"benchmarks": one}) == []
    assert shown({"benchmarks": {**one, "b": one["a"]}}) == ["plain"]
    assert shown(srl_row()) == ["paper_seven_columns", "plain", "plain_greedy"]
