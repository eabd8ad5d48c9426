"""Problems of a domain that judges attempts itself: from a file to figures, and judged again without the file."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.domains.counter import counter
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.errors import DataError, DomainError
from treadle.evaluate.benchmarks import load_data
from treadle.evaluate.records import Key, LeftOut, Sample, Stop
from treadle.evaluate.run import evaluate, regrade
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.solving import judge
from treadle.evaluate.store import read_lines
from treadle.evaluate.summary_table import as_table
from treadle.scoring.grading import Verdict
from treadle.trajectory import Step, Trajectory

WITH_WORLD = {"environment": "world.py:World", "verdict": "judge.py:judge_world"}
THERE, FAR = {"start": 7, "goal": 7}, {"start": 0, "goal": 1_000_007}


@pytest.fixture
def known(tmp_path, monkeypatch):
    def write(**keys):
        monkeypatch.setenv("TREADLE_DOMAINS", str(tmp_path / "counter"))
        return counter(tmp_path / "counter", **(keys or WITH_WORLD))

    return write


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_without_an_answer_and_with_a_setup(known, tmp_path):
    known()
    rows = [{"problem": "Go.", "setup": THERE}, {"problem": "Go.", "setup": json.dumps(FAR)}, {"problem": "Go on."}]
    found = load_data(written(tmp_path / "p.jsonl", *rows, rows[0]), domain="counter")
    assert [(p.id, p.answer, p.setup) for p in found.problems] == [("1", "", THERE), ("2", "", FAR), ("3", "", None)]
    assert found.left_out == Counter({LeftOut.DUPLICATE: 1})
    assert found.unread() == {}


def test_the_grader_needs_an_answer_whatever_the_setup(known, tmp_path):
    known(verdict="integer")
    path = written(tmp_path / "p.jsonl", {"problem": "Go.", "setup": THERE})
    with pytest.raises(DataError, match="no column 'answer'"):
        load_data(path, domain="counter")
    written(path, {"problem": "Go.", "answer": 7, "setup": 1}, {"problem": "Go.", "answer": 7, "setup": 2})
    (problem,) = load_data(path, domain="counter").problems
    assert (problem.kind, problem.setup) == ("integer", 1)
    assert load_data(path, domain="counter", kind="text").problems[0].kind == "text"


def test_a_setup_that_is_no_json(known, tmp_path):
    known()
    path = tmp_path / "p.jsonl"
    path.write_text('{"problem": "Go.", "setup": NaN}\n')
    with pytest.raises(DataError, match="column 'setup' holds nan, expected JSON"):
        load_data(path, domain="counter")


def test_trajectories_bring_their_setup(known, tmp_path):
    known()
    trajectories = [
        Trajectory("a", "Go.", (Step("+1"), Step("+2")), None, "counter", meta={"setup": THERE}),
        Trajectory("b", "1 + 1?", (Step("1"), Step("2")), "2", "math"),
        Trajectory("c", "1 + 2?", (Step("1"), Step("3")), None, "math"),
    ]
    settings = PrepareSettings(held_out=0, replay=False)  # which would judge the first, and it is not there
    prepare(written(tmp_path / "t.jsonl", *map(to_row, trajectories)), tmp_path / "data", settings)
    found = load_data(tmp_path / "data", "train")
    assert {(p.id, p.domain, p.answer) for p in found.problems} == {("a", "counter", ""), ("b", "math", "2")}
    assert next(p.setup for p in found.problems if p.id == "a") == THERE
    assert found.left_out == Counter({LeftOut.NO_ANSWER: 1})


def test_the_loops_steps_are_the_actions(known, tmp_path):
    known()
    rows = [{"id": "near", "problem": "Go.", "setup": {"start": 0, "goal": 7}}]
    (problem,) = load_data(written(tmp_path / "p.jsonl", *rows), domain="counter").problems
    texts = {"loop": "<think>+3</think>+5\n<think>+4</think>+2", "whole": "<think>\n+9\n</think>\n+5\n+2"}
    samples = [
        Sample(Key("p", "near", "loop", "greedy", 0), "", texts["loop"], steps=["+5", "+2"], stop=Stop.STEP_LIMIT),
        Sample(Key("p", "near", "loop", "sampled", 0), "", "", steps=["+5"], stop=Stop.STEP_LIMIT),
        Sample(Key("p", "near", "whole", "greedy", 0), "", texts["whole"], stop=Stop.ENDED),
        Sample(Key("p", "near", "whole", "sampled", 0), "", "+5", stop=None),
    ]
    judge(samples, [problem], settings=EvaluateSettings())
    assert [(s.verdict, s.why) for s in samples] == [
        (Verdict.RIGHT, "the counter is at 7"),
        (Verdict.WRONG, "the counter is at 5"),
        (Verdict.RIGHT, "the counter is at 7"),
        (None, ""),
    ]
    assert samples[0].boxed_verdict is samples[0].lenient_verdict is Verdict.RIGHT


def test_a_run_is_judged_again_without_its_problems(known, tmp_path, tiny_folder):
    known()
    rows = [{"problem": "There.", "setup": THERE}, {"problem": "Far.", "setup": FAR}, {"problem": "Nowhere."}]
    path, out = written(tmp_path / "p.jsonl", *rows), tmp_path / "run"
    settings = EvaluateSettings(modes=("whole",), samples=0, max_new_tokens=4)
    results = evaluate(str(tiny_folder), [load_data(path, domain="counter")], settings, out)
    figures = results["benchmarks"]["p"]["modes"]["whole"]["greedy"]
    assert figures["verdicts"] == {"right": 1, "wrong": 1, "unscorable": 1}
    assert figures["accuracy"]["value"] == pytest.approx(1 / 3)  # what cannot be scored stays in the denominator
    assert "1 attempts cannot be scored by their domain's verdict, and count as not right" in as_table(results)
    assert [line.get("setup") for line in read_lines(out / "problems.jsonl")] == [THERE, FAR, None]
    assert ["setup" in line for line in read_lines(out / "problems.jsonl")] == [True, True, False]
    path.unlink()
    assert regrade(out)["benchmarks"] == results["benchmarks"]
    assert [s.why for s in read_run(out).samples()][:1] == ["the counter is at 7"]


def test_what_cannot_be_judged_is_said_before_a_model_is_loaded(known, tmp_path):
    known(ends="none")
    found = load_data(written(tmp_path / "p.jsonl", {"problem": "Go.", "answer": 1}), domain="counter")
    with pytest.raises(DomainError, match="domain 'counter': nobody can judge its attempts"):
        evaluate(str(tmp_path / "no model"), [found], EvaluateSettings(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
