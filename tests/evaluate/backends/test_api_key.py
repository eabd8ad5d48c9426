"""Where a server's key comes from, and that it is not shown."""

from __future__ import annotations

import pytest

from treadle.errors import ModelError
from treadle.evaluate.backends.api_key import ApiKey


def test_a_key_is_read_and_hidden(monkeypatch):
    monkeypatch.setenv("THE_KEY", " abc-123\n")
    key = ApiKey("THE_KEY")
    assert key.value == "abc-123"
    assert "abc-123" not in key.hidden_in(ValueError("refused: abc-123"))
    assert key.cut_from("the word abc-123") == "the word abc-123"  # too short to be told from a word
    monkeypatch.setenv("LONG_KEY", "abc-123-def")
    assert ApiKey("LONG_KEY").cut_from("it is abc-123-def, abc-123") == "it is ***, abc-123"
    assert ApiKey(None).cut_from("all well") == "all well"
    assert ApiKey(None).value is None
    assert ApiKey(None).hidden_in("all well") == "all well"


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("sk-abcdefghijklmnop", "expected the name of an environment variable"),
        ("NOT_SET", "environment variable NOT_SET is not set; export NOT_SET=KEY"),
        ("TWO_LINES", "environment variable TWO_LINES holds a line end"),
    ],
)
def test_what_is_no_key_is_not_repeated(monkeypatch, variable, said):
    monkeypatch.setenv("TWO_LINES", "abc\ndef")
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ModelError, match=said) as caught:
        ApiKey(variable)
    assert "sk-abc" not in str(caught.value)
    assert "def" not in str(caught.value)
