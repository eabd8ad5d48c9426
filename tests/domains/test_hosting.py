from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.domains.counter import WORLD, counter
from treadle.domains.domain import Attempt, Task
from treadle.domains.hosting import Host, UnsetTask, host_of
from treadle.domains.observed import Observed
from treadle.domains.verdict_words import read_verdict
from treadle.domains.worlds import KEPT
from treadle.errors import DomainError
from treadle.processes import Pool
from treadle.scoring.grading import Verdict

TASK = Task("t1", "Bring the counter to 7.", setup={"start": 2, "goal": 7})
WITH_WORLD = {"environment": "{place: world.py:World, seconds: 0.5, memory_mb: 512}"}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    domain = counter(tmp_path_factory.mktemp("counter"), verdict="judge.py:judge_world", **WITH_WORLD)
    host = Host(domain, workers=1)
    yield host
    host.close()


def hosted(folder, **keys):
    return Host(counter(folder, **keys), workers=1)


def test_words_are_those_of_the_verdicts_above():
    words = ("right", "wrong", "undecided", "no_answer", "hung", "crashed", "unscorable")
    assert set(words) == set(Verdict)
    assert [read_verdict(word, "judge.py:judge") for word in words] == [(word, "") for word in words]


def test_observations_in_order_up_to_the_end(host):
    assert host.replay(TASK, ["+1", "+2", "end", "+3"]) == [
        Observed("3", False),
        Observed("5", False),
        Observed("ended", True),
    ]


def test_one_more_action_costs_one_step(host):
    task = Task("t2", "", setup={"start": 0})
    before = int(host.replay(task, ["steps"])[0].observation)
    host.replay(task, ["+1", "+2", "+3"])
    host.replay(task, ["+1", "+2", "+3", "+4"])
    assert int(host.replay(task, ["+1", "+2", "+3", "+4", "steps"])[-1].observation) == before + 5
    assert host.replay(task, ["+1", "+2", "-"])[-1].observation == "3"  # worlds are not shared


@pytest.mark.parametrize(
    ("action", "fault", "said"),
    [
        ("loop", "timeout", "The environment gave up after 0.5 s of processor time."),
        ("sleep", "timeout", "The environment gave up after 0.5 s of processor time."),
        ("balloon", "memory", "The environment gave up at 512 MB of memory."),
        ("die", "crashed", "The environment's process died."),
        ("raise", "raised", "The environment failed: RuntimeError: no such lever"),
    ],
)
def test_a_fault_costs_its_action_only(host, monkeypatch, action, fault, said):
    found = host.replay(TASK, ["+1", action, "+2"])
    assert found == [Observed("3", False), Observed(said, False, fault), Observed("5", False)]
    asked, ask = [], Pool.ask
    monkeypatch.setattr(Pool, "ask", lambda pool, question: asked.append(question) or ask(pool, question))
    assert host.replay(TASK, ["+1", action, "+2", "+3"])[-1] == Observed("8", False)
    assert len(asked) <= 1  # for +3 alone: what failed is not tried again
    assert host.judge([(TASK, Attempt(("+1", action, "+4")))]) == [("right", "the counter is at 7")]


def test_what_is_printed_disturbs_nothing(host):
    assert host.replay(TASK, ["print", "+1"]) == [Observed("2", False), Observed("3", False)]


def test_no_file_is_written(host):
    (found,) = host.replay(TASK, ["write"])
    assert found.fault == "raised"
    assert "File too large" in found.observation
    written = host.domain.folder / "world.py.written"
    assert not written.exists() or not written.stat().st_size


def test_a_long_observation_is_cut_off_with_a_note(host):
    (found,) = host.replay(TASK, ["much"])
    assert found.observation == "x" * 20_000 + "\n[30,000 more characters left out]"


def test_a_task_that_cannot_be_set_up(host):
    task = Task("t3", "Go.")
    with pytest.raises(
        UnsetTask, match=r"task 't3': environment world.py:World cannot set it up \(ValueError: no start"
    ):
        host.replay(task, [])
    assert host.replay(TASK, []) == []
    ((word, why),) = host.judge([(task, Attempt(("+1",)))])
    assert word == "unscorable"
    assert "ValueError: no start" in why


def test_what_a_step_returns_is_checked(host):
    with pytest.raises(DomainError, match=r"World: step\('wrong'\) returned None; expected \(observation, done\)"):
        host.replay(TASK, ["wrong"])


def test_the_world_after_the_actions_is_judged(host):
    attempts = [Attempt(("+5",)), Attempt(("+1", "+1")), Attempt(()), Attempt(("+5", "end", "+1"))]
    assert host.judge([(TASK, attempt) for attempt in attempts]) == [
        ("right", "the counter is at 7"),
        ("wrong", "the counter is at 4"),
        ("wrong", "the counter is at 2"),
        ("right", "the counter is at 7"),
    ]


def test_the_process_is_light(host):
    host.replay(TASK, [])
    (worker,) = host._pool.started
    if sys.platform == "linux":
        with open(f"/proc/{worker.pid}/maps") as maps:
            assert not any(name in maps.read() for name in ("torch", "pydantic", "pyarrow"))


RETURNS = {
    "True": ("right", ""),
    "False": ("wrong", ""),
    "None": ("undecided", ""),
    "'unscorable'": ("unscorable", ""),
    "(False, 'the cup is empty')": ("wrong", "the cup is empty"),
    "('no_answer', 'nothing was poured')": ("no_answer", "nothing was poured"),
    "1 / 0": ("crashed", "ZeroDivisionError: division by zero"),
    "bytearray(1 << 40)": ("crashed", "MemoryError:"),
    "exec('import os; os._exit(1)')": ("crashed", "the process died twice"),
    "exec('while True: pass')": ("hung", "longer than 0.3 s"),
}


def test_what_a_verdict_may_return(tmp_path):
    cases = "\n".join(f"    if task.id == '{n}': return {text}" for n, text in enumerate(RETURNS))
    host = hosted(
        tmp_path, judge=f"def judge(task, attempt):\n{cases}\n", verdict="{place: judge.py:judge, seconds: 0.3}"
    )
    judged = host.judge([(Task(str(n), ""), Attempt(())) for n in range(len(RETURNS))])
    assert judged == list(RETURNS.values())
    host.close()


@pytest.mark.parametrize("returned", ["1", "'maybe'", "(True, 3)", "[]", "0.5"])
def test_what_no_verdict_is(tmp_path, returned):
    host = hosted(tmp_path, judge=f"def judge(task, attempt): return {returned}", verdict="judge.py:judge")
    with pytest.raises(DomainError, match=r"judge.py:judge returned .*; expected True, False, None") as caught:
        host.judge([(TASK, Attempt(()))])
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)
    host.close()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"judge": "import nowhere"},
            r"verdict: judge.py cannot be imported \(ModuleNotFoundError: No module named 'now",
        ),
        ({"judge": "import sys; sys.exit(2)"}, r"verdict: judge.py cannot be imported \(SystemExit: 2\)"),
        (
            {"judge": "import os; os._exit(2)"},
            "the process that imports judge.py:judge hangs or dies before it is ready",
        ),
        ({"judge": "x = 1"}, "verdict: judge.py has no 'judge'"),
        ({"judge": "judge = 3"}, r"expected a function judge\(task, attempt\).*found int"),
        ({"judge": "def judge(task): return True"}, r"found judge\(task\); a world needs an environment"),
        ({"judge": "def judge(a, b, c): return True"}, r"found judge\(a, b, c\); a world needs an environment"),
        ({"environment": "world.py:World", "world": "class World: pass"}, "World has no reset and no step and no copy"),
        ({"environment": "world.py:World", "world": "def World(): pass"}, "World has no reset"),
    ],
)
def test_code_that_is_none_is_said_in_one_line(tmp_path, keys, said):
    host = hosted(tmp_path, **{"verdict": "judge.py:judge", **keys})
    with pytest.raises(DomainError, match=said) as caught:
        host.judge([(TASK, Attempt(()))])
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_world_that_cannot_be_made(tmp_path):
    needing = "class World:\n    def __init__(self, size): pass\n    reset = step = copy = close = None\n"
    needing = needing.replace("= None", "= lambda *_: None")
    host = hosted(tmp_path, world=needing, environment="world.py:World", verdict="math")
    with pytest.raises(DomainError, match=r"world.py:World cannot be made without arguments .TypeError"):
        host.replay(TASK, [])
    host.close()


def test_a_worker_killed_from_outside_is_replaced(host):
    host.replay(TASK, ["+1"])
    (worker,) = host._pool.started
    worker._process.kill()
    assert host.replay(TASK, ["+1", "+30"])[-1] == Observed("33", False)


def test_domains_without_code_of_their_own(tmp_path):
    host = hosted(tmp_path, verdict="math")
    with pytest.raises(DomainError, match="'counter': has no environment"):
        host.replay(TASK, [])
    with pytest.raises(DomainError, match="'counter': has no verdict of its own"):
        host.judge([(TASK, Attempt(()))])


def test_one_host_for_a_domain(tmp_path):
    domain = counter(tmp_path, verdict="judge.py:judge")
    assert host_of(domain) is host_of(counter(tmp_path, verdict="judge.py:judge"))
    changed = counter(tmp_path, verdict="judge.py:judge_world", environment="world.py:World")
    assert host_of(changed).domain == changed
    assert host_of(changed).judge([(TASK, Attempt(("+5",)))]) == [("right", "the counter is at 7")]
    host_of(changed).close()


COMMAND = """
import json, sys, time
given = json.load(sys.stdin)
answer = given["attempt"]["answer"]
if answer == "loop":
    while True: pass
if answer == "much":
    while True: print("x" * 100_000)
if answer == "sleep":
    time.sleep(60)
if answer == "raise":
    raise ValueError("no cup")
if answer == "other":
    print("fine"); sys.exit()
print(json.dumps({"verdict": answer == given["task"]["answer"], "why": "compared"}))
"""


def test_a_verdict_by_a_command(tmp_path):
    host = hosted(tmp_path, judge=COMMAND, verdict=f"{{command: [{sys.executable}, judge.py], seconds: 0.5}}")
    answers = ["5", "6", "loop", "much", "sleep", "raise"]
    assert host.judge([(Task("a", "", "5"), Attempt((), answer=answer)) for answer in answers]) == [
        ("right", "compared"),
        ("wrong", "compared"),
        ("hung", "longer than 0.5 s"),
        ("hung", "longer than 0.5 s"),
        ("hung", "longer than 0.5 s"),
        ("crashed", f"{sys.executable} judge.py ended with 1: ValueError: no cup"),
    ]
    with pytest.raises(DomainError, match=r"judge.py wrote 'fine.*expected JSON such as"):
        host.judge([(Task("a", "", "5"), Attempt((), answer="other"))])
    with pytest.raises(DomainError, match="no command 'nowhere'"):
        hosted(tmp_path, verdict="{command: [nowhere]}").judge([(TASK, Attempt(()))])


def test_a_process_that_the_code_forks_answers_nothing(tmp_path):
    forking = "import os\n\ndef judge(task, attempt):\n    os.fork()\n    return attempt.answer == task.answer\n"
    host = hosted(tmp_path, judge=forking, verdict="judge.py:judge")
    pairs = [(Task(f"t{n}", "", answer=str(n % 2)), Attempt((), (), "1")) for n in range(6)]
    assert [word for word, _ in host.judge(pairs)] == ["wrong", "right"] * 3
    host.close()


def test_what_is_written_in_place_of_an_answer_costs_the_call(tmp_path):
    loud = """
import os

def judge(task, attempt):
    for file in range(3, 10):
        try:
            os.write(file, bytes([255, 254, 10]))
        except OSError:
            pass
    return True
"""
    host = hosted(tmp_path, judge=loud, verdict="judge.py:judge")
    assert host.judge([(Task("t", ""), Attempt(()))]) == [("crashed", "the process died twice")]
    host.close()


def test_a_task_that_cannot_be_set_up_again_is_unscorable(tmp_path):
    once = """
seen = set()

class World:
    value = 0

    def reset(self, task):
        if task.id in seen:
            raise ValueError("once is enough")
        seen.add(task.id)

    def step(self, action):
        return action, False

    def copy(self):
        return World()

    def close(self):
        pass
"""
    host = hosted(tmp_path, world=once, verdict="judge.py:judge_world", environment="world.py:World")
    for n in range(1 + KEPT):  # the first world is given up
        host.replay(Task(f"t{n}", ""), ())
    assert host.judge([(Task("t0", ""), Attempt(()))]) == [("unscorable", "ValueError: once is enough")]
    host.close()


@pytest.mark.parametrize(
    ("step", "copied", "said"),
    [
        ("self.value += 1", "other.value = self.value", None),
        ("self.value = random.random()", "other.value = self.value", "a world set up anew"),
        ("self.seen.append(action); self.value = len(self.seen)", "other.seen = self.seen", "must share no state"),
        ("self.seen.append(action); self.value = len(self.seen)", "other.seen = [*self.seen]", None),
    ],
)
def test_worlds_that_answer_by_chance_or_share_state(tmp_path, step, copied, said):
    world = f"""
import random

class World:
    def reset(self, task):
        self.value, self.seen = 0, []

    def step(self, action):
        {step}
        return str(self.value), False

    def copy(self):
        other = World()
        other.value, other.seen = self.value, []
        {copied}
        return other

    def close(self):
        pass
"""
    host = hosted(tmp_path, world=world, environment="world.py:World")
    actions = ["a", "b", "c"]
    found = host.unlike(TASK, actions, host.replay(TASK, actions))
    assert found is None if said is None else (found.startswith("step 1: ") and said in found)
    host.close()


def test_a_copy_that_is_no_world(tmp_path):
    world = WORLD.replace("return other", "return None")
    host = hosted(tmp_path, world=world, environment="world.py:World")
    with pytest.raises(DomainError, match=r"copy\(\) returned NoneType; expected another world"):
        host.replay(TASK, ["+1"])
    host.close()


@given(actions=st.lists(st.sampled_from(["+1", "+2", "raise", "end", "-"]), max_size=6), order=st.randoms())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_observations_and_verdicts_do_not_depend_on_what_else_is_asked(host, actions, order):
    def alone(episode):
        value, seen = 2, []
        for action in episode:
            value += int(action[1:]) if action.startswith("+") else 0
            texts = {"raise": "The environment failed: RuntimeError: no such lever", "end": "ended"}
            seen.append(texts.get(action, str(value)))
            if action == "end":
                break
        return seen, "right" if value == 7 else "wrong"

    episodes = [actions[:n] for n in range(len(actions) + 1)]
    order.shuffle(episodes)
    assert [[one.observation for one in host.replay(TASK, episode)] for episode in episodes] == [
        alone(episode)[0] for episode in episodes
    ]
    judged = host.judge([(TASK, Attempt(tuple(episode))) for episode in episodes])
    assert [word for word, _ in judged] == [alone(episode)[1] for episode in episodes]


def test_a_long_and_deep_setup(tmp_path):
    deep = 7
    for _ in range(100):
        deep = [deep]
    host = hosted(tmp_path, verdict="judge.py:judge")
    task = Task("t", "", "7", setup={"deep": deep, "long": "x" * 3_000_000})
    assert host.judge([(task, Attempt((), (), "7"))]) == [("right", "")]
    host.close()


def test_what_the_code_says_is_a_text_that_can_be_written(tmp_path):
    world = WORLD.replace("return str(self.value), False", 'return "a\\ud800b", False')
    judge = 'def judge(task, attempt):\n    return False, "no\\ud800\\nwhy"\n'
    host = hosted(tmp_path, judge=judge, world=world, verdict="judge.py:judge", environment="world.py:World")
    assert host.replay(TASK, ["+1"])[0].observation == "a\ufffdb"
    assert host.judge([(TASK, Attempt(("+1",)))]) == [("wrong", "no\ufffd why")]
    host.close()
