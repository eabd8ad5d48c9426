"""From prompts to groups, dealt out and made TRL's batch, in one process and in several simulated ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.simulated import alone, in_processes
from treadle.training.batches import Deal, GroupMaker
from treadle.training.groups import Group

SIZE = 2
PAD = 9


def generated(tools=False, tells=True):
    """A rollout that makes completions of the prompt's length and the place among its siblings."""

    def generate(prompts):
        completion_ids = [[len(p)] * (1 + row % SIZE) for row, p in enumerate(prompts)]
        return (
            [list(range(len(p))) for p in prompts],
            completion_ids,
            [[1] * len(ids) for ids in completion_ids] if tools else None,
            [f"{p} {row % SIZE}" for row, p in enumerate(prompts)],
            [[-0.5] * len(ids) for ids in completion_ids] if tells else None,
            {"engine": "mine", "turns": [row % SIZE for row in range(len(prompts))], "short": []},
            None,
            [],
        )

    return generate


def logps_by_length(ids_BL, mask_BL, kept):
    """Of each token of a completion: minus the length of the row's prompt, less a tenth."""
    assert ids_BL.shape == mask_BL.shape
    prompt_B = mask_BL[:, : mask_BL.shape[1] - kept].sum(1)
    logps_BC = -prompt_B[:, None].float().expand(-1, kept) - 0.1
    return logps_BC.masked_fill(mask_BL[:, -kept:] == 0, -99.0), None


def maker(processes, extras=None, seen=None, **changes):
    """Groups whose rewards are the prompt's length and the place among the siblings, by two functions."""

    def rewards(inputs, prompts, completions, completion_ids):
        if seen is not None:
            seen.append((inputs, prompts, completions, completion_ids))
        own = [[float(len(prompt)), float(text[-1])] for prompt, text in zip(prompts, completions, strict=True)]
        if extras is not None:
            extras["length"] = [len(prompt) for prompt in prompts]
        return processes.gather(torch.tensor(own))

    extras = {} if extras is None else extras
    return GroupMaker(SIZE, generated(**changes), rewards, logps_by_length, extras, PAD, processes)


def rows_of(count):
    return [{"prompt": "x" * (3 + i), "number": i} for i in range(count)]


def test_a_group_holds_what_the_rollout_and_the_rewards_gave():
    extras, seen = {}, []
    rows = rows_of(2)
    first, second = maker(alone(), extras, seen, tools=True).sample(rows, generation=7)
    assert second == Group(
        row={"prompt": "xxxx", "number": 1, "engine": "mine", "turns": 0},
        prompt_ids=[[0, 1, 2, 3]] * 2,
        completion_ids=[[4], [4, 4]],
        completions=["xxxx 0", "xxxx 1"],
        rewards=[[4.0, 0.0], [4.0, 1.0]],
        generation=7,
        rollout_logps=[[-0.5], [-0.5, -0.5]],
        tool_mask=[[1], [1, 1]],
        extras={"length": [4, 4]},
    )
    assert first.row["number"] == 0
    assert extras == {}  # TRL's table gets those of the batch alone
    assert rows == rows_of(2)  # the data set's rows are not written to
    ((inputs, prompts, _, _),) = seen
    assert prompts == ["xxx", "xxx", "xxxx", "xxxx"]
    assert [row["turns"] for row in inputs] == [0, 1, 0, 1]
    plain = maker(alone(), tells=False).sample(rows, 0)[0]
    assert plain.tool_mask is plain.rollout_logps is plain.old_logps is None


@given(st.integers(1, 7), st.integers(1, 4))
def test_processes_sample_the_groups_that_one_would(prompts, count):
    expected = maker(alone()).sample(rows_of(prompts), 3)
    found = in_processes(count, lambda processes: maker(processes).sample(rows_of(prompts), 3))
    assert found == [expected] * count


@given(st.integers(1, 7), st.integers(1, 4))
def test_log_probs_of_groups_are_of_their_own_tokens(prompts, count):
    def work(processes):
        made = maker(processes)
        return made.logps(made.sample(rows_of(prompts), 0))

    for logps in in_processes(count, work):
        expected = [[[-(3 + i) - 0.1] * length for length in (1, 2)] for i in range(prompts)]
        assert logps == [[pytest.approx(row) for row in group] for group in expected]


def test_log_probs_are_asked_for_with_trls_padding():
    asked = []
    made = replace(maker(alone()), policy_logps=lambda *args: asked.append(args) or (torch.zeros(4, 2), None))
    made.logps(made.sample(rows_of(2), 0))
    ((ids, mask, kept),) = asked
    assert kept == 2
    assert ids.tolist() == [[PAD, 0, 1, 2, 3, PAD], [PAD, 0, 1, 2, 3, 3], [0, 1, 2, 3, 4, PAD], [0, 1, 2, 3, 4, 4]]
    assert mask.tolist() == [[0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]]


def group(number, waited=False, told=True, extras=True):
    """A group of two completions, of one token and of two."""
    return Group(
        row={"prompt": f"p{number}", "number": number},
        prompt_ids=[[number]] * SIZE,
        completion_ids=[[number], [number, number]],
        completions=[f"{number} a", f"{number} b"],
        rewards=[[0.0], [1.0]],
        generation=0,
        rollout_logps=[[-1.0], [-1.0, -2.0]] if told else None,
        extras={"note": [f"{number} a", f"{number} b"]} if extras else {},
        old_logps=[[-5.0 - number], [-6.0 - number, -7.0 - number]] if waited else None,
    )


def batch_of(groups):
    """What TRL makes of a deal's rollout, as far as `finish` looks at it."""
    rows = [ids for each in groups for ids in each.completion_ids]
    return {
        "prompt_ids": torch.tensor([ids for each in groups for ids in each.prompt_ids]),
        "completion_ids": torch.tensor([[*ids, 0][:2] for ids in rows]),
        "completion_mask": torch.tensor([[1] * len(ids) + [0] * (2 - len(ids)) for ids in rows]),
        "num_items_in_batch": torch.tensor(-1),
    }


def is_mute(each):
    return all(math.isnan(reward) for rewards in each.rewards for reward in rewards)


DEALS = st.integers(1, 4).flatmap(
    lambda processes: st.tuples(
        st.just(processes),
        st.integers(1, 5).map(lambda each: each * processes),  # groups of the batch
        st.integers(0, 20),  # groups that there are
        st.integers(0, 3),  # fillers
        st.integers(1, 6),  # micro-batches
    )
)


@given(DEALS)
def test_every_group_is_dealt_once_whatever_the_number_of_processes(deal):
    count, wanted, there, spare, least = deal
    groups = [group(i) for i in range(min(there, wanted))]
    fillers = [group(100 + i) for i in range(spare if groups else max(1, spare))]

    def work(processes):
        dealt = Deal(groups, wanted, fillers, least, processes)
        batch = dealt.finish(batch_of(dealt.own), None)
        return dealt, batch

    found = in_processes(count, work)
    deals, batches = [dealt for dealt, _ in found], [batch for _, batch in found]
    # In order and once each, but for those without rewards, which only fill up.
    assert [each for dealt in deals for each in dealt.own if not is_mute(each)] == groups
    everyone = [each.row["number"] for dealt in deals for each in dealt.own]
    assert all([each.row["number"] for each in dealt.everyone] == everyone for dealt in deals)
    assert len({len(dealt.own) for dealt in deals}) == 1
    assert {each.row["number"] for dealt in deals for each in dealt.own if is_mute(each)} <= {
        each.row["number"] for each in (fillers or groups)
    }
    # What is trained on: no row of a real group is lost, and each micro-batch has a row where there may be so many.
    needed = min(least, wanted // count * SIZE)
    for dealt, batch in found:
        real = sum(not is_mute(each) for each in dealt.own) * SIZE
        assert len(batch["completion_ids"]) == max(real, needed)
        assert batch["prompt_ids"].flatten().tolist()[:real] == [
            each.row["number"] for each in dealt.own if not is_mute(each) for _ in range(SIZE)
        ]
    tokens = sum(int(batch["completion_mask"].sum()) for batch in batches)
    assert [batch["num_items_in_batch"].item() for batch in batches] == [tokens] * count


def test_dealing_by_hand():
    """Three groups to two processes for four micro-batches of at least one row: the second gets a filler."""
    groups, fillers = [group(i) for i in range(3)], [group(7), group(8)]
    first, second = in_processes(2, lambda processes: Deal(groups, 4, fillers, 4, processes))
    assert [row["number"] for row in first.inputs] == [0, 0, 1, 1]
    assert [row["number"] for row in second.inputs] == [2, 2, 7, 7]
    rewards = [[0.0], [1.0], [0.0], [1.0], [0.0], [1.0], [math.nan], [math.nan]]
    for dealt in (first, second):
        assert torch.equal(dealt.rewards_BF().nan_to_num(-1), torch.tensor(rewards).nan_to_num(-1))
    prompt_ids, completion_ids, tool_mask, completions, logps, told, images, tool_images = second.rollout()
    assert prompt_ids == [[2], [2], [7], [7]]
    assert completion_ids == [[2], [2, 2], [7], [7, 7]]
    assert completions == ["2 a", "2 b", "7 a", "7 b"]
    assert logps == [[-1.0], [-1.0, -2.0]] * 2
    assert (tool_mask, told, images, tool_images) == (None, {}, None, [])
    assert second.extras() == {"note": ["2 a", "2 b", "7 a", "7 b"]}


def test_without_dropped_groups_those_to_train_on_fill_up_muted():
    groups = [group(0), group(1), group(2)]
    _, second = in_processes(2, lambda processes: Deal(groups, 4, [], 2, processes))
    assert [(each.row["number"], is_mute(each)) for each in second.own] == [(2, False), (0, True)]


def test_a_column_that_some_groups_lack_is_empty_there():
    dealt = Deal([group(0), group(1, extras=False)], 2, [], 1, alone())
    assert dealt.extras() == {"note": ["0 a", "0 b", None, None]}


def test_where_one_group_was_not_told_log_probs_trl_gets_none():
    assert Deal([group(0), group(1, told=False)], 2, [], 1, alone()).rollout()[4] is None


def test_the_rows_of_a_deal_may_be_written_to():
    dealt = Deal([group(0)], 1, [], 1, alone())
    dealt.inputs[0]["prompt"] = "changed"
    assert dealt.own[0].row["prompt"] == "p0"
    assert dealt.inputs[0]["prompt"] == "p0"


NOW = torch.full((4, 2), -0.25)  # log-probs by the policy as it is


@pytest.mark.parametrize("has_old", [True, False])
def test_groups_that_waited_get_the_log_probs_of_the_policy_that_sampled(has_old):
    dealt = Deal([group(3, waited=True), group(4)], 2, [], 1, alone())
    batch, asked = batch_of(dealt.own), []
    if has_old:
        batch["old_per_token_logps"] = NOW.clone()
    found = dealt.finish(batch, lambda whole: asked.append(whole) or NOW.clone())["old_per_token_logps"]
    # What is padding keeps what was there.
    assert found.tolist() == [[-8.0, -0.25], [-9.0, -10.0], [-0.25, -0.25], [-0.25, -0.25]]
    assert len(asked) == (0 if has_old else 1)


def test_without_waiting_groups_no_log_probs_are_added():
    dealt = Deal([group(3), group(4)], 2, [], 1, alone())
    assert "old_per_token_logps" not in dealt.finish(batch_of(dealt.own), pytest.fail)
    waiting = Deal([group(3, waited=True)], 1, [], 1, alone())
    assert "old_per_token_logps" not in waiting.finish(batch_of(waiting.own), None)


def test_all_processes_have_old_log_probs_where_a_group_of_any_has_waited():
    groups = [group(3, waited=True), group(4)]

    def work(processes):
        dealt = Deal(groups, 2, [], 1, processes)
        return dealt.finish(batch_of(dealt.own), lambda batch: NOW[: len(batch["prompt_ids"])].clone())

    first, second = in_processes(2, work)
    assert first["old_per_token_logps"].tolist() == [[-8.0, -0.25], [-9.0, -10.0]]
    assert second["old_per_token_logps"].tolist() == [[-0.25, -0.25]] * 2


def test_tokens_that_the_model_did_not_write_are_no_items():
    dealt = Deal([group(3)], 1, [], 1, alone())
    batch = {**batch_of(dealt.own), "tool_mask": torch.tensor([[1, 1], [0, 1]])}
    assert dealt.finish(batch, None)["num_items_in_batch"].item() == 2


@given(DEALS)
def test_tokens_of_prefixes_count_once_whatever_the_number_of_processes(deal):
    count, wanted, there, spare, least = deal
    groups = [group(i) for i in range(min(there, wanted))]
    fillers = [group(100 + i) for i in range(spare if groups else max(1, spare))]

    def tokens(some):
        return [each.row["number"] + 1 for each in some for _ in each.completion_ids]

    def work(processes):
        dealt = Deal(groups, wanted, fillers, least, processes)
        batch = batch_of(dealt.own)
        batch["completion_mask"][::SIZE] = 0  # the first of each two completions
        return dealt.finish(batch, None, tokens)

    found = in_processes(count, work)
    expected = [n for i in range(len(groups)) for n in (0, i + 1)]
    counted = [n for batch in found for n in batch["prefix_tokens"].tolist()]
    assert [n for n in counted if n] == [n for n in expected if n]
    assert all(len(batch["prefix_tokens"]) == len(batch["completion_ids"]) for batch in found)
    assert {batch["prefix_tokens_in_batch"].item() for batch in found} == {sum(expected)}
