"""Prompts, second tries, and answers taken apart."""

from __future__ import annotations

import pytest

from tests.teacher.examples import ORIGIN
from treadle.evaluate.records import Finish, Generation
from treadle.scoring.thoughts import Block, ThoughtTags
from treadle.teacher.asking import NOTHING, Assignment, Wording, ask, ask_again, draft_of, parted, prompt_digest

SOLVE = Assignment("1", "What is {{ 1 + 1 }}?", "2")
REWRITE = Assignment("1", "What is 1 + 1?", "2", original="It is 2.", thought="hm")


def test_prompts_hold_the_problem_as_it_is():
    (message,) = ask(SOLVE, Wording(min_steps=3))
    assert message["role"] == "user"
    assert "What is {{ 1 + 1 }}?" in message["content"]
    assert "at least 3" in message["content"]
    assert "<think>" not in message["content"]
    (message,) = ask(REWRITE, Wording())
    assert "Problem:\nWhat is 1 + 1?\n\nSolution:\nIt is 2." in message["content"]


def test_thoughts_are_asked_for_in_the_tags_of_the_model():
    (message,) = ask(SOLVE, Wording(think=True, tags=ThoughtTags("[t]", "[/t]")))
    assert "between [t] and [/t]" in message["content"]


def test_a_second_try_is_a_further_turn_that_names_the_fault():
    first = ask(SOLVE, Wording())
    again = ask_again(first, "1. Two", "step 1 has no title")
    assert again[0] == first[0]
    assert again[1] == {"role": "assistant", "content": "1. Two"}
    assert again[2]["content"].startswith("This cannot be used: step 1 has no title.")
    assert ask_again(first, " ", "nothing")[1]["content"] == NOTHING


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("1. a", ThoughtTags(), ("", "1. a", False)),
        ("<think>hm</think>\n\n1. a", ThoughtTags(), ("hm", "1. a", False)),
        ("hm</think>1. a", ThoughtTags(), ("hm", "1. a", False)),
        ("hm</think>1. a", ThoughtTags(block=Block.OPENED), ("hm", "1. a", False)),
        ("hm and no end", ThoughtTags(block=Block.OPENED), ("hm and no end", "", True)),
        ("<think>hm", ThoughtTags(), ("hm", "", True)),
        ("[t]hm[/t]1. a", ThoughtTags("[t]", "[/t]"), ("hm", "1. a", False)),
        ("<thinking>\nhm\n</thinking>\n1. a", ThoughtTags(), ("hm", "1. a", False)),
        ("", ThoughtTags(), ("", "", False)),
    ],
)
def test_thought_and_solution_are_apart(text, tags, expected):
    assert parted(text, tags) == expected


def test_a_rewriting_has_the_thought_of_its_original():
    answer = Generation("<think>how to rewrite</think>1. a", 9, Finish.STOP)
    assert draft_of(SOLVE, answer, ORIGIN).thought == "how to rewrite"
    draft = draft_of(REWRITE, answer, ORIGIN)
    assert (draft.thought, draft.text, draft.original) == ("hm", "1. a", "It is 2.")


@pytest.mark.parametrize(
    ("text", "finish", "ending"),
    [
        ("1. a", Finish.STOP, "complete"),
        ("1. a", Finish.LENGTH, "cut_off"),
        ("<think>a", Finish.LENGTH, "cut_off"),
        ("<think>a", Finish.STOP, "open_thought"),
    ],
)
def test_endings(text, finish, ending):
    assert draft_of(SOLVE, Generation(text, 3, finish), ORIGIN).ending == ending


def test_a_prompt_is_named_by_all_that_it_says():
    first = ask(SOLVE, Wording())
    assert prompt_digest(first) == prompt_digest(ask(SOLVE, Wording()))
    assert len({prompt_digest(m) for m in (first, ask(SOLVE, Wording(3)), ask_again(first, "x", "y"))}) == 3
