"""Which tags, what templates do with them in the prompt, and that decoding keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat.byte_tokenizer import END, PAD, byte_tokenizer
from treadle.chat.thoughts import Decoder, thought_tags
from treadle.errors import ModelError, RecipeError
from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags

TAGS = ("<think>", "</think>")
# By the ends of the prompts that the templates' authors write: `<think>\n`, `<think>\n\n</think>\n\n` or neither.
BY_TEMPLATE = {
    "qwen2_5": (Block.NONE, Block.NONE),
    "llama3": (Block.NONE, Block.NONE),
    "gemma": (Block.NONE, Block.NONE),
    "qwen3": (Block.NONE, Block.CLOSED),
    "glm4moe": (Block.NONE, Block.CLOSED),
    "qwen3_instruct_2507": (Block.NONE, Block.NONE),
    "qwen3_5_nothink": (Block.CLOSED, Block.CLOSED),
    "qwen3_5_think": (Block.OPENED, Block.CLOSED),
    "nemotron_3_nano": (Block.OPENED, Block.CLOSED),
    "deepseek_r1_distill": (Block.OPENED, Block.OPENED),
    "deepseekv3": (Block.OPENED, Block.OPENED),
}


@pytest.mark.parametrize("name", BY_TEMPLATE)
def test_what_templates_do_with_the_block(name):
    tokenizer = byte_tokenizer(name)
    found = (thought_tags(tokenizer), thought_tags(tokenizer, None, {"enable_thinking": False}))
    assert tuple(tags.block for tags in found) == BY_TEMPLATE[name]
    assert {tags.pair for tags in found} == {TAGS}


def test_a_template_may_want_a_system_message_first():
    wants = "{% if messages[0].role != 'system' %}{{ raise_exception('system first') }}{% endif %}a<think>"
    assert thought_tags(byte_tokenizer(wants)).block is Block.OPENED
    with pytest.raises(ModelError, match=r"the chat template cannot render a prompt of one message \(no\)"):
        thought_tags(byte_tokenizer("{{ raise_exception('no') }}"))


def test_another_template_may_be_given_and_none_opens_nothing():
    assert thought_tags(byte_tokenizer(None)) == PLAIN
    template = byte_tokenizer("deepseekv3").chat_template
    assert thought_tags(byte_tokenizer(), None, {"chat_template": template}).block is Block.OPENED


def test_tags_are_a_setting_and_a_template_that_opens_others_is_refused():
    opens = "{{ messages[-1].content }}:<|begin_of_thought|>\n"
    pair = ["<|begin_of_thought|>", "<|end_of_thought|>"]
    assert thought_tags(byte_tokenizer(opens), pair) == ThoughtTags(*pair, Block.OPENED)
    assert thought_tags(byte_tokenizer(), pair) == ThoughtTags(*pair)
    with pytest.raises(RecipeError, match=r'set thought_tags: \["<\|begin_of_thought\|>", "<\|end_of_thought\|>"\]'):
        thought_tags(byte_tokenizer(opens))
    with pytest.raises(RecipeError, match=r'puts <think> at the end .* set thought_tags: \["<think>", "</think>"\]'):
        thought_tags(byte_tokenizer("qwen3_5_nothink"), pair)
    with pytest.raises(RecipeError, match=r"thought_tags: found 'ab'; expected two texts"):
        thought_tags(byte_tokenizer(), "ab")


TEXT = "<think>first</think>1. **Multiply** 6 é"


@pytest.mark.parametrize(
    ("special", "added"),
    [((), ()), ((), TAGS), (TAGS, ()), (TAGS[:1], TAGS[1:]), (TAGS[1:], TAGS[:1]), (TAGS[1:], ())],
    ids=["text", "added", "special", "open special", "close special", "close special, open text"],
)
def test_decoding_keeps_the_tags_and_nothing_else_that_is_special(special, added):
    tokenizer = byte_tokenizer(special=(*special, "<|other|>"), added=added)
    decode = Decoder(tokenizer)
    for end in ("", END, END + PAD):  # cut off, ended, filled up
        ids = tokenizer(f"<|im_start|>{TEXT}<|other|>{end}")["input_ids"]
        assert decode(ids) == TEXT
    assert len(decode.kept) == len(special)
    dropped = tokenizer.decode(tokenizer(TEXT)["input_ids"], skip_special_tokens=True)
    assert dropped == TEXT.replace(special[0] if special else "\0", "").replace(special[-1] if special else "\0", "")


SPECIAL = byte_tokenizer(special=("<think>", "</think>"))


@given(st.lists(st.sampled_from(range(len(SPECIAL))), max_size=30))
def test_without_tags_decoding_is_the_tokenizers_own(ids):
    decode = Decoder(SPECIAL)
    ids = [number for number in ids if number not in decode.kept]
    assert decode(ids) == SPECIAL.decode(ids, skip_special_tokens=True)


def given_back(decode, completions, ids):
    return decode.restored(([], ids, None, completions, "more"))[3]


def test_completions_get_back_what_trl_decoded_away():
    decode, ids = Decoder(SPECIAL), SPECIAL(TEXT + END)["input_ids"]
    bare = TEXT.replace("<think>", "").replace("</think>", "")
    assert given_back(decode, [bare], [ids]) == [TEXT]
    message = {"role": "assistant", "content": bare}
    assert given_back(decode, [[message]], [ids]) == [[{"role": "assistant", "content": TEXT}]]
    turns = [message, {"role": "tool", "content": "4"}, message]  # of several turns
    assert given_back(decode, [turns, []], [ids, []]) == [turns, []]


def test_what_a_response_template_parsed_gets_the_text_beside_it():
    tokenizer = byte_tokenizer("qwen3")
    message = {"role": "assistant", "content": "d", "reasoning_content": "c"}
    text = "<think>a</think>b<think>c</think>d"
    ids = tokenizer(text + END)["input_ids"]
    assert given_back(Decoder(tokenizer), [[message]], [ids]) == [[message]]  # nobody has parsed
    tokenizer.response_template = {"fields": {}}
    assert given_back(Decoder(tokenizer), [[message]], [ids]) == [[{**message, "written": text}]]
    channels = tokenizer(f"analysis<|im_start|>{text}")["input_ids"]  # the parts are divided by special tokens
    assert given_back(Decoder(tokenizer), [[message]], [channels]) == [[message]]
