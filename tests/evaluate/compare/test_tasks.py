from __future__ import annotations

import json

import pytest
from scipy.stats import binomtest

from tests.report.swe.folders import outcome, write_grades, write_run, write_tasks
from treadle.evaluate.compare.task_arms import read_task_arms
from treadle.evaluate.compare.tasks import as_dict, compare_tasks, said
from treadle.evaluate.swe.records import Verdict
from treadle.statistics.estimates import wilson
from treadle.statistics.paired import PairedVerdict

NAMES = [f"t{k:02}" for k in range(60)]


def grades(folder, resolved, tokens=100, **more):
    """Grades over 60 tasks of which those in `resolved` are resolved."""
    tasks = write_tasks(folder.parent / "tasks", NAMES)
    run = write_run(folder / "run", tasks, [outcome(name, tokens=tokens) for name in NAMES], f"org/{folder.name}")
    verdicts = {name: "resolved" if k in resolved else "unresolved" for k, name in enumerate(NAMES)}
    return write_grades(folder / "grades", run, tasks, verdicts, **more)


@pytest.fixture
def two(tmp_path):
    """23 of 60 resolved and 38 of 60: 18 by the second alone, 3 by the first alone."""
    return [grades(tmp_path / "base", {*range(20), 38, 39, 40}), grades(tmp_path / "better", {*range(38)}, 50)]


def test_rates_are_tested_task_by_task(two):
    found = compare_tasks(read_task_arms(two))
    assert found.baseline == "base"
    assert tuple(found.cells["base"].rate) == pytest.approx(tuple(wilson(23, 60)))
    [pair] = found.pairs
    assert pair.test.p == pytest.approx(binomtest(3, 21).pvalue)
    assert pair.test.verdict is PairedVerdict.FIRST_BETTER
    assert said(pair).startswith("better resolves 25.0 points more than base (95% interval +")
    assert len(found.differences) == 21
    assert found.differences[0].resolved == {"base": (0, 1), "better": (1, 1)}
    assert found.cells["base"].verdicts == {Verdict.RESOLVED: 23, Verdict.UNRESOLVED: 37}
    assert found.cells["better"].figures["tokens"]["value"] == 50
    assert found.notes == []


def test_a_difference_that_cannot_be_told_says_how_many_tasks_it_would_take(tmp_path):
    found = compare_tasks(read_task_arms([grades(tmp_path / "a", {0, 1}), grades(tmp_path / "b", {1, 2, 3})]), "b")
    assert (found.baseline, [pair.first for pair in found.pairs]) == ("b", ["a"])
    assert said(found.pairs[0]).startswith("a resolves 1.7 points less than b")
    assert " tasks would be needed" in said(found.pairs[0])


def test_grades_of_one_recipe_are_one_row(two, tmp_path):
    more = [grades(tmp_path / f"seed{k}", {*range(10 + k)}) for k in (1, 2)]
    found = compare_tasks(read_task_arms(two, [f"seeds={more[0]},{more[1]}"]))
    cell = found.cells["seeds"]
    assert cell.rate.value == pytest.approx((11 + 12) / 120)
    assert cell.verdicts[Verdict.RESOLVED] == 23
    assert cell.figures["tokens"]["count"] == 120
    assert cell.figures["tokens"]["groups"] == 60
    assert "seeds: 2 runs say little about the spread between seeds" in found.notes[-1]
    assert len({pair.test.adjusted_p for pair in found.pairs}) == 2


def test_the_data_can_be_written_and_has_all(two):
    found = json.loads(json.dumps(as_dict(compare_tasks(read_task_arms(two)))))
    assert (found["kind"], found["tasks"], found["baseline"]) == ("swe", 60, "base")
    assert found["figures"][1]["verdicts"]["resolved"] == 38
    assert found["tests"][0]["sentence"].endswith("better is better")
    assert len(found["differences"]) == 21
