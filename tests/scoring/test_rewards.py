"""Rewards against difflib itself, hand-worked examples and stock TRL's calling convention."""

from __future__ import annotations

import difflib
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import (
    final_answer_reward,
    margin_reward,
    scaled_reward,
    solution_reward,
    srl_reward,
    step_similarity,
    weighted_reward,
)
from treadle.errors import DataError
from treadle.recipe.mixed_rewards import step_or_answer_reward
from treadle.scoring.rewards import completion_text
from treadle.scoring.thoughts import PLAIN, ThoughtTags


@given(st.text("ab \n", max_size=400), st.text("ab \n", max_size=400), st.booleans())
def test_similarity_is_difflibs_to_the_bit(action, expert, autojunk):
    assert step_similarity(action, expert, autojunk) == difflib.SequenceMatcher(None, action, expert, autojunk).ratio()


def test_similarity_is_difflibs_on_real_steps(data):
    solutions = [json.loads(line)["solution"] for line in (data / "math" / "s1k.jsonl").open()][:40]
    for first, second in pairwise(solutions):
        first, second = first[:700], second[:700]
        expected = difflib.SequenceMatcher(None, first, second, False).ratio()
        assert step_similarity(first, second) == expected


def test_similarity_by_hand():
    # "abcd" and "bcde" share the block "bcd": 2 * 3 / 8.
    assert step_similarity("abcd", "bcde") == 0.75
    assert step_similarity("", "a") == 0.0
    assert step_similarity("", "") == 1.0


def test_argument_order_is_the_actions_first():
    assert step_similarity("tide", "diet") == difflib.SequenceMatcher(None, "tide", "diet", False).ratio() == 0.25
    assert step_similarity("diet", "tide") == 0.5


@pytest.mark.parametrize(("order", "swap"), [("model_first", False), ("expert_first", True)])
def test_argument_order_is_a_setting(order, swap):
    action, expert = "tide", "diet"  # difflib's own example of a ratio that is not symmetric
    pair = (expert, action) if swap else (action, expert)
    expected = difflib.SequenceMatcher(None, *pair, False).ratio()
    output = [f"<think>x</think>{action}"]
    assert srl_reward(output, [expert], argument_order=order) == [expected]
    assert solution_reward(output, [expert], argument_order=order) == [expected]
    with pytest.raises(ValueError, match="expected 'model_first' or 'expert_first'"):
        srl_reward(output, [expert], argument_order="any")


def test_references_may_be_numbers_but_not_missing():
    assert final_answer_reward([r"\boxed{7}", r"\boxed{8}"], [7, 7]) == [1.0, 0.0]
    with pytest.raises(DataError, match="a row has no reference answer"):
        final_answer_reward([r"\boxed{7}"], [None])


def test_autojunk_underrates_long_steps():
    expert = "x = 1; " * 60
    assert step_similarity("y" + expert, expert) > 0.99
    assert step_similarity("y" + expert, expert, autojunk=True) < 0.01


def test_srl_reward_scores_actions_and_punishes_faults():
    metrics = {}
    rewards = srl_reward(
        ["<think>t</think>abcd", "abcd", "<think>t</think>bcde", "<think>t</think>bcde"],
        ["bcde"] * 4,
        truncated=[False, False, False, True],
        log_metric=metrics.__setitem__,
        prompts=None,
    )
    assert rewards == [0.75, -1.0, 1.0, -1.0]
    assert metrics["format/no_think_block"] == metrics["format/truncated"] == 0.25
    assert metrics["format/empty_action"] == 0
    assert metrics["similarity"] == 0.875


def test_srl_reward_takes_messages_and_ignores_the_thought():
    completions = [[{"role": "assistant", "content": f"<think>{t}</think>abcd"}] for t in ("x", "bcde" * 50)]
    assert srl_reward(completions, expert_action=["bcde"] * 2) == [0.75, 0.75]


def test_srl_reward_settings():
    assert srl_reward(["no tags"], expert_action=["no tags"], think_tags="optional") == [1.0]
    expert = "x = 1; " * 60
    assert srl_reward([f"<think>t</think>y{expert}"], expert_action=[expert], autojunk=True)[0] < 0.01


def test_completion_text_joins_messages():
    assert completion_text([{"content": "a"}, {"content": None}, {"content": "b"}]) == "ab"


def test_final_answer_reward_by_hand():
    metrics = {}
    rewards = final_answer_reward(
        [r"so \boxed{1} or \boxed{\frac12}", r"\boxed{3}", "3", r"\boxed{007}"],
        answer=["0.5", "4", "3", "7"],
        log_metric=metrics.__setitem__,
    )
    assert rewards == [1.0, 0.0, 0.0, 1.0]
    assert metrics["answer/right"] == 0.5
    assert metrics["answer/no_answer"] == 0.25


def test_solution_reward_leaves_thoughts_out():
    expert = "one\ntwo"
    assert solution_reward(["<think>a</think>one\n<think>b</think>two"], [expert]) == [1.0]
    assert (
        solution_reward(["one\ntwo", "<think>a</think>", "<think>a</think>one"], [expert] * 3, [0, 0, 1]) == [-1.0] * 3
    )


def test_mixed_rows_get_their_own_reward():
    rewards = step_or_answer_reward(
        ["<think>t</think>abcd", r"<think>t</think>\boxed{5}", "bad"],
        expert_action=["bcde", None, "bcde"],
        answer=["9", "5", "9"],
        truncated=[False] * 3,
    )
    assert rewards == [0.75, 1.0, -1.0]


@pytest.mark.parametrize("reward", [srl_reward, final_answer_reward, solution_reward])
def test_an_empty_batch_is_an_empty_list(reward):
    column = "answer" if reward is final_answer_reward else "expert_action"
    assert reward([], **{column: []}) == []


# Where thoughts begin and end

OPENED, CLOSED = ThoughtTags(block="opened"), ThoughtTags(block="closed")
THINKING = ThoughtTags("<thinking>", "</thinking>")
STEP_REWARDS = [srl_reward, margin_reward, scaled_reward, weighted_reward]


@pytest.mark.parametrize("reward", STEP_REWARDS)
def test_rewards_of_steps_take_the_tags_of_all_rows_or_of_each(reward):
    texts = ["<think>a</think>act", "a</think>act", "act", "<thinking>a</thinking>act"]
    each = [PLAIN, OPENED, CLOSED, THINKING]
    assert reward(texts, ["act"] * 4, thought_tags=each) == [1.0] * 4
    assert reward(texts, ["act"] * 4) == [1.0, -1.0, -1.0, -1.0]
    assert reward(texts, ["act"] * 4, thought_tags=OPENED) == [-1.0, 1.0, -1.0, -1.0]
    assert reward(texts, ["act"] * 4, thought_tags=CLOSED)[2] == 1.0


def test_solution_reward_takes_them_too():
    texts = ["<think>a</think>x\n<think>b</think>y", "a</think>x\n<think>b</think>y", "x\ny", "x\ny"]
    assert solution_reward(texts, ["x\ny"] * 4, thought_tags=[PLAIN, OPENED, CLOSED, PLAIN]) == [1.0, 1.0, 1.0, -1.0]
    # Without an end all of it is thought.
    assert solution_reward(["x\ny"], ["x\ny"], thought_tags=OPENED) == [-1.0]


def test_steps_of_a_mixed_batch_keep_their_own_tags():
    found = step_or_answer_reward(
        ["a</think>act", r"\boxed{7}", "<think>a</think>act"],
        ["act", None, "act"],
        [None, "7", None],
        thought_tags=[OPENED, PLAIN, PLAIN],
    )
    assert found == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_that_was_parsed_away_belongs_to_the_completion(key):
    message = {"role": "assistant", key: "a", "content": "act"}
    assert completion_text([message]) == "<think>a</think>act"
    assert completion_text([message], OPENED) == "a</think>act"
    assert completion_text([message], THINKING) == "<thinking>a</thinking>act"
    assert srl_reward([[message]], ["act"]) == srl_reward([[message]], ["act"], thought_tags=OPENED) == [1.0]
    assert completion_text([{**message, "content": ""}]) == "<think>a"  # whether it was closed is not known
    assert completion_text([{**message, key: ""}]) == "<think></think>act"
    assert completion_text([{**message, key: None}]) == "act"
    assert completion_text([{**message, "written": "<think>x</think>y"}]) == "<think>x</think>y"


def test_calls_that_were_parsed_away_belong_to_the_completion():
    call = {"type": "function", "function": {"name": "run", "arguments": {"cmd": "ls"}}}
    text = "<function=run>\n<parameter=cmd>ls</parameter>\n</function>"
    message = {"role": "assistant", "reasoning_content": "a", "content": "", "tool_calls": [call]}
    assert completion_text([message]) == f"<think>a</think>{text}"
    assert completion_text([{**message, "content": "see:"}]) == f"<think>a</think>see:\n{text}"
    assert srl_reward([[message]], [text]) == [1.0]
    turns = [message, {"role": "tool", "content": "b.py"}, {"role": "assistant", "content": "done"}]
    assert completion_text(turns) == f"<think>a</think>{text}b.pydone"
