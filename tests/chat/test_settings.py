"""What lies beside a trained model, and what is wrong with a file of other hands."""

from __future__ import annotations

import json

import pytest

from treadle.chat.settings import FILE, ChatSettings, read_file, read_settings, write_file
from treadle.errors import ModelError


def test_what_was_written_is_read_and_other_keys_stay(tmp_path):
    assert read_settings(str(tmp_path)) == ChatSettings()
    write_file(tmp_path, {"think_tags": ["<t>", "</t>"], "system_role": "template"})
    write_file(tmp_path, {"chat_template_kwargs": {"a": 1}, "system_role": "user", "date": "2026-11-28"})
    assert read_file(str(tmp_path))["think_tags"] == ["<t>", "</t>"]
    settings = read_settings(str(tmp_path))
    assert settings == ChatSettings({"a": 1}, "user", "2026-11-28")
    assert settings.changed({}, None, "2026-11-29") == ChatSettings({}, "user", "2026-11-29")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no JSON"),
        ("[1]", "found list, expected an object"),
        ({"chat_template_kwargs": [1]}, r"chat_template_kwargs: found \[1\], expected names with values"),
        ({"system_role": "assistant"}, "system_role: found 'assistant', expected auto or template or user"),
        ({"date": "yesterday"}, "date: found 'yesterday', expected a day such as 2026-01-31"),
    ],
)
def test_a_file_that_is_not_treadles_is_named(content, words, tmp_path):
    (tmp_path / FILE).write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ModelError, match=f"{FILE}: {words}"):
        read_settings(str(tmp_path))


def test_a_hub_id_that_is_not_there_has_no_settings():
    assert read_file("nobody/nothing-of-this-name") == {}
