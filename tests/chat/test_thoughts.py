"""Which tags, what templates do with them in the prompt, and that decoding keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat.byte_tokenizer import END, PAD, byte_tokenizer
from treadle.chat.chat import Chat
from treadle.chat.settings import FILE, ChatSettings, read_settings, write_file
from treadle.chat.thoughts import Decoder
from treadle.errors import ModelError, RecipeError
from treadle.scoring.thoughts import Block, ThoughtTags

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


def tags_of(template, pair=None, **variables):
    return Chat(byte_tokenizer(template), ChatSettings(variables).changed(thought_tags=pair)).thought_tags


@pytest.mark.parametrize("name", BY_TEMPLATE)
def test_what_templates_do_with_the_block(name):
    found = [tags_of(name)]
    if "enable_thinking" in byte_tokenizer(name).chat_template:
        found.append(tags_of(name, enable_thinking=False))
    assert (found[0].block, found[-1].block) == BY_TEMPLATE[name]
    assert {tags.pair for tags in found} == {TAGS}


@pytest.mark.parametrize(("thinks", "block"), [(True, Block.OPENED), (False, Block.CLOSED)])
def test_a_closing_tag_alone_closes_the_block(thinks, block):
    """As DeepSeek V3.1 answers without thinking."""
    asks = "{{ messages[-1].content }}:{% if thinks %}<think>{% else %}</think>{% endif %}"
    assert tags_of(asks, thinks=thinks) == ThoughtTags(block=block)


def test_tags_are_a_setting_and_a_template_that_opens_others_is_refused():
    opens = "{{ messages[-1].content }}:<|begin_of_thought|>\n"
    pair = ["<|begin_of_thought|>", "<|end_of_thought|>"]
    assert tags_of(opens, pair) == ThoughtTags(*pair, Block.OPENED)
    assert tags_of("qwen2_5", pair) == ThoughtTags(*pair)
    with pytest.raises(RecipeError, match=r'set thought_tags: \["<\|begin_of_thought\|>", "<\|end_of_thought\|>"\]'):
        tags_of(opens)
    with pytest.raises(RecipeError, match=r'puts <think> at the end .* set thought_tags: \["<think>", "</think>"\]'):
        tags_of("qwen3_5_nothink", pair)
    with pytest.raises(RecipeError, match=r"thought_tags: found 'ab'; expected two texts"):
        tags_of("qwen2_5", "ab")


def test_tags_are_saved_beside_a_model_and_read_again(tmp_path):
    pair = ("<thinking>", "</thinking>")
    chat = Chat(byte_tokenizer(), ChatSettings(thought_tags=pair))
    write_file(tmp_path, chat.record())
    assert read_settings(str(tmp_path)).thought_tags == pair
    assert chat.describe() == {"thought_tags": list(pair)}
    assert Chat(byte_tokenizer()).describe() == {}  # the paper's change nothing
    write_file(tmp_path, {"thought_tags": ["<a>"]})
    with pytest.raises(ModelError, match=rf"{FILE}: thought_tags: found \['<a>'\]; expected two texts, such as"):
        read_settings(str(tmp_path))


def test_an_answer_holds_the_tags_as_tokens_and_no_other_special_one():
    """What fine-tuning trains on is what a rollout gives and decoding keeps."""
    tokenizer = byte_tokenizer(special=("<reason>", "</reason>", "<|other|>"))
    chat = Chat(tokenizer, ChatSettings(thought_tags=("<reason>", "</reason>")))
    text = "<reason>first</reason>act <|other|> ends"
    ids = chat.answer(text)
    marks = [tokenizer.convert_ids_to_tokens(i) for i in ids if i >= tokenizer.convert_tokens_to_ids("<reason>")]
    assert marks == ["<reason>", "</reason>"]
    assert chat.decode(ids) == text


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
