"""What becomes of a round's rewards: taken from those that failed, counted, held and logged."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import replace
from functools import partial

import pytest
import torch

from tests.training.simulated import alone, in_processes
from treadle import domain_reward, final_answer_reward, srl_reward
from treadle.errors import RewardError, TrainingFault
from treadle.scoring.thoughts import PLAIN, ThoughtTags
from treadle.training.guards.async_rewards import guarded
from treadle.training.guards.collapse import Collapse, CollapseSettings
from treadle.training.guards.format import FormatFaults
from treadle.training.guards.unscorable import Unscorable
from treadle.training.rewards import Rewards, earns_at_most_one
from treadle.training.rollout_log import RolloutLog
from treadle.training.validation import HeldOutRewards

ENDS = {0, 1}
THOUGHTS = ["<think>ab</think>x", "<think>abcd</think>x"]


def made(tokenizer, processes, folder=None, functions=(), weights=(1.0, 0.5), limit=None):
    return Rewards(
        torch.tensor(weights),
        ENDS,
        tokenizer,
        Unscorable(functions, 0.5, processes),
        FormatFaults(limit),
        Collapse(CollapseSettings(None), processes, defaultdict(list)),
        HeldOutRewards(),
        RolloutLog(folder / "rollouts.jsonl", 2, processes) if folder else None,
        processes,
    )


def rows(*numbers):
    return [{"prompt": f"p{n}", "number": n, "truncated": False} for n in numbers for _ in range(2)]


def test_rows_tell_whether_the_token_limit_cut_the_completion_off(tiny_tokenizer):
    asked = [{"number": 1}, {"number": 2}, {"number": 3}]
    told = made(tiny_tokenizer, alone()).told(asked, [[5, 1], [5, 7], [0]])
    assert [row["truncated"] for row in told] == [False, True, False]
    assert [row["number"] for row in told] == [1, 2, 3]
    assert asked == [{"number": 1}, {"number": 2}, {"number": 3}]


def test_rows_tell_where_thoughts_are_and_an_empty_completion_was_not_cut_off(tiny_tokenizer):
    tags = ThoughtTags(block="opened")
    part = replace(made(tiny_tokenizer, alone()), thought_tags=tags)
    told = part.told([{"prompt": [{"role": "user", "content": "q"}]}, {"prompt": "q"}], [[], [5, 1]])
    assert [row["truncated"] for row in told] == [False, False]
    assert [row["thought_tags"] for row in told] == [tags, PLAIN]  # a text opens nothing that it does not show
    metrics = defaultdict(list)
    part.rewarded(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), told, ["", "<think>abc</think>x"], "train", 0, metrics)
    assert metrics["thought_tokens"] == [1.5]


@pytest.mark.parametrize("weights", [(1.0, 0.5), (2.0, 1.0), (0.25, 3.0)])
def test_broken_formats_are_seen_whatever_the_weights_and_the_other_functions(tiny_tokenizer, weights):
    part = made(tiny_tokenizer, alone(), weights=weights, limit=2)
    texts = ["no tags", "none"]
    for step, second in enumerate(([0.5, 0.25], [-0.5, 1.0])):
        scores = torch.tensor([[-1.0, second[0]], [-1.0, second[1]]])
        if step == 0:
            part.rewarded(scores, rows(7), texts, "train", step, defaultdict(list))
    with pytest.raises(TrainingFault, match="every completion broke the format in 2 steps in a row"):
        part.rewarded(scores, rows(7), texts, "train", step, defaultdict(list))


def test_a_function_without_weight_judges_no_format(tiny_tokenizer):
    part = made(tiny_tokenizer, alone(), weights=(0.0, 1.0), limit=1)
    part.rewarded(torch.tensor([[-1.0, 0.0]] * 2), rows(7), THOUGHTS, "train", 0, defaultdict(list))
    assert part.format_faults.steps == 0


def test_rewards_of_training_are_weighted_and_held_for_the_record(tiny_tokenizer, tmp_path):
    part, metrics = made(tiny_tokenizer, alone(), tmp_path), defaultdict(list)
    part.rewarded(torch.tensor([[0.5, 1.0], [math.nan, 0.5]]), rows(7), THOUGHTS, "train", 0, metrics)
    part.log.write(0)
    (line,) = map(json.loads, (tmp_path / "rollouts.jsonl").open())
    assert (line["number"], line["rewards"]) == (7, [1.0, 0.25])
    assert metrics["thought_tokens"] == [3.0]
    assert part.held_out.mean(9) is None


def test_rewards_of_validation_are_kept_for_the_mean_and_not_recorded(tiny_tokenizer, tmp_path):
    part = made(tiny_tokenizer, alone(), tmp_path, limit=1)
    part.rewarded(torch.tensor([[-1.0, 0.0], [-1.0, 0.0]]), rows(7), THOUGHTS, "eval", 0, defaultdict(list))
    part.log.write(0)
    assert not (tmp_path / "rollouts.jsonl").read_text()
    assert part.held_out.mean(2) == -1.0
    assert part.format_faults.steps == 0


def test_broken_formats_stop_the_run_and_the_completions_are_named(tiny_tokenizer):
    part = made(tiny_tokenizer, alone(), limit=1)
    broken = [{**row, "truncated": True} for row in rows(7)]
    with pytest.raises(TrainingFault, match=r"(?s)truncated 100%.*<think>never ends") as fault:
        part.rewarded(torch.tensor([[-1.0, 0.0]] * 2), broken, ["<think>never ends"] * 2, "train", 0, defaultdict(list))
    assert "larger max_completion_length" in str(fault.value)


def test_each_process_holds_its_own_rows_and_all_judge_the_same(tiny_tokenizer, tmp_path):
    """Two processes with a group each; a function fails for the second completion of the second process."""

    def reward(completions, **kwargs):
        return [math.inf if text.endswith("bad") else float(len(text)) for text in completions]

    def work(processes):
        function, number = guarded(reward, None), processes.index
        texts = ["a", "ab bad" if number else "ab"]
        own = torch.tensor([[math.nan if value is None else value] for value in function(completions=texts)])
        part, metrics = made(tiny_tokenizer, processes, tmp_path, [function], weights=(1.0,)), defaultdict(list)
        part.rewarded(processes.gather(own), rows(number), texts, "train", 0, metrics)
        part.rewarded(processes.gather(own), rows(number), texts, "eval", 0, metrics)
        part.log.write(0)
        return part.held_out.mean(4), metrics["faults/unscorable"]

    assert in_processes(2, work) == [(pytest.approx(4 / 3), [0.25, 0.25])] * 2
    found = [json.loads(line) for line in (tmp_path / "rollouts.jsonl").open()]
    assert [(line["number"], line["rewards"]) for line in found] == [(0, [1.0, 2.0]), (1, [1.0, None])]


def test_validation_leaves_out_what_one_of_two_functions_could_not_judge(tiny_tokenizer):
    """The other function's value alone would not compare with the sums of the other rows."""

    def second(completions, **kwargs):
        return [math.inf if text.endswith("bad") else 1.0 for text in completions]

    function, texts = guarded(second, None), ["a", "b bad"]
    judged = [math.nan if value is None else value for value in function(completions=texts)]
    part = made(tiny_tokenizer, alone(), functions=[function], weights=(1.0, 1.0))
    part.rewarded(torch.tensor([[2.0, judged[0]], [5.0, judged[1]]]), rows(7), texts, "eval", 0, defaultdict(list))
    assert part.held_out.mean(2) == 3.0


def test_several_functions_and_facts_are_recorded(tiny_tokenizer, tmp_path):
    """Two processes of a group each; only the second one's reward has told something."""

    def work(processes):
        number = processes.index
        own = torch.tensor([[0.5, 1.0], [math.nan, 0.5]]) + number
        facts = {"tool": [torch.tensor(1.0), math.nan]} if number else {}
        part = made(tiny_tokenizer, processes, tmp_path)
        told = (defaultdict(list), ["first", "second"], facts)
        part.rewarded(processes.gather(own), rows(number), THOUGHTS, "train", 0, *told)
        part.log.write(0)

    in_processes(2, work)
    first, second = (json.loads(line) for line in (tmp_path / "rollouts.jsonl").open())
    assert first["rewards_by"] == {"first": [0.5, None], "second": [1.0, 0.5]}
    assert "facts" not in first
    assert second["rewards_by"] == {"first": [1.5, None], "second": [2.0, 1.5]}
    assert second["facts"] == {"tool": [1.0, None]}


def test_a_column_of_two_rewards_is_refused(tiny_tokenizer, tmp_path):
    part = made(tiny_tokenizer, alone(), tmp_path)
    told = (defaultdict(list), ["first", "second"], {"tool": [1, 2, 3, 4]})
    with pytest.raises(RewardError, match=r"log_extra\('tool'\): 4 values for 2 completions; .*rename one of them"):
        part.rewarded(torch.tensor([[0.5, 1.0], [1.0, 0.5]]), rows(7), THOUGHTS, "train", 0, *told)


def test_of_which_rewards_the_range_is_known():
    """A domain may name a reward of anyone's."""
    known = [partial(srl_reward, autojunk=True), final_answer_reward, domain_reward, len]
    assert [earns_at_most_one(function) for function in known] == [True, True, False, False]
