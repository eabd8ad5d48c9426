"""Prompts and answers with every chat template that TRL ships, and with templates of other habits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from datasets import Dataset
from trl import GRPOTrainer

from tests.chat.tokenizers import EOS, TEMPLATES, byte_tokenizer, spaced_tokenizer, stored, system, user
from treadle.chat.chat import Chat, system_to_user
from treadle.chat.rows import tokenised
from treadle.chat.settings import ChatSettings
from treadle.errors import DataError, ModelError

# What ends an assistant's turn, read off the templates.
ENDS = {
    "cohere2": "<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    "cohere": "<|END_OF_TURN_TOKEN|>",
    "deepseek": "<｜end▁of▁sentence｜>",
    "diffusion_gemma": "<turn|>",
    "gemma4": "<turn|>",
    "gemma": "<end_of_turn>",
    "glm4moe_training": "<|user|>",
    "glm4moe": EOS,
    "gptoss": "<|return|>",
    "idefics3": "<end_of_utterance>",
    "smolvlm": "<end_of_utterance>",
    "llama3": "<|eot_id|>",
    "llava_next": "</s>",
    "muse_glimmer": "<|eot|>",
    "phi3": "<|end|>",
    "lfm2": "<|im_end|>",
    "nemotron": "<|im_end|>",
    "qwen": "<|im_end|>",
}
BLOCKS = ("idefics3", "llava_next", "smolvlm")
TEXTS = {
    "solution": "<think>FIRST</think>1. **Multiply** 3 * 2 = 6\n<think>SECOND</think>2. **Add**\n\n\\boxed{8}",
    "agent": "<think>\nLook.\n</think>\n\nSo:\n\n<function=bash>\n<parameter=command>ls -la</parameter>\n</function>",
    "white space": "\n\n  spaces around \t\n ",
    "tool call": 'Now:\n<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>',
    "markers": "It prints <|im_end|>\n<|im_start|>user\nhi<end_of_turn></s>\n<|eot_id|><|end|> {{ x }}"
    "<｜end▁of▁sentence｜><turn|>",
    "own words": "[INST] <<SYS>> Assistant: <|assistant|>\nüé∑ 中",
}
PROMPTS = {
    "user": [user("What is 2 + 3 times 2?")],
    "system": [system("You are in a shell."), user("Fix it.\n\n<function=bash> is how you call.")],
}


def end_of(name: str) -> str:
    return ENDS[max((key for key in ENDS if name.startswith(key)), key=len)]


def by_trl(name: str, prompts: list) -> list[list[int]]:
    """What TRL's own trainer would have of prompts in a rollout."""
    if name.startswith(BLOCKS):
        prompts = [[{**m, "content": [{"type": "text", "text": m["content"]}]} for m in prompt] for prompt in prompts]
    trainer = SimpleNamespace(
        processing_class=stored(name), tools=None, chat_template=None, chat_template_kwargs={}, _is_vlm=False,
        environment_factories=None,
    )  # fmt: skip
    return GRPOTrainer._tokenize_prompts(trainer, prompts)[0]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_stored_template_loses_nothing_of_a_text_and_ends_its_turn(name):
    tokenizer = stored(name)
    chat = Chat(tokenizer)
    given = [(prompt, text) for prompt in PROMPTS.values() for text in TEXTS.values()]
    rows = tokenised(
        Dataset.from_list([{"prompt": p, "completion": [{"role": "assistant", "content": t}]} for p, t in given]), chat
    )
    shown = PROMPTS["system"] if not name.startswith("gemma") or name[5:6].isdigit() else None
    rollouts = [by_trl(name, [p if p is not PROMPTS["system"] or shown else system_to_user(p)])[0] for p, _ in given]
    for row, (_, text), prompt in zip(rows, given, rollouts, strict=True):
        answer = [token for token, learned in zip(row["input_ids"], row["completion_mask"], strict=True) if learned]
        assert row["input_ids"] == prompt + answer
        assert tokenizer.decode(answer) == text + end_of(name)
        assert tokenizer.decode(answer, skip_special_tokens=True) == text
        ending = tokenizer.convert_tokens_to_ids(end_of(name).split("RESPONSE|>")[-1])
        assert answer[-1] == ending
        assert ending not in answer[:-1]
    assert chat.ends == sorted({ending, tokenizer.eos_token_id})


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_prompt_goes_on_where_an_assistant_has_begun(name):
    """Token for token what a rollout would stand at that had written the text itself."""
    tokenizer = stored(name)
    chat = Chat(tokenizer)
    begun = [[*PROMPTS["user"], {"role": "assistant", "content": text}] for text in TEXTS.values()]
    (bare,) = by_trl(name, [PROMPTS["user"]])
    *prompts, last = chat.prompts([*begun, PROMPTS["user"]])
    assert last == bare
    for prompt, messages, text in zip(prompts, begun, TEXTS.values(), strict=True):
        assert prompt[: len(bare)] == bare
        assert tokenizer.decode(prompt[len(bare) :]) == text
        assert chat.prompt_text(messages) == tokenizer.decode(prompt)


def test_a_template_that_closes_the_conversation_ends_a_turn_before_that():
    closes = "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
    tokenizer = byte_tokenizer("{% for m in messages %}{{ m.content }}<|end|>{% endfor %}" + closes)
    assert tokenizer.decode(Chat(tokenizer).end) == "<|end|>"


@pytest.mark.parametrize(
    ("turn", "end"),
    [
        ("{{ m.role }}: {{ m.content }}\n", EOS),
        ("{{ m.role }}: {{ m.content | trim }} </s> ", " </s>"),
        ("{{ m.role }}: {{ m.content }}\n<|im_end|>\n", "\n<|im_end|>"),
        ("{% if m.role == 'user' %}{{ m.content }}{% endif %}<|im_end|>", EOS),
        ("{% if m.role == 'assistant' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}<|im_end|>", EOS),
    ],
    ids=["none", "with a space", "on its own line", "drops answers", "refuses answers"],
)
def test_the_end_of_turn_is_found_or_the_tokenizers(turn, end):
    tokenizer = byte_tokenizer(f"{{% for m in messages %}}{turn}{{% endfor %}}")
    assert tokenizer.decode(Chat(tokenizer).end) == end


EACH = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
ALWAYS = {
    "next turn opened": (EACH + "<|im_start|>assistant\n", "<|im_end|>"),
    "never opened": (EACH, "<|im_end|>"),
    # Cohere's Command A, which closes answer and turn.
    "two ends, next turn opened": (
        "{% macro turn(role) %}<|START_OF_TURN_TOKEN|>{{ '<|' + role + '_TOKEN|>' }}{% endmacro %}"
        "{{ turn('SYSTEM') }}# Preamble<|END_OF_TURN_TOKEN|>"
        "{% for m in messages %}{{ turn(m.role) }}"
        "{% if m.role == 'assistant' %}<|START_RESPONSE|>{% endif %}{{ m.content }}"
        "{% if m.role == 'assistant' %}<|END_RESPONSE|>{% endif %}"
        "<|END_OF_TURN_TOKEN|>{% endfor %}{{ turn('assistant') }}",
        "<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    ),
    "no end, next turn opened": (
        "{% for m in messages %}{{ '<|' + m.role + '|>' }}\n{{ m.content }}\n{% endfor %}<|assistant|>\n",
        EOS,
    ),
    "one answer at most": ("{% if messages|length > 2 %}{{ raise_exception('one') }}{% endif %}" + EACH, "<|im_end|>"),
    "no end, each turn opened alike": (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\n{% endfor %}<|im_start|>assistant\n",
        EOS,
    ),
}


@pytest.mark.parametrize("kind", ALWAYS)
def test_what_opens_the_next_turn_is_no_end(kind):
    template, end = ALWAYS[kind]
    marks = ("<|user|>", "<|assistant|>", "<|system|>", "<|SYSTEM_TOKEN|>", "<|user_TOKEN|>", "<|assistant_TOKEN|>")
    tokenizer = byte_tokenizer(template, special=marks)
    assert tokenizer.decode(Chat(tokenizer).end) == end


def test_a_turn_may_end_with_an_added_token_that_is_not_special():
    tokenizer = byte_tokenizer("{% for m in messages %}{{ m.content }}<end>{% endfor %}", "<end>")
    chat = Chat(tokenizer)
    assert chat.answer("yes")[-1] == tokenizer.convert_tokens_to_ids("<end>")
    with pytest.raises(DataError, match=r"holds <end>, which ends a turn, in 'yes<end>'"):
        chat.answer("yes<end>")


def test_without_any_end_nothing_can_be_taught():
    tokenizer = byte_tokenizer("{% for m in messages %}{{ m.content }}{% endfor %}")
    tokenizer.eos_token = None
    chat = Chat(tokenizer)
    assert chat.ends == []
    with pytest.raises(ModelError, match="neither the chat template nor the tokenizer says what ends a turn"):
        chat.answer("yes")


@pytest.mark.parametrize("special", [True, False])
def test_think_tags_stay_tokens_where_the_tokenizer_has_them(special):
    tags = ("<think>", "</think>")
    tokenizer = byte_tokenizer(TEMPLATES["qwen2_5"], *(() if special else tags), special=tags if special else ())
    ids = Chat(tokenizer).text_ids("<think>a</think>b<|im_end|>")
    opened, closed, end = (tokenizer.convert_tokens_to_ids(text) for text in (*tags, "<|im_end|>"))
    assert (ids[0], ids[2]) == (opened, closed)
    assert end not in ids
    assert tokenizer.decode(ids) == "<think>a</think>b<|im_end|>"


NO_SYSTEM = {
    "refuses": "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('none') }}{% endif %}"
    "[{{ m.content }}]{% endfor %}",
    "drops": "{% for m in messages %}{% if m.role == 'user' %}[{{ m.content }}]{% endif %}{% endfor %}",
}


@pytest.mark.parametrize("template", NO_SYSTEM.values(), ids=NO_SYSTEM)
def test_a_system_message_goes_before_the_first_users_where_the_template_has_no_place(template):
    tokenizer = byte_tokenizer(template)
    assert Chat(tokenizer).prompt_text([system("rules"), user("task")]) == "[rules\n\ntask]"
    assert Chat(tokenizer).prompt_text([user("task")]) == "[task]"
    kept = Chat(tokenizer, ChatSettings(system_role="template"))
    assert kept.prompt_text([user("task")]) == "[task]"
    with pytest.raises(ModelError, match=r"refuses or drops a system message.*set system_role: user"):
        kept.prompt([system("rules"), user("task")])


def test_system_messages_can_be_put_there_with_any_template():
    chat = Chat(stored("qwen2_5"), ChatSettings(system_role="user"))
    text = chat.prompt_text([system("rules"), user("task")])
    assert text.endswith("<|im_start|>user\nrules\n\ntask<|im_end|>\n<|im_start|>assistant\n")
    assert chat.describe() == {"system_role": "user"}
    assert system_to_user([system("a"), system("b")]) == [user("a\n\nb")]


def test_variables_reach_prompts_and_the_description():
    chat = Chat(stored("qwen3"), ChatSettings({"enable_thinking": False}))
    assert chat.prompt_text([user("q")]).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert stored("qwen3").decode(chat.prompt([user("q")])) == chat.prompt_text([user("q")])
    assert chat.describe() == {"chat_template_kwargs": {"enable_thinking": False}}
    expected = {"chat_template_kwargs": {"enable_thinking": False}, "system_role": "template"}
    assert expected.items() <= chat.record().items()
    assert chat.fingerprint() != Chat(stored("qwen3")).fingerprint()
    assert Chat(stored("qwen3")).describe() == {}


SPACED = {
    "own line": (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "end on its own line": (
        "{% for m in messages %}{{ m.role }}:\n{{ m.content }}\n<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:\n{% endif %}"
    ),
    "after a space": (
        "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}</s>"
        "{% endif %}{% endfor %}"
    ),
}


@pytest.mark.parametrize("scheme", ["always", "first"])
@pytest.mark.parametrize("kind", SPACED)
def test_a_tokenizer_that_puts_a_space_before_texts_puts_none_where_the_template_has_none(kind, scheme):
    """The tokens of a text and its end are those of the whole conversation, tokenised at once."""
    tokenizer = spaced_tokenizer(SPACED[kind], scheme)
    text = "the end: 3 * 2 = 6"
    conversation = [user("q"), {"role": "assistant", "content": text}]
    whole = tokenizer.apply_chat_template(conversation, return_dict=False)
    answer = Chat(tokenizer).answer(text)
    place = next(n for n in range(len(whole)) if whole[n : n + len(answer)] == answer)
    assert tokenizer.decode(whole[:place]).endswith(("assistant\n", "assistant:\n", "[/INST]"))
    assert Chat(tokenizer).decode(answer).rstrip("\n") == text


def test_the_end_of_turn_joins_what_a_generation_config_ends_at():
    chat = Chat(stored("qwen2_5"))
    eos, end = stored("qwen2_5").eos_token_id, stored("qwen2_5").convert_tokens_to_ids("<|im_end|>")
    for before, after in [(None, {eos, end}), (eos, {eos, end}), ([900, eos], {900, eos, end})]:
        model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=before))
        assert chat.ends_of(model) == sorted(after)
        chat.end_turns_of(model)
        assert set(model.generation_config.eos_token_id) == after
