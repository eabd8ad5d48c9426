"""The two ways of solving, on a scripted model that replays given texts, so that every output is known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from treadle.completion import FormatFault
from treadle.evaluate.solving import Problem, Stop, solve_in_loop, solve_whole
from treadle.evaluate.steps import score_steps
from treadle.grading import Verdict
from treadle.instances import step_instances


class Scripted(torch.nn.Module):
    """A causal language model that answers with given texts, keyed by the end of the user's message.

    It implements only what `generate` calls; everything around it is real.
    """

    def __init__(self, tokenizer, replies):
        super().__init__()
        self.tokenizer, self.replies = tokenizer, replies
        self.device = torch.device("cpu")
        self.generation_config = SimpleNamespace(eos_token_id=tokenizer.eos_token_id)
        self.prompts = []

    def generate(self, input_ids, attention_mask, generation_config):
        rows = []
        for ids in input_ids:
            prompt = self.tokenizer.decode(ids, skip_special_tokens=True)
            self.prompts.append(prompt)
            reply = next(text for end, text in self.replies if prompt.endswith(end))
            new = [*self.tokenizer(reply)["input_ids"], self.tokenizer.eos_token_id]
            rows.append(torch.tensor(new[: generation_config.max_new_tokens]))
        new = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.tokenizer.pad_token_id)
        return torch.cat([input_ids, new], dim=1)


TASKS = [Problem("p", "7a91", "64", domain="miniature")]


def loop(tokenizer, replies, **changes):
    settings = {"max_new_tokens": 40, "max_steps": 5} | changes
    model = Scripted(tokenizer, replies)
    (attempt,) = solve_in_loop(model, tokenizer, TASKS, **settings)
    return attempt, model


def test_the_loop_shows_actions_but_never_thoughts(tiny_tokenizer):
    attempt, model = loop(
        tiny_tokenizer,
        [("next 7a91", "<think>hmm</think>a7*9+1=64"), ("=64", "<think>=</think>\\boxed{64}")],
    )
    assert attempt.steps == ["a7*9+1=64", "\\boxed{64}"]
    assert attempt.thoughts == ["hmm", "="]
    assert (attempt.stop, attempt.verdict, attempt.right) == (Stop.ANSWERED, Verdict.RIGHT, True)
    assert model.prompts[1] == "next 7a91\na7*9+1=64"
    assert (
        attempt.n_tokens == len(tiny_tokenizer("<think>hmm</think>a7*9+1=64<think>=</think>\\boxed{64}").input_ids) + 2
    )


@pytest.mark.parametrize(
    ("replies", "changes", "stop", "fault"),
    [
        ([("", "a7*9+1=64")], {}, Stop.REPEATED, None),
        ([("91", "a1"), ("a1", "a2"), ("a2", "a1")], {"max_steps": 4}, Stop.STEP_LIMIT, None),
        ([("", "<think>a</think>b<think>")], {}, Stop.FORMAT_FAULT, FormatFault.SEVERAL_THINK_BLOCKS),
        ([("", "<think>never ending thought</think>a")], {"max_new_tokens": 6}, Stop.TRUNCATED, FormatFault.TRUNCATED),
    ],
)
def test_why_a_loop_ends(tiny_tokenizer, replies, changes, stop, fault):
    attempt, _ = loop(tiny_tokenizer, replies, **changes)
    assert (attempt.stop, attempt.fault, attempt.verdict) == (stop, fault, Verdict.NO_ANSWER)


def test_a_step_without_think_block_still_counts_as_an_action(tiny_tokenizer):
    attempt, _ = loop(tiny_tokenizer, [("7a91", "a7*9+1=64"), ("=64", "\\boxed{64}")])
    assert attempt.right


def test_whole_solutions_take_the_last_box_and_all_thoughts(tiny_tokenizer):
    text = "<think>a</think>a7*9+1=64\n<think>=</think>\\boxed{63} \\boxed{64}"
    (attempt,) = solve_whole(Scripted(tiny_tokenizer, [("solve 7a91", text)]), tiny_tokenizer, TASKS, 80)
    assert (attempt.answer, attempt.right, attempt.stop, attempt.thoughts) == ("64", True, Stop.ENDED, ["a", "="])
    (cut,) = solve_whole(Scripted(tiny_tokenizer, [("", text)]), tiny_tokenizer, TASKS, 10)
    assert (cut.stop, cut.verdict) == (Stop.TRUNCATED, Verdict.NO_ANSWER)


def test_step_scores_by_hand(tiny_tokenizer, expert_trajectories):
    first, second, third = step_instances(expert_trajectories[0], targets="all")[:3]
    replies = [
        (third.prompt[0]["content"], "<think>x</think><think>y</think>"),
        (second.prompt[0]["content"], f"<think>abc</think>{second.expert_action[:-1]}"),
        (first.prompt[0]["content"], f"<think>abcd</think>{first.expert_action}"),
    ]
    scores = score_steps(Scripted(tiny_tokenizer, replies), tiny_tokenizer, [first, second, third], 60)
    length = len(second.expert_action)
    assert scores.exact == [True, False, False]
    assert scores.similarity == [1.0, 2 * (length - 1) / (2 * length - 1), 0.0]
    assert scores.thought_tokens == [4, 3]
    assert scores.faults == {FormatFault.SEVERAL_THINK_BLOCKS: 1}
