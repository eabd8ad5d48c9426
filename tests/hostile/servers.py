"""Servers that are no friends: each answers chat completions by what a test writes to the connection.

What never ends by itself ends when the client goes away, and in any case after `MOST` bytes.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

MOST = 600 * 2**20
GOOD = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "\\boxed{2}"}, "finish_reason": "stop"}],
    "usage": {"completion_tokens": 7},
}


class Wire:
    """A connection on which a request has come.

    Attributes:
        number: Of the request among those for completions, from 0.
        sent: Bytes so far.
        gone: Set when the test is over.
    """

    def __init__(self, file, number: int, gone: threading.Event) -> None:
        self._file, self.number, self.gone, self.sent = file, number, gone, 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        self.sent += len(data)

    def endless(self, piece: bytes, between: float = 0.0) -> None:
        """The same again and again."""
        while self.sent < MOST and not self.gone.wait(between):
            self.write(piece)

    def answer(self, body: bytes, status: str = "200 OK", headers: str = "", length: object = None) -> None:
        announced = len(body) if length is None else length
        self.write(f"HTTP/1.1 {status}\r\nContent-Length: {announced}\r\n{headers}\r\n".encode() + body)

    def json(self, content: object, status: str = "200 OK", headers: str = "") -> None:
        self.answer(json.dumps(content).encode(), status, headers)


Way = Callable[[Wire], None]


def models(wire: Wire) -> None:
    """As a server should."""
    wire.json({"data": [{"id": "tiny"}]})


class Stub(socketserver.ThreadingTCPServer):
    """Counts what it was asked and what it sent."""

    allow_reuse_address = daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, chat: Way, listed: Way) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.chat, self.listed = chat, listed
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.sent: list[int] = []
        self.gone, self.lock = threading.Event(), threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def asked(self) -> int:
        """Requests for completions."""
        return sum(line.startswith("POST") for line, *_ in self.requests)

    def handle_error(self, request, client_address):
        """Clients go away."""


class _Handler(socketserver.StreamRequestHandler):
    server: Stub

    def handle(self):
        line = self.rfile.readline().decode().strip()
        headers = {}
        while (header := self.rfile.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        with self.server.lock:
            number = self.server.asked
            self.server.requests.append((line, headers, body))
        wire = Wire(self.wfile, number, self.server.gone)
        with suppress(OSError):
            (self.server.chat if line.startswith("POST") else self.server.listed)(wire)
        with self.server.lock:
            self.server.sent.append(wire.sent)


@contextmanager
def stub(chat: Way, listed: Way = models) -> Iterator[Stub]:
    """A server that answers so."""
    with Stub(chat, listed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.gone.set()
            server.shutdown()
            thread.join()
