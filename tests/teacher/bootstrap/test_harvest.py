"""What is kept of a round's right attempts, made by hand: duplicates, the cap of a problem, hints, prefixes."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from tests.domains.stack import FIELD, action, script, write_problems
from tests.teacher.scripted import teaching
from treadle.domains.registry import use
from treadle.evaluate.backends import open_backend
from treadle.evaluate.benchmarks import load_data
from treadle.evaluate.records import Problem
from treadle.teacher.bootstrap.attempts import first_steps, hinted
from treadle.teacher.bootstrap.candidates import Candidate
from treadle.teacher.bootstrap.harvest import NoHint, _distinct, harvest
from treadle.teacher.bootstrap.schema import Bootstrap
from treadle.teacher.bootstrap.sets import Sets
from treadle.teacher.checks import first_fault
from treadle.teacher.drafts import Draft, Origin
from treadle.trajectory import Step, Trajectory

TEXT = "the sum of the first and the second number is what we are looking for here, and no other; " * 3


def candidate(problem, sample, *actions, number=2):
    draft = Draft(
        problem, f"What is {problem}?", "1", "", "\n".join(actions), 9, Origin("bootstrap", "s", "", sample, number)
    )
    return Candidate(draft, Trajectory(draft.id, draft.problem, tuple(map(Step, actions)), "1", meta={}))


def earlier(problem, sample, *actions):
    found = candidate(problem, sample, *actions, number=1).trajectory
    meta = {"origin": {"problem_id": problem}}
    return Trajectory(found.id, found.problem, found.steps, "1", meta=meta)


def decided(taken, before=(), **settings):
    kept, rejected = _distinct(taken, before, Bootstrap(problems="p", held_out="h", **settings))
    return [c.draft.id for c in kept], {draft.id: str(fault.reason) for draft, fault in rejected}


def test_what_is_there_already_is_not_kept_again():
    before = [earlier("a", 0, "x = 1", "so 1")]
    taken = [
        candidate("a", 0, "x  = 1", "so 1"),
        candidate("a", 1, "y = 1", "so 1"),
        candidate("b", 0, "x = 1", "so 1"),
    ]
    assert decided(taken, before) == (["a#round2-1", "b#round2-0"], {"a#round2-0": "exact_duplicate"})


def test_near_duplicates_are_of_one_problem_and_can_be_kept():
    like = f"{TEXT} now"
    taken = [candidate("a", 0, TEXT, "so 1"), candidate("a", 1, like, "so 1"), candidate("b", 0, like, "so 1")]
    assert decided(taken) == (["a#round2-0", "b#round2-0"], {"a#round2-1": "near_duplicate"})
    assert decided(taken, near_threshold=None)[1] == {}


def test_the_cap_of_a_problem_counts_all_rounds_and_keeps_the_earliest():
    before = [earlier("a", 0, "first", "so 1")]
    taken = [candidate("a", n, f"way {'abcd'[n] * 9}", "so 1") for n in range(4)]
    assert decided(taken, before, keep=3) == (
        ["a#round2-0", "a#round2-1"],
        {"a#round2-2": "over_cap", "a#round2-3": "over_cap"},
    )


@pytest.mark.parametrize(
    ("text", "thought", "speaks"),
    [
        ("As the hint says, 4.", "", True),
        ("2+2=4", "The given answer is 4, so", True),
        ("2+2=4", "", False),
        ("We chintz the answer.", "", False),
    ],
)
def test_a_solution_that_speaks_of_its_hint(text, thought, speaks):
    draft = Draft("p", "2+2?", "4", thought, text, 3, Origin("bootstrap", "s", ""))
    passed, fault = first_fault(draft, [NoHint()])
    assert (fault is not None) == speaks
    assert passed.origin.checks == (() if speaks else ("no_hint",))


def test_a_hint_stands_below_the_problem():
    problem = Problem("p", "What is 2+2?", "4")
    found = hinted(problem)
    assert found.problem.startswith("What is 2+2?\n\n")
    assert "4" in found.problem.removeprefix(problem.problem)
    assert (found.id, found.answer) == ("p", "4")


@pytest.mark.parametrize(
    ("count", "share", "given"), [(1, 0.5, 0), (2, 0.1, 1), (2, 0.9, 1), (4, 0.5, 2), (4, 0.99, 3)]
)
def test_a_prefix_is_never_nothing_and_never_all(count, share, given):
    trajectory = Trajectory("t", "p", tuple(Step(f"step {n}") for n in range(count)))
    assert first_steps(trajectory, share) == trajectory.steps[:given]


def reluctant(body):
    """Plays wrong unless it is led: then as the expert."""
    prompt = body["messages"][-1]["content"]
    return action(prompt, body["seed"] if " -> " in prompt else 1)


@pytest.mark.parametrize(("says", "help"), [(script, "none"), (reluctant, "prefix")])
def test_attempts_in_an_environment_are_kept_with_what_it_answered(says, help, tmp_path, monkeypatch):
    monkeypatch.delenv("TREADLE_DOMAINS", raising=False)
    use(str(FIELD))
    problems = load_data(write_problems(tmp_path / "set.jsonl", range(5, 9)), domain="stack")
    experts = {}
    for problem in problems.problems:
        actions = f"push {int(problem.answer) - 4}", "push 4", "add", "submit"
        experts[problem.id] = Trajectory(problem.id, problem.problem, tuple(map(Step, actions)), problem.answer)
    rounds = Bootstrap(problems="p", held_out="h", mode="loop", domain="stack", samples=3, max_steps=5, help=help)
    folder = tmp_path / "round"
    folder.mkdir()
    with teaching(says) as server, closing(open_backend("tiny", "openai", url=server.url)) as backend:
        arguments = (backend, "tiny", rounds, Sets(problems, problems, experts), 1, 0, folder, [], set())
        found = harvest(*arguments)
        asked = len(server.bodies)
        kept = (folder / "trajectories.jsonl").read_bytes()
        assert harvest(*arguments) == found
        assert len(server.bodies) == asked
        assert (folder / "trajectories.jsonl").read_bytes() == kept
    rows = [json.loads(line) for line in kept.splitlines()]
    assert found["kept"] == len(rows) > 1
    assert found["rejected"].keys() <= {"wrong_answer", "undecided_answer", "exact_duplicate"}
    for row in rows:
        target, meta = int(row["problem"].split()[1]), json.loads(row["meta"])
        assert meta["setup"] == {"target": target}
        assert meta.get("given_steps") == (2 if help == "prefix" else None)
        assert row["verified"]
        assert [step["observation"] for step in row["steps"]] == [
            f"[{target - 4}]",
            f"[{target - 4}, 4]",
            f"[{target}]",
            f"submitted {target}",
        ]
    names = {path.name for path in folder.iterdir()}
    wave = "helped" if help == "prefix" else "attempts"
    assert {f"{wave}.jsonl", f"{wave}-observations.jsonl"} <= names
