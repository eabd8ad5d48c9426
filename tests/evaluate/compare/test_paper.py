from __future__ import annotations

import pytest

from treadle.evaluate.averages import SEVEN
from treadle.evaluate.compare.paper import PAPER, PROBLEMS, printed_averages
from treadle.statistics.estimates import wilson


def test_the_table_has_all_rows_and_columns():
    assert len(PAPER) == 14
    assert len({(row.method, row.base) for row in PAPER}) == 14
    assert all(tuple(row.columns) == SEVEN for row in PAPER)


def test_every_greedy_figure_is_a_count_of_problems():
    """A check of the transcription: 13.3% of 30 problems is 4, and nothing near 12% would be any number."""
    for row in PAPER:
        for (benchmark, decoding), percent in row.columns.items():
            if decoding == "greedy":
                right = percent * PROBLEMS[benchmark] / 100
                assert abs(right - round(right)) <= 0.05 * PROBLEMS[benchmark] / 100 + 1e-9, (row.label, benchmark)


def test_only_the_average_of_srl_does_not_follow_from_its_columns():
    wrong = [a for a in printed_averages() if not a.follows]
    assert [(a.row.label, a.row.printed_average) for a in wrong] == [("SRL (7B)", 27.6)]
    # (51.5 + 50.0 + 13.2 + 16.7 + 7.1 + 13.3 + 36.4) / 7
    assert wrong[0].recomputed == pytest.approx(26.886, abs=1e-3)


def test_averages_of_the_table_by_hand():
    by_label = {a.row.label: a.recomputed for a in printed_averages()}
    assert by_label["base (7B)"] == pytest.approx((49.3 + 50.0 + 10.5 + 13.3 + 7.5 + 6.7 + 34.9) / 7)
    assert by_label["SRL then RLVR (3B)"] == pytest.approx(19.53, abs=0.01)


def test_greedy_figures_have_the_interval_of_their_count():
    srl = next(row for row in PAPER if row.label == "SRL (7B)")
    assert srl.greedy("aime24") == wilson(5, 30)
    assert srl.greedy("minerva") == wilson(99, 272)
