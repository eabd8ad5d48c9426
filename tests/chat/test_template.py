"""Templates that fail, each in its own way, and their date."""

from __future__ import annotations

import datetime

import pytest

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer, stored, system, user
from treadle.chat.chat import Chat
from treadle.chat.settings import ChatSettings
from treadle.chat.template import Template
from treadle.errors import ModelError

EACH = "{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            "{% for m in messages %}\n{{ m.content }",
            r"cannot be read, line 2: unexpected '}'; mend",
        ),
        ("{{ messages[0].meta.name }}", r"roles user \(UndefinedError: 'dict object' has no attribute 'meta'\)"),
        ("{{ raise_exception('not\n today') }}", r"roles user \(not today\); take a template that knows them"),
        ("{{ 1 + messages[0].content }}", r"roles user \(TypeError: unsupported operand"),
        ("always the same", "drops a user's text"),
        (None, "the tokenizer has no chat template"),
    ],
)
def test_a_template_that_cannot_be_used_is_one_line(template, words):
    tokenizer = byte_tokenizer(template)
    with pytest.raises(ModelError, match=words) as found:
        Chat(tokenizer)
    assert "\n" not in str(found.value)


def test_named_templates_without_a_default_are_named():
    named = {"rag": TEMPLATES["qwen2_5"], "tool_use": TEMPLATES["qwen2_5"]}
    tokenizer = byte_tokenizer(TEMPLATES["qwen2_5"])
    tokenizer.chat_template = named
    with pytest.raises(ModelError, match=r"chat templates named rag, tool_use and none named default; write the one"):
        Chat(tokenizer)
    tokenizer.chat_template = {**named, "default": TEMPLATES["qwen2_5"]}
    assert Chat(tokenizer).prompt([user("q")]) == Chat(stored("qwen2_5")).prompt([user("q")])


def test_messages_that_a_template_refuses_are_named_by_their_roles():
    chat = Chat(stored("gemma"))
    for call in (chat.prompt, chat.prompt_text):
        with pytest.raises(ModelError, match=r"the roles user, user \(Conversation roles must alternate"):
            call([user("a"), user("b")])
    with pytest.raises(ModelError, match="roles user, user"):
        chat.prompts([[user("a")], [user("a"), user("b")]])
    assert chat.prompts([]) == []


@pytest.mark.parametrize("name", ["messages", "tools", "add_generation_prompt", "tokenize", "strftime_now"])
def test_variables_that_treadle_sets_are_refused(name):
    with pytest.raises(ModelError, match=f"chat_template_kwargs: '{name}' is set by treadle; leave it out"):
        Chat(stored("llama3_2"), ChatSettings({name: True}))


def test_a_variable_that_the_template_has_not_is_refused():
    with pytest.raises(ModelError, match="has no variable 'enable_thinkng'"):
        Chat(stored("qwen3"), ChatSettings({"enable_thinkng": False}))


@pytest.mark.parametrize("name", ["llama3_2", "gptoss", "muse_glimmer"])
def test_the_date_of_today_is_transformers_own(name):
    messages = [system("rules"), user("q")]
    before = datetime.date.today()
    expected = stored(name).apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    found = Chat(stored(name), ChatSettings(date=before.isoformat())).prompt(messages)
    if datetime.date.today() == before:
        assert found == expected


def test_every_form_of_a_date_is_written_as_python_does():
    forms = ["%d %b %Y", "%A, %-d. %B %y", "%Y-%m-%d %H:%M:%S", "%j %U %w%%", "no date"]
    shown = "|".join(f"{{{{ strftime_now('{form}') }}}}" for form in forms)
    template = Template(byte_tokenizer(f"\n  {shown}{EACH}"), {}, "2024-01-05")
    day = datetime.datetime(2024, 1, 5)
    assert template.text([user("")]) == "\n  " + "|".join(day.strftime(form) for form in forms)


def test_only_a_date_that_is_shown_is_described():
    dated, other = (Chat(stored("llama3_2"), ChatSettings(date=day)) for day in ("2026-11-28", "2026-11-29"))
    assert "Today Date: 28 Nov 2026" in dated.prompt_text([user("q")])
    assert dated.prompt([user("q")]) != other.prompt([user("q")])
    assert dated.describe() == {"date": "2026-11-28"}
    assert dated.record()["date"] == "2026-11-28"
    assert Chat(stored("llama3_2"), ChatSettings({"date_string": "today"}, date="2026-11-28")).describe() == {
        "chat_template_kwargs": {"date_string": "today"}
    }
    assert "date" not in Chat(stored("qwen3"), ChatSettings(date="2026-11-28")).record()
    assert Chat(byte_tokenizer(TEMPLATES["llama3_2"])).settings.date == datetime.date.today().isoformat()


def test_a_template_that_writes_a_token_which_the_tokenizer_has_not_names_it():
    tokenizer = byte_tokenizer(TEMPLATES["llama3"])
    assert Chat(tokenizer).prompt_text([user("q")]).startswith("<s>")
    tokenizer.bos_token = None
    with pytest.raises(ModelError, match=r"writes bos_token, which the tokenizer has not; set tokenizer.bos_token"):
        Chat(tokenizer)
