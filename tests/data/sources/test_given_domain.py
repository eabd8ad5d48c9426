"""Rows that people write: with a domain for all of them, treadle's own form needs neither `id` nor `domain`."""

from __future__ import annotations

import json

from treadle.data.sources.reading import read_trajectories


def test_problem_and_steps_are_enough(tmp_path):
    rows = [{"problem": f"p{n}", "steps": [{"action": "a", "observation": "o"}], "setup": {"n": n}} for n in range(2)]
    rows.append({**rows[0], "id": "mine"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = list(read_trajectories(tmp_path / "rows.jsonl", domain="lean"))
    assert [one.problem for one in found] == ["p0", "p1", "p0"]
    assert len({one.id for one in found}) == 3
    assert found[2].id == "mine"
    assert {one.domain for one in found} == {"lean"}
    assert [one.meta["setup"] for one in found] == [{"n": 0}, {"n": 1}, {"n": 0}]
    assert found[0].steps[0].observation == "o"
