"""The official `openai` client and treadle's own exchange against servers that misbehave.

    python benchmarks/official_client.py [FAULT ...] [--seconds 2] [--most 12]

Each fault is met four times, each in a process of its own that may take 700 MiB more and is killed after `--most`
seconds: by treadle; by the client as it comes, without retries; by the client with all that its settings offer, its
answer streamed and cut off by the caller; and by the same over a network stream that counts bytes and ends at the
deadline, which has to be put into a private attribute of the HTTP client's transport. The last lines are redirects
(what the other host got), kept connections that the server closes (six requests), and processor time of a request.

Needs openai; the servers are those of the tests.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import select
import signal
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpcore2
import httpx2
import openai

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.hostile.servers import GOOD, Way, Wire, stub
from treadle.evaluate.backends.http import CHAT, Passing, Refusal, content_of, exchange

KEY = "sk-0123456789abcdef"
MIB = 2**20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = json.dumps(GOOD).encode()
PAYLOAD = {"model": "tiny", "messages": [{"role": "user", "content": "1 + 1"}], "max_tokens": 64, "stream": False}
Ask = Callable[[], str]


def endless(head: bytes, piece: bytes, between: float = 0.0) -> Way:
    def way(wire: Wire) -> None:
        wire.write(head)
        wire.endless(piece, between)

    return way


def says(status: str, headers: str = "") -> Way:
    return lambda wire: wire.json({"error": {"message": f"Bearer {KEY}"}}, status, headers)


@cache
def bomb() -> bytes:
    return gzip.compress(b'{"choices": [' + b" " * 500_000_000 + b"]}", 1)


FAULTS: dict[str, Way] = {
    "dripping body": endless(OK + b"\r\n", b" ", 0.1),
    "dripping status": endless(b"", b"H", 0.1),
    "dripping header": endless(OK + b"X: ", b"a", 0.1),
    "dripping error": endless(b"HTTP/1.1 500 Oh\r\n\r\n", b" ", 0.1),
    "endless interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "endless error": endless(b"HTTP/1.1 500 Oh\r\n\r\n", b"a" * MIB),
    "endless body": endless(OK + b"\r\n", b"a" * MIB),
    "body of 1 TB": endless(OK + b"Content-Length: 999999999999\r\n\r\n", b"a" * MIB),
    "endless extensions of chunks": endless(CHUNKED, b"1;" + b"x" * 60000 + b"\r\na\r\n"),
    "endless headers": endless(OK, b"X-A: b\r\n" * 1000),
    "endless header": endless(OK + b"X-A: ", b"a" * MIB),
    "endless trailers": endless(CHUNKED + b"1\r\n{\r\n0\r\n", b"X: y\r\n" * 1000),
    "bomb": lambda wire: wire.answer(bomb(), headers="Content-Encoding: gzip\r\n"),
    "half a body": lambda wire: wire.answer(BODY[:70], length=len(BODY)),
    "half a chunk": lambda wire: wire.write(CHUNKED + b"90\r\n" + BODY[:16]),
    "half a body, no length": lambda wire: wire.write(OK + b"\r\n" + BODY[:60]),
    "nothing": lambda wire: wire.answer(b""),
    "page": lambda wire: wire.answer(b"<html>502</html>"),
    "list": lambda wire: wire.json([1, 2]),
    "error with status 200": says("200 OK"),
    "closed": lambda wire: None,
    "silence": lambda wire: wire.gone.wait(30) and None,
    "429": says("429 Slow", "Retry-After: 2\r\n"),
    "500": says("500 Oh"),
    "401": says("401 No"),
    "no fault": lambda wire: wire.json(GOOD),
}


class BoundedStream(httpcore2.NetworkStream):
    """Ends at `limits.until` and after `limits.left` bytes."""

    def __init__(self, stream: httpcore2.NetworkStream, limits: threading.local) -> None:
        self._stream, self._limits = stream, limits

    def _seconds(self) -> float:
        if (left := self._limits.until - time.monotonic()) <= 0:
            raise httpcore2.ReadTimeout("deadline")
        return left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = self._stream.read(max_bytes, self._seconds())
        self._limits.left -= len(received)
        if self._limits.left < 0:
            raise httpcore2.ReadError("too much")
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._seconds())

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class BoundedNetwork(httpcore2.NetworkBackend):
    def __init__(self, limits: threading.local) -> None:
        self._limits, self._network = limits, httpcore2.SyncBackend()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **rest: object) -> BoundedStream:
        return BoundedStream(self._network.connect_tcp(host, port, timeout, **rest), self._limits)


def ours(url: str, seconds: float) -> Ask:
    return lambda: content_of(exchange(url + CHAT, seconds, PAYLOAD, KEY))["choices"][0]["message"]["content"]


def as_it_comes(url: str, seconds: float) -> Ask:
    client = openai.OpenAI(base_url=url, api_key=KEY, timeout=seconds, max_retries=0)
    return lambda: client.chat.completions.create(**PAYLOAD).choices[0].message.content


def with_settings(url: str, seconds: float) -> Ask:
    return _streamed(url, seconds, None, threading.local())


def own_stream(url: str, seconds: float) -> Ask:
    limits = threading.local()
    transport = httpx2.HTTPTransport(trust_env=False)
    transport._pool = httpcore2.ConnectionPool(network_backend=BoundedNetwork(limits), max_connections=64)
    return _streamed(url, seconds, transport, limits)


def _streamed(url: str, seconds: float, transport: httpx2.HTTPTransport | None, limits: threading.local) -> Ask:
    plain = {"Accept-Encoding": "identity"}
    http = httpx2.Client(trust_env=False, follow_redirects=False, timeout=seconds, headers=plain, transport=transport)
    client = openai.OpenAI(base_url=url, api_key=KEY, timeout=seconds, max_retries=0, http_client=http)

    def ask() -> str:
        limits.until, limits.left = time.monotonic() + seconds, 9 * MIB
        received = bytearray()
        with client.chat.completions.with_streaming_response.create(**PAYLOAD) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                return "refused by the caller"
            for piece in response.iter_bytes():
                received += piece
                if len(received) > MIB or time.monotonic() > limits.until:
                    return "cut off by the caller"
        return json.loads(received)["choices"][0]["message"]["content"]

    return ask


CLIENTS = {"treadle": ours, "as it comes": as_it_comes, "with settings": with_settings, "own stream": own_stream}


def said_by(ask: Ask) -> str:
    try:
        return f"answer {ask()!r}"
    except (Passing, Refusal) as error:
        return f"{getattr(error, 'fault', 'refusal')}: {error}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def measured(client: str, way: Way, seconds: float, most: float) -> str:
    """What became of one request in a process of its own, after how long and with how much more memory."""
    with stub(way) as server:
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            ask = CLIENTS[client](server.url, seconds)
            size, held, *_ = (
                int(word) * resource.getpagesize() for word in Path("/proc/self/statm").read_text().split()
            )
            resource.setrlimit(resource.RLIMIT_AS, (size + 700 * MIB,) * 2)
            Path("/proc/self/clear_refs").write_text("5")
            began = time.monotonic()
            said = said_by(ask)[:100]
            taken = time.monotonic() - began
            os.write(write, f"{taken:5.1f} s {_peak('self') - held // MIB:4} MiB  {said}".encode())
            os._exit(0)
        os.close(write)
        ended, *_ = select.select([read], [], [], most)
        found = os.read(read, 4096).decode() if ended else f"{most:5.1f} s  not ended, {_peak(pid)} MiB in all"
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read)
    return found


def _peak(pid: int | str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


class Keeping(socketserver.StreamRequestHandler):
    """Keeps a connection for so many answers, and closes it when the next request has come."""

    answers = 1

    def handle(self) -> None:
        for number in range(self.answers + 1):
            length = 0
            while line := self.rfile.readline().strip().lower():
                length = int(line.split()[1]) if line.startswith(b"content-length") else length
            if not self.rfile.read(length) or number == self.answers:
                return
            self.wfile.write(OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)


class KeepingLong(Keeping):
    answers = 1000


@contextmanager
def keeping(handler: type[Keeping]) -> Iterator[str]:
    """The address of a server that keeps connections."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def others() -> None:
    for name, client in CLIENTS.items():
        with stub(lambda wire: wire.json(GOOD)) as other:
            place = f"Location: http://127.0.0.1:{other.server_address[1]}/v1/x\r\n"
            with stub(lambda wire, place=place: wire.json({}, "307 Over there", place)) as server:
                said = said_by(client(server.url, 30))[:60]
            got = [("key" if "authorization" in head else "no key", body[:60]) for _, head, body in other.requests]
        print(f"{'redirect':28} {name:14} {said}; there came {got}", flush=True)
    for name, client in CLIENTS.items():
        with keeping(Keeping) as url:
            ask = client(url, 30)
            answers = sum(said_by(ask).startswith("answer") for _ in range(6))
        print(f"{'kept and closed':28} {name:14} {answers} of 6 answered", flush=True)
    for name, client in CLIENTS.items():
        with keeping(KeepingLong) as url:
            ask = client(url, 60)
            ask()
            began = time.thread_time()
            for _ in range(200):
                ask()
            print(f"{'processor time':28} {name:14} {5 * (time.thread_time() - began):.2f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--seconds", type=float, default=2.0, help="limit of a request")
    parser.add_argument("--most", type=float, default=12.0, help="seconds after which a client is killed")
    arguments = parser.parse_args()
    print(f"openai {openai.__version__}, httpx2 {httpx2.__version__}, httpcore2 {httpcore2.__version__}")
    bomb()
    with stub(lambda wire: wire.json(GOOD)) as server:
        for client in CLIENTS.values():  # imports what it needs
            client(server.url, 60)()
    for fault in arguments.faults or FAULTS:
        for client in CLIENTS:
            found = measured(client, FAULTS[fault], arguments.seconds, arguments.most)
            print(f"{fault:28} {client:14} {found}", flush=True)
    others()


if __name__ == "__main__":
    main()
