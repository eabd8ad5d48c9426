"""Which prompts are sampled: the data loader's, those that were passed down, then a stream; none that rest."""

from __future__ import annotations

import copy
import json

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from trl.trainer.utils import RepeatSampler

from tests.training.prefixes.test_part import STEPS as TEXTS
from tests.training.prefixes.test_part import Scripted, prefixes, sampled
from tests.training.test_groups import group
from treadle.training.prefixes.on_failure import OnFailure
from treadle.training.prompt_order import PromptStream
from treadle.training.prompt_rest import PromptRest, key_of
from treadle.training.prompts import Prompts
from treadle.training.sampling import Drop

SEED = 5


def rows_of(count):
    return [{"prompt": f"p{i}"} for i in range(count)]


def visited(prompts, rows, silent):
    """Tell the outcome of a visit of each row: those whose prompt is in `silent` have no signal."""
    reasons = [Drop.ALL_WRONG if row["prompt"] in silent else None for row in rows]
    prompts.visited([group(0.0, 0.0, name=row["prompt"]) for row in rows], reasons)


def names(rows):
    return [row["prompt"] for row in rows]


def test_further_prompts_come_from_a_stream_with_a_seed_of_its_own():
    rows = rows_of(5)
    drawn = names(Prompts(rows, SEED, by_trajectory=False).further(12))
    assert drawn == [f"p{number}" for number in PromptStream(5, SEED + 1).draw(12)]
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == names(rows)  # whole passes


def test_what_is_not_taken_is_passed_down_and_comes_before_the_stream():
    prompts = Prompts(rows_of(4), SEED, by_trajectory=False)
    proposed = [{"prompt": name} for name in "abcd"]
    assert names(prompts.take(proposed, 2)) == ["a", "b"]
    assert names(prompts.further(1)) == ["c"]
    assert names(prompts.take([{"prompt": "e"}, {"prompt": "f"}], 0)) == []
    first, second = PromptStream(4, SEED + 1).draw(2)
    assert names(prompts.further(5)) == ["d", "e", "f", f"p{first}", f"p{second}"]


def test_others_come_in_place_of_those_that_rest():
    """Two silent visits, then three times passed over and the fourth time taken."""
    prompts = Prompts(rows_of(3), SEED, by_trajectory=False, rest_after=2)
    proposed = [{"prompt": name} for name in ("dull", "b", "c")]
    for _ in range(2):
        visited(prompts, prompts.take(proposed[:1], 1), {"dull"})
    assert prompts.resting()["resting/silent"] == 1
    # The one that was passed down fills the gap, not the stream.
    assert names(prompts.take(proposed, 2)) == ["b", "c"]
    assert names(prompts.take(proposed, 3))[:2] == ["b", "c"]
    assert names(prompts.take(proposed[:1], 1)) != ["dull"]
    assert names(prompts.take(proposed[:1], 1)) == ["dull"]
    assert prompts.resting() == {
        "resting/solved": 0,
        "resting/silent": 1,
        "passed_over/solved": 0,
        "passed_over/silent": 3,
    }


def test_without_rest_nothing_is_counted_and_all_are_taken():
    prompts = Prompts(rows_of(3), SEED, by_trajectory=False)
    for _ in range(9):
        visited(prompts, prompts.take(rows_of(1), 1), {"p0"})
    assert prompts.resting() == {}
    assert names(prompts.take(rows_of(1), 1)) == ["p0"]
    assert prompts.state()["rest"] is None


# A step: how many prompts the data loader proposes, how many of these are taken, how many further ones are drawn.
STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=12)
SILENT = st.sets(st.sampled_from(names(rows_of(6))))
REST_AFTER = st.none() | st.integers(1, 3)


def walk(prompts, steps, silent, start=0):
    """Names of what each step samples; proposed are prompts 0, 1, 2 ... in turns."""
    taken, rows = [], rows_of(6)
    for proposed, count, more in steps:
        offered = [rows[(start + i) % 6] for i in range(proposed)]
        start += proposed
        found = prompts.take(offered, count) + prompts.further(more)
        visited(prompts, found, silent)
        taken.append(names(found))
    return taken, start


@given(STEPS, SILENT, REST_AFTER)
def test_as_many_are_sampled_as_were_asked_for(steps, silent, rest_after):
    taken, _ = walk(Prompts(rows_of(6), SEED, False, rest_after), steps, silent)
    assert [len(sampled) for sampled in taken] == [count + more for _, count, more in steps]


@given(STEPS, SILENT, st.integers(1, 3))
def test_a_resting_prompt_is_sampled_once_in_four_times_that_it_comes_up(steps, silent, rest_after):
    """Against a schedule that is asked for every prompt that comes up, in the order in which they do."""
    prompts, schedule = Prompts(rows_of(6), SEED, False, rest_after), PromptRest(rest_after)
    stream, waiting, start, rows = PromptStream(6, SEED + 1), [], 0, rows_of(6)

    def next_ones(count):
        found = []
        while len(found) < count:
            row = waiting.pop(0) if waiting else rows[next(stream.draw(1))]
            found += [row] if schedule.takes(key_of(row)) else []
        return found

    for proposed, count, more in steps:
        offered = [rows[(start + i) % 6] for i in range(proposed)]
        start += proposed
        expected = [row for row in offered[:count] if schedule.takes(key_of(row))]
        waiting += offered[count:]
        expected += next_ones(count - len(expected))
        expected += next_ones(more)
        found = prompts.take(offered, count) + prompts.further(more)
        assert names(found) == names(expected)
        visited(prompts, found, silent)
        for row in found:
            schedule.record(key_of(row), Drop.ALL_WRONG if row["prompt"] in silent else None)
    assert sum(v for k, v in prompts.resting().items() if "passed" in k) == sum(schedule.passed_over.values())


@given(STEPS, STEPS, SILENT, REST_AFTER)
def test_a_restored_state_has_the_same_future(before, after, silent, rest_after):
    straight = Prompts(rows_of(6), SEED, False, rest_after)
    past, start = walk(straight, before, silent)
    state = json.loads(json.dumps(straight.state()))
    kept = copy.deepcopy(state)
    resumed = Prompts(rows_of(6), SEED, False, rest_after)
    resumed.load_state(state)
    assert walk(resumed, after, silent, start) == walk(straight, after, silent, start)
    assert resumed.state() == straight.state()
    assert state == kept  # what was loaded is not written to
    assert len(past) == len(before)


@pytest.mark.parametrize(("saved", "loaded"), [(2, None), (None, 2)])
def test_a_run_may_go_on_with_or_without_rest(saved, loaded):
    prompts = Prompts(rows_of(2), SEED, False, saved)
    for _ in range(2):
        visited(prompts, rows_of(1), {"p0"})
    resumed = Prompts(rows_of(2), SEED, False, loaded)
    resumed.load_state(prompts.state())
    assert names(resumed.take(rows_of(1), 1)) == ["p0"]


TRAJECTORIES = Dataset.from_list([{"prompt": f"p{i}", "trajectory_id": "abc"[i // 2], "step": i % 2} for i in range(6)])


@pytest.mark.parametrize("by_trajectory", [True, False])
def test_the_order_is_of_trajectories_or_trls_own(by_trajectory):
    prompts = Prompts(TRAJECTORIES, SEED, by_trajectory)
    repeats = {"mini_repeat_count": 2, "batch_size": 3, "repeat_count": 1}
    order = list(prompts.sampler(TRAJECTORIES, **repeats))
    drawn = [int(row["prompt"][1:]) for row in prompts.further(6)]
    if by_trajectory:
        assert all(second == first + 1 for first, second in zip(order[::4], order[2::4], strict=True))
        assert all(second == first + 1 for first, second in zip(drawn[::2], drawn[1::2], strict=True))
    else:
        assert order == list(RepeatSampler(TRAJECTORIES, **repeats, seed=SEED))
    # Other rows, such as those of a validation, have an order of their own.
    others = Dataset.from_list(rows_of(6))
    assert list(prompts.sampler(others, **repeats)) == list(RepeatSampler(others, **repeats, seed=SEED))


def test_a_stream_of_rows_proposes_and_serves_nothing_further():
    rows = iter(rows_of(3))
    prompts = Prompts(rows, SEED, by_trajectory=True)
    proposed = [next(rows), next(rows)]
    assert prompts.take(proposed, 2) == proposed
    state = prompts.state()
    assert state == {"drawn": 0, "passed_down": [], "rest": None}
    prompts.load_state(state)


def solved(name):
    return {"prompt": [{"role": "user", "content": name}], "trajectory_id": name, "answer": "4", "prefix_texts": TEXTS}


def given_lengths(rows):
    return [(row["trajectory_id"], row["prefix_length"]) for row in rows]


def failed(prompts, rows):
    prompts.visited([sampled(row, 0.0, 0.0) for row in rows], [Drop.ALL_WRONG] * len(rows))


def test_what_is_sampled_again_comes_first_with_another_prefix():
    """In the next round, and where a generation has no other, before the proposed prompts of the next one."""
    prompts = Prompts([solved("s")], SEED, False, prefixes=prefixes(Scripted((0, 2, 3), again_after=(1, 2))))
    first = prompts.take([solved("a"), solved("b"), solved("c")], 2)
    assert given_lengths(first) == [("a", 0), ("b", 0)]
    failed(prompts, first)
    second = prompts.further(1)
    assert given_lengths(second) == [("a", 2)]
    failed(prompts, second)
    state = json.loads(json.dumps(prompts.state()))
    assert [row["trajectory_id"] for row in state["again"]] == ["b", "a"]
    assert "prefix_length" not in state["again"][0], "how much is given is decided when it comes"
    third = prompts.take([solved("d"), solved("e")], 3)
    assert given_lengths(third) == [("b", 2), ("a", 3), ("d", 0)]
    failed(prompts, third)
    assert given_lengths(prompts.further(4)) == [("b", 3), ("d", 2), ("c", 0), ("e", 0)]
    resumed = Prompts([solved("s")], SEED, False, prefixes=prefixes(Scripted((0, 2, 3), again_after=(1, 2))))
    resumed.load_state(state)
    assert given_lengths(resumed.take([solved("d"), solved("e")], 3)) == given_lengths(third)


def test_a_prompt_rests_by_its_bare_task_and_by_visits():
    """Two attempts a visit: after two silent visits it rests, whatever it was given, but never within a visit."""
    policy = Scripted((0, 1) * 9, again_after=range(1, 99, 2))
    prompts = Prompts([solved("s")], SEED, False, 2, prefixes(policy))
    for _ in range(2):
        for attempt in (0, 1):
            rows = prompts.take([solved("dull")] * (1 - attempt), 1)
            assert given_lengths(rows) == [("dull", attempt)]
            failed(prompts, rows)
    assert prompts.resting()["resting/silent"] == 1
    assert given_lengths(prompts.take([solved("dull")], 1)) == [("s", 0)]
    # A group with a signal ends the rest, also where the policy goes on.
    for _ in range(2):
        prompts.take([solved("dull")], 1)
    row = prompts.take([solved("dull")], 1)
    assert given_lengths(row) == [("dull", 0)]
    prompts.visited([sampled(row[0], 0.0, 1.0)], [None])
    assert prompts.resting()["resting/silent"] == 0


@pytest.mark.parametrize(("rounds", "waiting"), [(1, [0, 3, 6, 9, 9]), (3, [0, 0, 0, 3, 3]), (4, [0] * 5)])
def test_prompts_wait_where_rounds_are_too_few_to_sample_others_again(rounds, waiting):
    """Nothing is ever right: each visit to a solution of 8 steps has 4 groups, which 4 rounds of 3 prompts hold."""
    texts = [f"step {number}" for number in range(8)]
    rows = [
        {"prompt": [{"role": "user", "content": f"{n}"}], "trajectory_id": f"t{n}", "prefix_texts": texts}
        for n in range(40)
    ]
    prompts = Prompts(rows, 0, False, prefixes=prefixes(OnFailure()))
    found = []
    for generation in range(5):
        asked = prompts.take(rows[3 * generation :][:3], 3)
        for number in range(rounds):
            asked = prompts.further(3) if number else asked
            prompts.visited([sampled(one, 0.0, 0.0) for one in asked], [Drop.ALL_WRONG] * 3)
        found.append(prompts.measures()["prefix/passed_down"])
    assert found == waiting
