"""The domain as treadle runs it: its code in a process of its own, within its limits, whatever the lines are."""

import json
import time

import pytest

from examples.supply_chain import make
from tests.examples.supply_chain.test_world import HOSTILE
from treadle.domains.domain import Attempt, Task
from treadle.domains.hosting import host_of
from treadle.domains.registry import use


@pytest.fixture(scope="module")
def host():
    return host_of(use(str(make.HERE)))


@pytest.fixture(scope="module")
def tasks():
    return [Task(**json.loads(line)) for line in (make.HERE / "test.jsonl").read_text().splitlines()[:4]]


def test_experts_replay_and_are_right(host, tasks):
    for task in tasks:
        steps = make.expert_row(task)["steps"]
        actions = [step["action"] for step in steps]
        seen = host.replay(task, actions)
        assert [one.observation for one in seen] == [step["observation"] for step in steps]
        assert [one.done for one in seen] == [False] * (len(steps) - 1) + [True]
        cost = task.answer
        assert host.judge([(task, Attempt(tuple(actions)))]) == [("right", f"gap 0.0%: cost {cost}, optimum {cost}")]


@pytest.mark.parametrize("action", HOSTILE.values(), ids=HOSTILE)
def test_hostile_lines_are_answered_within_the_limits(host, tasks, action):
    started = time.monotonic()
    (seen,) = host.replay(tasks[0], [action])
    assert (seen.observation, seen.done, seen.fault) == (
        f"No: expected one line: ship N from PLANT to CUSTOMER. {tasks[0].problem}",
        False,
        "",
    )
    ((verdict, why),) = host.judge([(tasks[0], Attempt((action,)))])
    assert verdict == "wrong"
    assert why.startswith("incomplete: ")
    assert time.monotonic() - started < 20
