"""Back ends speak to a model as its training did, and end where its turns end."""

from __future__ import annotations

import pytest

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer, system, user
from tests.models import random_model
from treadle.chat.settings import ChatSettings, write_file
from treadle.errors import ModelError
from treadle.evaluate.backends import open_backend
from treadle.evaluate.backends.chat import Dialect, payload_of
from treadle.evaluate.records import Request, Sampling


@pytest.fixture
def saved(tmp_path):
    def of(name, **changes):
        tokenizer = byte_tokenizer(TEMPLATES[name])
        model = random_model(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, **changes)
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    return of


def opened(folder, **options):
    return open_backend(str(folder), "transformers", dtype="float32", device="cpu", **options)


def test_what_a_model_was_trained_with_holds_unless_told_otherwise(saved):
    folder = saved("qwen3")
    assert "chat" not in opened(folder).describe()
    write_file(folder, {"chat_template_kwargs": {"enable_thinking": False}, "system_role": "user"})
    backend = opened(folder)
    assert backend.describe()["chat"] == {"chat_template_kwargs": {"enable_thinking": False}, "system_role": "user"}
    asked = backend.tokenizer.decode(backend._tokens(Request([system("rules"), user("q")], 0)))
    assert asked.startswith("<|im_start|>user\nrules\n\nq<|im_end|>")
    assert asked.endswith("<think>\n\n</think>\n\n")
    told = opened(folder, chat_template_kwargs={}, system_role="auto")
    assert "chat" not in told.describe()
    with pytest.raises(ModelError, match="system_role: found 'first', expected auto or template or user"):
        opened(folder, system_role="first")
    with pytest.raises(ModelError, match="date: found 'now', expected a day such as"):
        opened(folder, date="now")


def test_the_template_s_end_of_turn_ends_a_base_models_texts(saved):
    backend = opened(saved("qwen2_5"))
    names = backend.tokenizer.convert_ids_to_tokens(backend.ends)
    assert set(names) == {"<|im_end|>", "<|endoftext|>"}


def test_prompts_of_another_day_are_described_as_other_prompts(saved):
    folder = saved("llama3_2")
    request = Request([user("q")], 0)
    first, same, other = (opened(folder, date=day) for day in ("2026-11-28", "2026-11-28", "2026-11-29"))
    assert first.describe() == same.describe()
    assert first.describe() != other.describe()
    assert first._tokens(request) == same._tokens(request) != other._tokens(request)
    undated = saved("qwen3")
    assert opened(undated, date="2026-11-28").describe() == opened(undated, date="2026-11-29").describe()


def test_a_server_is_sent_the_variables_and_the_moved_system_message():
    request = Request([system("rules"), user("q")], 0)
    plain = payload_of("m", request, Sampling(5), Dialect.SAMPLER)
    assert plain["messages"] == [system("rules"), user("q")]
    assert "chat_template_kwargs" not in plain
    settings = ChatSettings({"enable_thinking": False}, "user")
    for dialect in Dialect:
        body = payload_of("m", request, Sampling(5), dialect, settings)
        assert body["messages"] == [user("rules\n\nq")]
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
