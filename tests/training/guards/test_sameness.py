"""How much alike completions are across prompts: hand-worked shares, and what they must not depend on."""

from __future__ import annotations

import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.scoring.rewards import step_similarity
from treadle.training.guards.sameness import (
    COMPARED_CHARACTERS,
    PAIRS,
    by_prompt,
    equal_pairs,
    excess,
    mean_similarity,
    measures,
    references,
    said,
)


def row(prompt, expert=None, answer=None, truncated=False):
    return {"prompt": prompt, "expert_action": expert, "answer": answer, "truncated": truncated}


def generation(*groups):
    """Of (prompt, expert, texts) each."""
    return [said(row(prompt, expert), text, 0.0, "optional") for prompt, expert, texts in groups for text in texts]


# One completion


def test_actions_are_compared_where_they_parse_and_texts_where_not():
    def text(completion, think_tags="strict", **more):
        return said(row("p", "e", **more), completion, 0.0, think_tags).text

    assert text("<think>one way</think> x = 1 ") == text("<think>another</think>x = 1") == "x = 1"
    assert text("x = 1 ") == "x = 1"
    assert text("<think>a</think> x", truncated=True) == "<think>a</think> x"
    assert text("a</think>x") == "a</think>x"
    assert text("a</think>x", "lenient") == "x"
    assert text([{"role": "assistant", "content": "<think>a</think>x"}]) == "x"


def test_what_is_to_be_said_is_the_experts_action_or_the_answer():
    def reference(**columns):
        one = said({"prompt": "p", "truncated": False, **columns}, "x", 0.0, "strict")
        return one.expert, one.reference

    assert reference(expert_action=" e ", answer="7") == ("e", "e")
    assert reference(expert_action=None, answer=7) == (None, "7")
    assert reference() == (None, None)


def test_a_long_text_that_stands_in_its_prompt_is_copied():
    example = "Tom has 3*4 = <<3*4=12>>12 pens."
    prompt = [{"role": "system", "content": f"Like this: {example}"}, {"role": "user", "content": "How many?"}]
    copied = said(row(prompt, "another, and as long"), example, 0.0, "optional")
    assert (copied.copied, copied.expert_copied) == (True, False)
    assert not said(row(prompt), "Tom", 0.0, "optional").copied  # short
    assert not said(row(prompt), example + "!", 0.0, "optional").copied
    assert said(row(f"before: {example}", example), "x", 0.0, "optional").expert_copied


def test_prompts_are_told_apart_by_their_text():
    def key(prompt):
        return said(row(prompt), "x", 0.0, "strict").prompt

    assert key("a") == key([{"role": "user", "content": "a"}]) != key("b")


# A generation, by hand


def test_shares_of_a_small_generation():
    everything = generation(
        ("one", "aaaa", ["x", "x", "y", "z"]),
        ("two", "bbbb", ["x", "u", "u", "u"]),
        ("three", "aaaa", ["v", "x", "y", "w"]),
    )
    found = measures(everything)
    assert found["distinct"] == 6 / 12
    assert found["shared"] == 6 / 12  # 4 x, 2 y; the u are of one prompt
    # Of 3 * 16 pairs: x of one and two 2, of one and three 2, of two and three 1; y of one and three 1.
    assert found["equal"] == 6 / 48
    assert found["equal/experts"] == 1 / 3
    assert found["similarity/experts"] == 1 / 3
    assert (found["copied"], found["copied/experts"]) == (0.0, 0.0)
    assert excess(everything) == 6 / 48 - 1 / 3
    # Of letters, two texts are as similar as they are equal; of six ordered pairs of prompts one pair of texts each.
    assert found["similarity"] * 6 == pytest.approx(round(found["similarity"] * 6))


def test_one_text_for_everything():
    everything = generation(*((f"p{n}", f"step {n}", ["Tom has 12 pens."] * 4) for n in range(8)))
    found = measures(everything)
    assert found["distinct"] == 1 / 32
    assert found["shared"] == found["equal"] == found["similarity"] == excess(everything) == 1.0
    assert found["equal/experts"] == 0.0
    assert found["similarity/experts"] == pytest.approx(10 / 12)


def test_one_text_for_half_of_the_completions_makes_a_quarter_of_the_pairs():
    everything = generation(*((f"p{n}", f"step {n}", ["same", "same", f"{n}a", f"{n}b"]) for n in range(8)))
    assert excess(everything) == 0.25


def test_a_text_for_each_prompt_is_no_sameness():
    everything = generation(*((f"p{n}", f"step {n}", [f"answer {n}"] * 4) for n in range(8)))
    found = measures(everything)
    assert found["shared"] == found["equal"] == excess(everything) == 0.0
    assert found["distinct"] == 1 / 4


def test_a_single_prompt_is_compared_with_nothing():
    found = measures(generation(("one", "e", ["x", "x"])))
    assert found == {"distinct": 0.5, "copied": 0.0, "copied/experts": 0.0}
    assert excess(generation(("one", "e", ["x", "x"]), ("one", "e", ["x"]))) == 0.0


def test_without_references_there_is_nothing_to_judge_by():
    everything = generation(("one", None, ["x", "x"]), ("two", None, ["x", "x"]))
    assert measures(everything) == {"distinct": 0.25, "copied": 0.0, "shared": 1.0, "equal": 1.0, "similarity": 1.0}
    assert excess(everything) == 0.0


def test_prompts_without_a_reference_are_left_out_of_the_judgement():
    everything = generation(
        ("one", "a", ["x", "y"]), ("two", "b", ["u", "v"]), ("three", None, ["x", "x"]), ("four", None, ["x", "x"])
    )
    assert measures(everything)["equal"] > 0
    assert excess(everything) == 0.0


@pytest.mark.parametrize(
    ("answers", "texts", "expected"),
    [
        ([1, 1, 2, 3], [1, 1, 2, 3], 0.0),  # right, and two answers are alike
        ([1, 1, 1, 1], [1, 1, 1, 1], 0.0),
        ([1, 2, 3, 4], [3, 3, 3, 3], 1.0),
        ([1, 2, 1, 2], [1, 1, 1, 1], 1 - 2 / 6),  # of two answers always the same one
    ],
)
def test_short_answers_may_be_as_equal_as_the_references(answers, texts, expected):
    everything = [
        said(row(f"p{n}", None, answer), f"\\boxed{{{text}}}", 0.0, "optional")
        for n, (answer, text) in enumerate(zip(answers, texts, strict=True))
        for _ in range(3)
    ]
    assert excess(everything) == pytest.approx(expected)
    assert "similarity/experts" not in measures(everything)


def test_guessing_among_few_answers_is_no_collapse():
    """Every letter is given for every prompt: any share of completions would say that all are repeated."""
    draw = random.Random(0)
    everything = [
        said(row(f"p{n}", None, answer), f"\\boxed{{{letter}}}", 0.0, "optional")
        for n, answer in enumerate(draw.choices("ABCDE", k=64))
        for letter in draw.choices("ABCDE", k=8)
    ]
    assert measures(everything)["shared"] == 1.0
    assert abs(excess(everything)) < 0.05


# Whatever the order


TEXTS = st.sampled_from(["a", "b", "ab", "abc", "a longer text than twenty characters"])
GROUPS = st.lists(
    st.tuples(st.integers(0, 5), st.one_of(st.none(), TEXTS), st.lists(TEXTS, min_size=1, max_size=4)),
    min_size=1, max_size=8,
)  # fmt: skip


@given(GROUPS, st.randoms(use_true_random=False))
def test_the_order_of_completions_changes_nothing(groups, draw):
    everything = generation(*((f"p{prompt}: {expert}", expert, texts) for prompt, expert, texts in groups))
    shuffled = draw.sample(everything, len(everything))
    assert measures(shuffled) == measures(everything)
    assert excess(shuffled) == excess(everything)


@given(GROUPS)
def test_equal_pairs_are_what_counting_all_pairs_gives(groups):
    texts = by_prompt(generation(*((f"p{prompt}", None, texts) for prompt, _, texts in groups)))
    pairs = [(a, b) for p in texts for q in texts if p != q for a in texts[p] for b in texts[q]]
    assert equal_pairs(texts) == (sum(a == b for a, b in pairs) / len(pairs) if pairs else 0.0)


@given(GROUPS, TEXTS)
def test_where_experts_say_the_same_nothing_is_in_excess(groups, action):
    assert excess(generation(*((f"p{prompt}", action, texts) for prompt, _, texts in groups))) <= 0.0


def test_of_rows_that_differ_the_first_reference_counts():
    assert list(references(generation(("p", "b", ["x"]), ("p", "a", ["x"]))).values()) == [["a"]]


# Similarity on a sample


def test_all_ordered_pairs_of_few_prompts_are_measured():
    texts = {"p": ["abcd"], "q": ["bcde"], "r": ["xyz"]}
    pairs = [(a, b) for a in texts for b in texts if a != b]
    expected = sum(step_similarity(texts[a][0], texts[b][0]) for a, b in pairs) / 6
    assert mean_similarity(texts) == pytest.approx(expected)


def test_the_sample_is_bounded_and_leaves_random_states_alone(monkeypatch):
    seen = []

    def similarity(a, b):
        seen.append((a, b))
        return 0.0

    monkeypatch.setattr("treadle.training.guards.sameness.step_similarity", similarity)
    states = random.getstate(), torch.get_rng_state()
    mean_similarity({f"p{n:03d}": [f"{n} " + "a" * 9999] * 8 for n in range(100)})
    assert len(seen) == len(set(seen)) == PAIRS
    assert all(a != b and len(a) == len(b) == COMPARED_CHARACTERS for a, b in seen)
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])


@given(GROUPS)
def test_shares_are_shares(groups):
    found = measures(generation(*((f"p{prompt}", expert, texts) for prompt, expert, texts in groups)))
    assert all(0 <= value <= 1 and not math.isnan(value) for value in found.values())
