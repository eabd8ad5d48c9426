from __future__ import annotations

import json

import pytest

from treadle.miniature.board import Line, _progress

SRL = {"step": 3, "loss": 0.1, "reward": 0.9, "similarity": 0.931, "similarity_floor": 0.4656}


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        (SRL, "step 3/20, reward 0.90, similarity 0.93 (floor 0.47), loss 0.10, "),
        ({**SRL, "similarity": None}, "step 3/20, reward 0.90, loss 0.10, "),
        ({k: v for k, v in SRL.items() if k != "similarity_floor"}, "similarity 0.93, loss"),
        ({"step": 3, "loss": 0.1}, "step 3/20, loss 0.10, "),
    ],
)
def test_a_similarity_has_its_floor_beside_it(tmp_path, log, shown):
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"seconds": 1.0, **log}) + "\n")
    assert shown in _progress(Line("SRL", path, 20, state="running"))


def test_work_without_metrics_shows_how_long_it_takes():
    assert _progress(Line("screening", None, 0, state="running")).endswith(" s")
    assert _progress(Line("screening", None, 0)) == ""
