"""The two ways of solving, on a back end that replays given texts, so that every output is known."""

from __future__ import annotations

import itertools

import pytest

from treadle.data.prompts.asking import PLAIN
from treadle.evaluate.records import Finish, Generation, Key, Problem, Stop
from treadle.evaluate.settings import EvaluateSettings, seed_of
from treadle.evaluate.solving import judge, solve
from treadle.evaluate.turns import Turns
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict

TASKS = [Problem("p", "7a91", "64", domain="miniature")]
SETTINGS = EvaluateSettings(max_new_tokens=80, max_step_tokens=40, max_steps=5)


class Replay:
    """A back end that answers with given texts, keyed by the end of the user's message. A token is a character.

    A reply of `None` is a generation that fails.
    """

    asking = PLAIN

    def __init__(self, replies):
        self.replies = replies
        self.asked = []

    def generate(self, requests, sampling):
        self.asked.append(requests)
        for i in reversed(range(len(requests))):  # in any order
            prompt = requests[i].prompt[-1]["content"]
            text = next(reply for end, reply in self.replies if prompt.endswith(end))
            if text is None:
                yield i, Generation("", 0, Finish.FAILED, "no answer from the server")
                continue
            cut = len(text) > sampling.max_new_tokens
            kept = text[: sampling.max_new_tokens]
            yield i, Generation(kept, len(kept), Finish.LENGTH if cut else Finish.STOP)

    def count_tokens(self, texts):
        return [len(text) for text in texts]


def one(replies, mode, turns=None, **changes):
    backend = Replay(replies)
    turns = Turns() if turns is None else turns
    settings = EvaluateSettings(**{**vars(SETTINGS), **changes})
    (sample,) = solve(backend, TASKS, mode, "greedy", settings, turns)
    judge([sample], TASKS)
    return sample, [requests[0].prompt[-1]["content"] for requests in backend.asked]


def test_the_loop_shows_actions_but_never_thoughts():
    sample, prompts = one(
        [("next 7a91", "<think>hmm</think>a7*9+1=64"), ("=64", "<think>=</think>\\boxed{64}")], "loop"
    )
    assert sample.steps == ["a7*9+1=64", "\\boxed{64}"]
    assert sample.thoughts == ["hmm", "="]
    assert (sample.stop, sample.verdict, sample.right) == (Stop.ANSWERED, Verdict.RIGHT, True)
    assert prompts == ["next 7a91", "next 7a91\na7*9+1=64"]
    assert sample.text == "<think>hmm</think>a7*9+1=64\n<think>=</think>\\boxed{64}"
    assert (sample.n_tokens, sample.thought_tokens) == (len(sample.text) - 1, 4)


@pytest.mark.parametrize(
    ("replies", "changes", "stop", "fault"),
    [
        ([("", "a7*9+1=64")], {}, Stop.REPEATED, None),
        ([("91", "a1"), ("a1", "a2"), ("a2", "a1")], {"max_steps": 4}, Stop.STEP_LIMIT, None),
        ([("", "<think>a</think>b<think>")], {}, Stop.FORMAT_FAULT, FormatFault.SEVERAL_THINK_BLOCKS),
        ([("", "")], {}, Stop.FORMAT_FAULT, FormatFault.EMPTY_ACTION),
        ([("", " \n")], {}, Stop.FORMAT_FAULT, FormatFault.EMPTY_ACTION),
        ([("", "<think>never ending</think>a")], {"max_step_tokens": 12}, Stop.TRUNCATED, FormatFault.TRUNCATED),
    ],
)
def test_why_a_loop_ends(replies, changes, stop, fault):
    sample, _ = one(replies, "loop", **changes)
    assert (sample.stop, sample.fault, sample.verdict) == (stop, fault, Verdict.NO_ANSWER)


def test_the_thought_of_a_step_that_was_cut_off_counts():
    sample, _ = one([("", "<think>never ending</think>a")], "loop", max_step_tokens=12)
    assert (sample.steps, sample.thoughts, sample.thought_tokens, sample.n_tokens) == ([], ["never"], 5, 12)


def test_a_step_without_think_block_still_counts_as_an_action():
    sample, _ = one([("7a91", "a7*9+1=64"), ("=64", "\\boxed{64}")], "loop")
    assert sample.right
    assert sample.fault is None


def test_whole_solutions_take_the_last_box_and_all_thoughts():
    text = "<think>a</think>a7*9+1=64\n<think>=</think>\\boxed{63} \\boxed{64}"
    sample, prompts = one([("solve 7a91", text)], "whole")
    assert prompts == ["solve 7a91"]
    assert (sample.answer, sample.right, sample.stop, sample.thoughts) == ("64", True, Stop.ENDED, ["a", "="])
    assert (sample.fault, sample.steps, sample.thought_tokens) == (None, [], 2)
    cut, _ = one([("", text)], "whole", max_new_tokens=10)
    assert (cut.stop, cut.verdict, cut.fault) == (Stop.TRUNCATED, Verdict.NO_ANSWER, FormatFault.TRUNCATED)


@pytest.mark.parametrize(
    ("text", "thoughts", "fault"),
    [
        ("", [], FormatFault.EMPTY_ACTION),
        ("<think>a</think>", ["a"], FormatFault.EMPTY_ACTION),
        ("b <think>a", ["a"], FormatFault.NO_THINK_BLOCK),
        ("a</think>b<think>c</think>d", ["a", "c"], None),  # the template opened the first block
        ("a</think>b</think>c", ["a"], FormatFault.NO_THINK_BLOCK),
        ("x", [], None),
    ],
)
def test_format_of_whole_solutions(text, thoughts, fault):
    sample, _ = one([("", text)], "whole")
    assert (sample.thoughts, sample.fault, sample.stop) == (thoughts, fault, Stop.ENDED)


def test_a_failed_generation_leaves_an_attempt_open_and_is_tried_again():
    turns = Turns()
    sample, prompts = one([("91", "a1"), ("a1", None)], "loop", turns)
    assert (sample.stop, sample.steps, sample.verdict) == (None, ["a1"], None)
    assert len(prompts) == 2  # not tried for ever
    assert turns.failed == {Key("problems", "p", "loop", "greedy", 0): "no answer from the server"}
    sample, prompts = one([("a1", "\\boxed{64}")], "loop", turns)
    assert prompts == ["next 7a91\na1"]  # the first step is there already
    assert sample.right
    assert turns.failed == {}


def test_samples_are_by_problem_and_numbered():
    tasks = [Problem(id, f"7a9{id}", "64", domain="miniature", benchmark=b) for b, id in (("x", "1"), ("y", "2"))]
    backend = Replay([("", "\\boxed{64}")])
    settings = EvaluateSettings(samples=3, samples_of={"y": 1}, seed=5)
    samples = solve(backend, tasks, "whole", "sampled", settings, Turns())
    assert [tuple(s.key) for s in samples] == [
        ("x", "1", "whole", "sampled", 0),
        ("x", "1", "whole", "sampled", 1),
        ("x", "1", "whole", "sampled", 2),
        ("y", "2", "whole", "sampled", 0),
    ]
    (requests,) = backend.asked
    assert [r.seed for r in requests] == [seed_of(5, s.key, 0) for s in samples]


def test_seeds_differ_in_every_part_and_are_31_bits():
    parts = itertools.product((0, 1), ("a", "b"), ("1", "2"), ("whole", "loop"), (0, 1), (1, 2))
    seeds = [seed_of(seed, Key(b, p, mode, "sampled", index), step) for seed, b, p, mode, index, step in parts]
    assert len(set(seeds)) == 64
    assert all(0 <= seed < 2**31 for seed in seeds)
    many = {seed_of(0, Key("aime24", str(p), "whole", "sampled", i), 0) for p in range(300) for i in range(32)}
    assert len(many) == 9600


def test_how_many_attempts_by_default():
    """The paper: greedy and 32 samples of AMC23, AIME24 and AIME25, greedy alone of Minerva Math."""
    settings = EvaluateSettings()
    assert [settings.attempts(n, "sampled") for n in ("amc23", "aime24", "aime25", "minerva", "mine")] == [32] * 3 + [
        0,
        0,
    ]
    assert settings.attempts("minerva", "greedy") == 1
    chosen = EvaluateSettings(samples=8, samples_of={"minerva": 4}, greedy=False)
    assert [chosen.attempts(n, "sampled") for n in ("amc23", "minerva", "mine")] == [8, 4, 8]
    assert chosen.attempts("amc23", "greedy") == 0
