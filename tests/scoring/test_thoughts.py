"""The tags themselves: what a prompt's end does to them, and what is written with them is read again."""

from __future__ import annotations

import json
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import Completion, FormatFault, parse_completion
from treadle.errors import RecipeError
from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags, blocks, tags_of_pair, thoughts, without_thoughts

OTHER = ("<|begin_of_thought|>", "<|end_of_thought|>")


@pytest.mark.parametrize(
    ("end", "block"),
    [
        ("assistant\n", Block.NONE),
        ("assistant\n<think>", Block.OPENED),
        ("assistant\n<think>\n", Block.OPENED),
        ("assistant\n<think>\n\n</think>\n\n", Block.CLOSED),
        ("<think></think>", Block.CLOSED),
        ("Write your thoughts between <think> and </think>", Block.NONE),  # words of a prompt
        ("</think>", Block.NONE),
        ("<think> as you like", Block.NONE),
    ],
)
def test_the_end_of_a_prompt_opens_or_closes_the_block(end, block):
    assert PLAIN.after(f"q {end}") == ThoughtTags(block=block)
    other = ThoughtTags(*OTHER)
    told = end.replace("<think>", OTHER[0]).replace("</think>", OTHER[1])
    assert other.after(told) == ThoughtTags(*OTHER, block)
    assert ThoughtTags(block="opened").of_prompt([{"role": "user", "content": f"q {end}"}]).block is Block.OPENED
    assert ThoughtTags(block="opened").of_prompt(end).block is block
    begun = [{"role": "user", "content": "q"}, {"role": "assistant", "content": end}]
    assert ThoughtTags(block="opened").of_prompt(begun).block is block, "the completion goes on after it"


@pytest.mark.parametrize("block", ["none", "closed"])
def test_what_an_assistant_has_begun_leaves_a_prompt_without_an_open_block_as_it_is(block):
    begun = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "<think>a</think>b\n"}]
    assert ThoughtTags(block=block).of_prompt(begun).block == block


@pytest.mark.parametrize(
    ("pair", "found"),
    [(("", "</a>"), "''"), ((" <a>", "</a>"), "' <a>'"), (("<a>", "<a>"), "'<a>', '<a>'"), (("a", "/a"), "'a', '/a'")],
)
def test_tags_that_cannot_be_told_apart_are_refused(pair, found):
    with pytest.raises(ValueError, match=f"thought_tags: .*{found}"):
        ThoughtTags(*pair)
    with pytest.raises(RecipeError, match="thought_tags"):
        tags_of_pair(pair)


def test_tags_are_kept_as_json():
    assert ThoughtTags.from_json(json.loads(json.dumps(ThoughtTags(*OTHER, Block.OPENED).to_json()))).pair == OTHER
    assert tags_of_pair(None) is PLAIN
    assert pickle.loads(pickle.dumps(ThoughtTags(*OTHER, Block.CLOSED))) == ThoughtTags(*OTHER, Block.CLOSED)
    for wrong in ("<a></a>", ["<a>"], None, 3):
        with pytest.raises(ValueError, match="expected two texts"):
            ThoughtTags.from_json(wrong)


def tags_of(block):
    return st.sampled_from([ThoughtTags(block=block), ThoughtTags(*OTHER, block), ThoughtTags("[T]", "[/T]", block)])


plain = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="<>[]|"), min_size=1).filter(str.strip)


@given(st.sampled_from([Block.NONE, Block.OPENED]).flatmap(tags_of), plain, plain)
def test_what_is_written_is_read(tags, thought, action):
    text = tags.written(thought, action)
    assert text == (tags.open if tags.block is Block.NONE else "") + thought + tags.close + action
    assert parse_completion(text, thought_tags=tags) == Completion(thought.strip(), action.strip())
    assert thoughts(text, tags) == [thought.strip()]
    assert without_thoughts(text, tags).strip() == action.strip()


@given(plain, plain)
def test_without_a_thought_an_opened_block_is_closed_and_nothing_else_is_written(thought, action):
    assert PLAIN.written(None, action) == ThoughtTags(block=Block.CLOSED).written("", action) == action
    opened = ThoughtTags(block=Block.OPENED)
    assert opened.written("", action) == f"</think>{action}"
    assert opened.written(thought, action, first=False) == f"<think>{thought}</think>{action}"


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("a</think>b", Completion("a", "b"), Completion("a", "b")),
        ("\nfirst\n</think>\n\nb\n", Completion("first", "b"), Completion("first", "b")),
        ("<think>a</think>b", FormatFault.SEVERAL_THINK_BLOCKS, Completion("a", "b")),
        ("a<think>c</think>b", FormatFault.SEVERAL_THINK_BLOCKS, FormatFault.SEVERAL_THINK_BLOCKS),
        ("a</think>b<think>c</think>d", FormatFault.SEVERAL_THINK_BLOCKS, FormatFault.SEVERAL_THINK_BLOCKS),
        ("a</think>b</think>c", FormatFault.SEVERAL_THINK_BLOCKS, FormatFault.SEVERAL_THINK_BLOCKS),
        ("b", FormatFault.NO_THINK_BLOCK, FormatFault.NO_THINK_BLOCK),  # a thought without end
        ("", FormatFault.NO_THINK_BLOCK, FormatFault.NO_THINK_BLOCK),
        ("</think>b", FormatFault.EMPTY_THOUGHT, Completion("", "b")),
        ("a</think>", FormatFault.EMPTY_ACTION, FormatFault.EMPTY_ACTION),
    ],
)
def test_a_completion_that_begins_within_the_thought(text, strict, lenient):
    opened = ThoughtTags(block=Block.OPENED)
    assert parse_completion(text, thought_tags=opened) == strict
    assert parse_completion(text, think_tags="lenient", thought_tags=opened) == lenient
    assert parse_completion(text, think_tags="optional", thought_tags=opened) == lenient
    assert parse_completion(text, truncated=True, thought_tags=opened) is FormatFault.TRUNCATED


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        (" b ", Completion("", "b"), Completion("", "b")),
        (" ", FormatFault.EMPTY_ACTION, FormatFault.EMPTY_ACTION),
        ("<think>a</think>b", FormatFault.SEVERAL_THINK_BLOCKS, Completion("a", "b")),
        ("a</think>b", FormatFault.SEVERAL_THINK_BLOCKS, Completion("a", "b")),
        ("b<think>", FormatFault.SEVERAL_THINK_BLOCKS, FormatFault.NO_THINK_BLOCK),
    ],
)
def test_a_completion_after_a_closed_block_is_the_action(text, strict, lenient):
    closed = ThoughtTags(block=Block.CLOSED)
    assert not closed.can_think
    assert parse_completion(text, thought_tags=closed) == strict
    assert parse_completion(text, think_tags="lenient", thought_tags=closed) == lenient
    assert parse_completion(text, think_tags="optional", thought_tags=closed) == lenient


def test_blocks_stand_where_their_tags_do():
    text = "<think>a</think>x<think>b</think>y<think>cut"
    assert [text[slice(*block)] for block in blocks(text)] == ["<think>a</think>", "<think>b</think>", "<think>cut"]
    assert blocks("a</think>x") == [(0, 9)]  # an opening tag is missing
    assert blocks("ab", ThoughtTags(block=Block.OPENED)) == [(0, 2)]
    assert blocks("ab") == blocks("ab", ThoughtTags(block=Block.CLOSED)) == []
    assert thoughts("a</think>x<think>b</think>", ThoughtTags(block=Block.OPENED)) == ["a", "b"]


@pytest.mark.parametrize("pair", [("<think>", "</think>"), OTHER, ("[[", "]]"), ("^a", "^b"), ("a", "b")])
@given(data=st.data())
def test_blocks_are_found_as_if_one_by_one(pair, data):
    opening, closing = pair
    tags = ThoughtTags(*pair)
    one_by_one = re.compile(f"{re.escape(opening)}(.*?)(?:{re.escape(closing)}|\\Z)", re.DOTALL)
    piece = st.sampled_from([opening, closing, opening[:-1], closing[:-1], closing[0], "\n", "é", "\\"])
    text = "".join(data.draw(st.lists(piece, max_size=12)))
    found = [(m.span(), m.span(1)) for m in tags.pattern.finditer(text)]
    assert found == [(m.span(), m.span(1)) for m in one_by_one.finditer(text)]
