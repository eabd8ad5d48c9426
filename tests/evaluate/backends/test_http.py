"""The small parts of an exchange, each against values worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from treadle.errors import ModelError
from treadle.evaluate.backends.http import Fault, Passing, Reply, exchange, message_of, normal_url, waiting_time


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("https://api.example.org/serve/v1/chat/completions", "https://api.example.org/serve/v1"),
    ],
)
def test_addresses(given, expected):
    assert normal_url(given) == expected


def test_addresses_that_cannot_be_used():
    for url in ("localhost:8000", "ftp://localhost/v1", "http://", ""):
        with pytest.raises(ModelError, match="expected the address of a server"):
            normal_url(url)
    with pytest.raises(ModelError, match="holds a name or password") as caught:
        normal_url("https://me:secret@example.org/v1")
    assert "secret" not in str(caught.value)


def test_waiting_time_is_seconds_or_a_date():
    now = datetime(2025, 10, 21, 7, 28, 0, tzinfo=UTC)
    assert waiting_time("120") == 120
    assert waiting_time("0.5") == 0.5
    assert waiting_time("Tue, 21 Oct 2025 07:28:30 GMT", now) == 30
    assert waiting_time("Tue, 21 Oct 2025 07:27:30 GMT", now) == 0
    for nothing in (None, "", "soon", "-3", "nan", "inf"):
        assert waiting_time(nothing) == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": {"message": "The model does not exist.", "code": 404}}', "The model does not exist."),
        (b'{"object": "error", "message": "too long"}', "too long"),
        (b'{"detail": "Unexpected fields"}', "Unexpected fields"),
        (b'{"detail": [{"loc": ["body"], "msg": "Field required"}]}', "Field required"),
        (b'{"error": "plain"}', "plain"),
        (b"<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        (b"", "nothing said"),
        (b"null", "null"),
        (b"\xff\xfe", "\ufffd"),
    ],
)
def test_messages_of_servers(body, expected):
    assert expected in message_of(Reply(400, body, None))


def test_nobody_there():
    with pytest.raises(Passing, match="refused") as caught:
        exchange("http://127.0.0.1:9/v1/models", 2.0)
    assert caught.value.fault is Fault.CONNECTION
