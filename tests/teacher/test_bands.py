"""Pass rates and bands on attempts made by hand."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from treadle.evaluate.records import Key, Problem, Sample
from treadle.scoring.grading import Verdict
from treadle.teacher.bands import Place, pass_rates

PROBLEMS = [Problem(name, f"What is {name}?", "1") for name in ("all", "some", "none", "lacking")]
VERDICTS = {
    "all": ["right"] * 4,
    "some": ["right", "wrong", "undecided", "right"],
    "none": ["wrong", "hung", "no_answer", "wrong"],
    "lacking": ["right", "wrong", "right"],
}


@pytest.fixture
def rates():
    samples = [
        Sample(Key("problems", name, "whole", "sampled", index), "1", verdict=Verdict(verdict))
        for name, verdicts in VERDICTS.items()
        for index, verdict in enumerate(verdicts)
    ]
    greedy = Sample(Key("problems", "none", "whole", "greedy", 0), "1", verdict=Verdict.RIGHT)
    return {rate.id: rate for rate in pass_rates(PROBLEMS, [greedy, *samples], wanted=4)}


@pytest.mark.parametrize(
    ("band", "places"),
    [
        ("hard", {"all": "easy", "some": "easy", "none": "band", "lacking": "incomplete"}),
        ("learnable", {"all": "easy", "some": "band", "none": "unsolved", "lacking": "incomplete"}),
    ],
)
def test_where_problems_lie(rates, band, places):
    assert {name: str(rate.place(band)) for name, rate in rates.items()} == places


def test_rates_have_wilsons_interval_and_count_what_is_undecided(rates):
    record = rates["some"].record("learnable")
    low, high = proportion_confint(2, 4, method="wilson")
    assert record == {
        "id": "some",
        "right": 2,
        "samples": 4,
        "undecided": 1,
        "rate": 0.5,
        "low": round(low, 4),
        "high": round(high, 4),
        "place": Place.BAND,
    }


def test_a_problem_without_samples_has_no_rate():
    record = pass_rates(PROBLEMS[:1], [], wanted=2)[0].record("hard")
    assert (record["rate"], record["samples"], record["place"]) == (None, 0, "incomplete")
