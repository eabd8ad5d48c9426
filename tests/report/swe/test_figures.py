from __future__ import annotations

import pytest

from treadle.evaluate.swe.records import Verdict
from treadle.report.swe.figures import fault_rows, figure_rows, verdict_rows
from treadle.statistics.estimates import wilson


def test_shares_are_percent_and_counts_are_numbers():
    figures = {
        "tokens": {"value": 1234.6, "low": 0.0, "high": 2000.0, "count": 2, "groups": 2},
        "localisation_recall": {"value": 0.5, "low": None, "high": None, "count": 1, "groups": 1},
    }
    recall, tokens = figure_rows(figures)
    assert (recall.title, recall.value, recall.interval, recall.tasks) == ("localisation recall", "50.0%", "", 1)
    assert (tokens.value, tokens.interval) == ("1,235", "0 to 2,000")


def test_verdicts_have_their_most_frequent_reasons():
    given = [(Verdict.EMPTY, "a")] * 3 + [(Verdict.EMPTY, "b")] + [(Verdict.EMPTY, reason) for reason in "cd"]
    resolved, empty = verdict_rows(given)
    assert (resolved["count"], resolved["share"]) == (0, "0.0%")
    low, high = (f"{100 * bound:.1f}%" for bound in wilson(0, 6)[1:])
    assert resolved["interval"] == f"{low} to {high}"
    assert (empty["count"], empty["reasons"], empty["others"]) == (6, [("a", 3), ("b", 1), ("c", 1)], 1)


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_explained(verdict):
    assert next(row for row in verdict_rows([(verdict, "why")]) if row["verdict"] == verdict)["what"]


def test_what_was_handed_in_before_it_is_graded():
    rows = fault_rows([("", ""), ("edit_fault", "twice"), ("edit_fault", "twice")])
    assert [(row["verdict"], row["count"], row["reasons"]) for row in rows] == [
        ("a patch", 1, []),
        ("edit_fault", 2, [("twice", 2)]),
    ]
