"""Which prompts rest, against a walk through each prompt's own history and by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import RecipeError
from treadle.training.prompt_rest import PromptRest, Rest, key_of
from treadle.training.sampling import Drop

REASONS = [None, Drop.ALL_RIGHT, Drop.ALL_WRONG, Drop.LOW_SPREAD]
# Prompts in the order in which they come up, each with what a visit would give.
HISTORIES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(REASONS)), max_size=60)


def run(schedule, history):
    """Which of the times are taken; the outcome of each is recorded at once."""
    taken = []
    for key, reason in history:
        taken.append(schedule.takes(key))
        if taken[-1]:
            schedule.record(key, reason)
    return taken


def own_history(history, taken, key):
    return [(reason, took) for (name, reason), took in zip(history, taken, strict=True) if name == key]


@given(HISTORIES, st.integers(1, 4), st.integers(1, 4))
def test_a_prompt_is_taken_unless_it_rests_and_its_turn_has_not_come(history, silent_visits, every):
    schedule = PromptRest(silent_visits, every)
    taken = run(schedule, history)
    resting = dict.fromkeys(Rest, 0)
    for key in "abc":
        own = own_history(history, taken, key)
        for i, (_, took) in enumerate(own):
            visits = [reason for reason, before in own[:i] if before]
            rests = len(visits) >= silent_visits and None not in visits[-silent_visits:]
            last_taken = max((j for j in range(i) if own[j][1]), default=-1)
            assert took == (not rests or i - last_taken == every)
        visits = [reason for reason, before in own if before]
        silent_run = visits[len(visits) - (visits[::-1].index(None) if None in visits else len(visits)) :]
        if len(silent_run) >= silent_visits:
            resting[Rest.SOLVED if set(silent_run) == {Drop.ALL_RIGHT} else Rest.SILENT] += 1
    assert schedule.resting == resting
    assert sum(schedule.passed_over.values()) == taken.count(False)


@given(HISTORIES, HISTORIES, st.integers(1, 3), st.integers(1, 4))
def test_a_restored_schedule_goes_on_as_if_it_had_not_stopped(before, after, silent_visits, every):
    straight = PromptRest(silent_visits, every)
    taken = run(straight, before + after)
    stopped = PromptRest(silent_visits, every)
    run(stopped, before)
    resumed = PromptRest(silent_visits, every)
    resumed.load_state(json.loads(json.dumps(stopped.state())))
    assert run(resumed, after) == taken[len(before) :]
    assert resumed.state() == straight.state()
    assert (resumed.resting, resumed.passed_over) == (straight.resting, straight.passed_over)


def test_by_hand():
    schedule = PromptRest(silent_visits=2, every=3)
    wrong = [("a", Drop.ALL_WRONG)] * 8
    assert run(schedule, wrong) == [True, True, False, False, True, False, False, True]
    assert schedule.resting == {Rest.SOLVED: 0, Rest.SILENT: 1}
    assert run(schedule, [("a", None)] * 4) == [False, False, True, True]
    assert schedule.resting == {Rest.SOLVED: 0, Rest.SILENT: 0}
    assert run(schedule, [("b", Drop.ALL_RIGHT)] * 3) == [True, True, False]
    assert run(schedule, [("c", Drop.ALL_RIGHT), ("c", Drop.UNSCORABLE), ("c", None)]) == [True, True, False]
    assert schedule.resting == {Rest.SOLVED: 1, Rest.SILENT: 1}
    assert schedule.passed_over == {Rest.SILENT: 7, Rest.SOLVED: 1}


def test_prompts_with_a_signal_leave_nothing_behind():
    schedule = PromptRest(2)
    run(schedule, [(f"prompt {i}", None) for i in range(100)] + [("silent", Drop.LOW_SPREAD), ("silent", None)])
    assert schedule.state()["records"] == {}


@pytest.mark.parametrize(("visits", "every", "name"), [(0, 4, "silent_visits=0"), (3, 0, "every=0")])
def test_numbers_below_one_are_refused(visits, every, name):
    with pytest.raises(RecipeError, match=f"{name}: expected at least 1"):
        PromptRest(visits, every)


def test_the_key_is_that_of_prompt_and_reference_alone():
    messages = [{"role": "user", "content": "Solve it: ä"}]
    row = {"prompt": messages, "expert_action": "a", "answer": None, "trajectory_id": "t1", "step": 1}
    assert key_of(row) == key_of({"answer": None, "expert_action": "a", "prompt": [dict(messages[0])]})
    assert key_of({"prompt": "text"}) == key_of({"prompt": "text", "answer": None, "number": 3})
    different = [
        row,
        {**row, "expert_action": "b"},
        {**row, "expert_action": None, "answer": "a"},
        {**row, "prompt": "Solve it: ä"},
        {"prompt": "text"},
        {"prompt": "text", "answer": 7},
    ]
    keys = {key_of(each) for each in different}
    assert len(keys) == len(different)
    assert all(len(key) == 16 for key in keys)
    # Stable between processes and versions of Python: the first 16 digits of `sha256sum` of '["text", null, null]'.
    assert key_of({"prompt": "text"}) == "ca153ebfba26f473"
