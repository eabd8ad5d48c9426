"""A teacher that acts in the stack machine over a server, from problems to prepared data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.domains.stack import FIELD, plans, script, write_problems
from tests.teacher.scripted import teaching
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.domains.registry import use
from treadle.errors import DataError, OutputError
from treadle.teacher.acting import act, acting_settings, problems_to_act_on
from treadle.teacher.outcomes import missing


@pytest.fixture(autouse=True)
def stack(monkeypatch):
    monkeypatch.delenv("TREADLE_DOMAINS", raising=False)
    use(str(FIELD))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def given(path):
    return problems_to_act_on(str(path), None, "math", "train", "stack")


def test_what_is_right_becomes_trajectories_with_observations_that_replay(tmp_path):
    problems = given(write_problems(tmp_path / "set.jsonl", range(5, 13)))
    settings, out = acting_settings(problems, 4, max_steps=5), tmp_path / "taught"
    with teaching(script) as server:
        arguments = ("tiny", problems, settings, out, "openai", {"url": server.url})
        report = act(*arguments)
        asked = len(server.bodies)
        assert act(*arguments) == report
        assert len(server.bodies) == asked, "nothing is asked twice"
        with pytest.raises(OutputError, match="seed"):
            act("tiny", problems, replace(settings, seed=1), out, "openai", {"url": server.url})
    samples = report["samples"]
    assert samples["all"] == 32 == samples["kept"] + sum(samples["rejected"].values())
    assert set(samples["rejected"]) == {"wrong_answer", "undecided_answer", "exact_duplicate"}
    assert missing(report) == 0
    rows = lines(out / "trajectories.jsonl")
    assert len(rows) == samples["kept"] == report["problems"]["with_a_solution"] > 3
    for row in rows:
        meta, target = json.loads(row["meta"]), int(row["problem"].split()[1])
        assert meta["setup"] == {"target": target}
        assert meta["origin"]["kind"] == "solve"
        steps = [(step["action"], step["thought"], step["observation"]) for step in row["steps"]]
        first = target - 4
        assert steps == [
            (f"push {first}", None, f"[{first}]"),
            ("push 4", "four more", f"[{first}, 4]"),
            ("add", None, f"[{target}]"),
            ("submit", None, f"submitted {target}"),
        ]
        assert [action for action, *_ in steps] == [a.rpartition(">")[2] for a in plans(target)[0]]
    made = prepare(out, tmp_path / "data", PrepareSettings(held_out=0, duplicates="off"))
    assert made.rows.notes["environment"] == {"replayed: every recorded observation is the environment's": len(rows)}
    (prompt,) = list(Prepared(tmp_path / "data").instances())[1].prompt
    assert " -> [" in prompt["content"], "what evaluation shows is what is trained on"


def test_problems_of_other_domains_are_written_at_once(tmp_path):
    path = write_problems(tmp_path / "set.jsonl", [5])
    assert problems_to_act_on(str(path), None, "math", "train", None) is None
    assert [p.setup for p in given(path).problems] == [{"target": 5}]
    with pytest.raises(DataError, match="no such"):
        given(tmp_path / "nothing.jsonl")
