"""Why requests do not go through the official `openai` client: two faults that its settings do not bound.

It is given all that its settings offer: no retries, a time limit, no redirects, no proxies, and the answer is read in
pieces and not parsed. A newer client for which one of these tests fails is a reason to decide anew; docs/security.md
has the other faults.
"""

from __future__ import annotations

import threading
import time

import pytest

from tests.hostile.servers import Wire, stub
from treadle.evaluate.backends.http import CHAT, Fault, Passing, content_of, exchange

openai = pytest.importorskip("openai")
MIB = 2**20
ERROR = 24 * MIB
PAYLOAD = {"model": "tiny", "messages": [{"role": "user", "content": "1 + 1"}], "max_tokens": 64}


def official(url, seconds):
    """Ask through the client; at most 1 MiB of the answer is read."""
    http = openai.DefaultHttpxClient(follow_redirects=False, trust_env=False)
    with openai.OpenAI(base_url=url, api_key="none", timeout=seconds, max_retries=0, http_client=http) as client:
        received = 0
        with client.chat.completions.with_streaming_response.create(**PAYLOAD) as response:
            for piece in response.iter_bytes():
                received += len(piece)
                if received > MIB:
                    break


def ours(url, seconds):
    return content_of(exchange(url + CHAT, seconds, PAYLOAD))


def test_a_head_that_drips_outlasts_its_time_limit():
    def drip(wire: Wire) -> None:
        wire.write(b"HTTP/1.1 200 OK\r\nX: ")
        wire.endless(b"a", 0.02)

    seconds = 0.3
    with stub(drip) as server:
        began = time.monotonic()
        with pytest.raises(Passing) as caught:
            ours(server.url, seconds)
        assert caught.value.fault is Fault.TIMEOUT
        taken = time.monotonic() - began

        def endless():
            with pytest.raises(openai.APIConnectionError):  # when the server is gone
                official(server.url, seconds)

        client = threading.Thread(target=endless, daemon=True)
        client.start()
        client.join(max(2.0, 3 * taken))
        assert client.is_alive(), "the client ended in time: read this file's first lines"
        server.gone.set()
        client.join(20)
        assert not client.is_alive()


def test_an_error_is_read_to_its_end_whatever_its_size():
    def error(wire: Wire) -> None:
        wire.write(b'HTTP/1.1 500 Oh\r\n\r\n{"error": "')
        while wire.sent < ERROR:
            wire.write(b"a" * MIB)

    with stub(error) as server:
        with pytest.raises(Passing, match="status 500"):
            ours(server.url, 30)
        with pytest.raises(openai.InternalServerError) as caught:
            official(server.url, 30)
    assert len(caught.value.response.content) >= ERROR, "the client stopped: read this file's first lines"
    assert min(server.sent) < ERROR / 2, "ours went away"
