"""A real HTTP server that answers chat completions with a fixed text for each prompt and misbehaves as told.

`faults` says for each prompt which ways to fail come before the answer; a way is one of the methods of `Handler` whose
name begins with `fault_`, with its argument after a colon: `status:503`, `status:429:0.2` (with Retry-After), `half`.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def text_for(prompt, seed):
    return f"The answer to {prompt} with {seed} is \\boxed{{{len(prompt) + seed}}}."


class FaultyServer(ThreadingHTTPServer):
    """Counts what it was asked, and how many requests were under way together."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, faults=None, *, models=("tiny",), key=None, refused=(), reply=None, delay=0.0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = defaultdict(list, {k: list(v) for k, v in (faults or {}).items()})
        self.models, self.key, self.refused, self.delay = models, key, refused, delay
        self.reply = reply or {}
        self.asked = Counter()
        self.bodies = []
        self.times = defaultdict(list)
        self.lock = threading.Lock()
        self.under_way = self.most_under_way = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        """Clients that have given up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: FaultyServer
    counted = False

    def do_GET(self):
        if self.path != "/v1/models":
            self.answer(404, {"detail": "Not Found"})
            return
        self.answer(200, {"object": "list", "data": [{"id": m, "object": "model"} for m in self.server.models]})

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        with server.lock:
            server.asked[prompt] += 1
            server.bodies.append(body)
            server.times[prompt].append(time.monotonic())
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
            self.counted = True
            # "*" holds for whoever comes first; the last way that is marked "always" is never used up.
            ways = server.faults[prompt] or server.faults["*"]
            way = ways[0] if ways else None
            if ways and not way.endswith("always"):
                ways.pop(0)
        try:
            self.respond(body, prompt, way)
        finally:
            self.over()

    def over(self):
        """The request is under way no longer: its client may send the next as soon as it has read the answer."""
        with self.server.lock:
            self.server.under_way -= self.counted
            self.counted = False

    def respond(self, body, prompt, way):
        server = self.server
        if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
            self.answer(401, {"error": {"message": "Invalid API key", "type": "auth"}})
        elif unknown := [name for name in body if name in server.refused]:
            self.answer(422, {"detail": f"Unexpected fields in the request: {set(unknown)}"})
        elif way:
            name, *arguments = way.removesuffix(":always").split(":")
            getattr(self, f"fault_{name}")(body, *arguments)
        elif body["model"] not in server.models:
            self.answer(404, {"error": {"message": f"The model `{body['model']}` does not exist.", "code": 404}})
        else:
            time.sleep(server.delay)
            self.answer(200, self.completion(body))

    def completion(self, body):
        message = {"role": "assistant", "content": text_for(body["messages"][-1]["content"], body["seed"])}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
        reply = self.server.reply.get(body["messages"][-1]["content"], {})
        choice |= {k: v for k, v in reply.items() if k in choice}
        return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": reply.get("usage", usage)}

    def answer(self, status, content, headers=()):
        self.send_bytes(status, json.dumps(content).encode(), headers)

    def send_bytes(self, status, body, headers=(), announced=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.over()
        self.wfile.write(body)

    def fault_status(self, body, status, retry_after=None, message="try later"):
        headers = [("Retry-After", retry_after)] if retry_after else []
        self.answer(int(status), {"error": {"message": message}}, headers)

    def fault_long(self, body):
        message = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
        self.answer(400, {"object": "error", "message": message, "code": 400})

    def fault_half(self, body):
        whole = json.dumps(self.completion(body)).encode()
        self.send_bytes(200, whole[: len(whole) // 2], announced=len(whole))

    def fault_chunk(self, body):
        """The first chunk of several, and no end."""
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"40\r\n" + json.dumps(self.completion(body)).encode()[:16])
        self.close_connection = True

    def fault_nothing(self, body):
        """Closes the connection without a word."""
        self.close_connection = True

    def fault_empty(self, body):
        self.send_bytes(200, b"")

    def fault_garbage(self, body):
        self.send_bytes(200, b"<html>502 Bad Gateway</html>")

    def fault_list(self, body):
        self.send_bytes(200, b"[1, 2]")

    def fault_choiceless(self, body):
        self.answer(200, {"id": "1", "choices": []})

    def fault_aborted(self, body):
        message = {"role": "assistant", "content": "half a"}
        self.answer(200, {"choices": [{"index": 0, "message": message, "finish_reason": "abort"}]})

    def fault_slow(self, body, seconds):
        time.sleep(float(seconds))
        self.answer(200, self.completion(body))

    def fault_drip(self, body, seconds):
        """A byte at a time, so that no single read waits long."""
        whole = json.dumps(self.completion(body)).encode()
        self.send_bytes(200, b"", announced=len(whole))
        for byte in whole:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(float(seconds) / len(whole))

    def log_message(self, format, *arguments):
        """Quiet."""


@contextmanager
def serving(*arguments, **settings):
    with running(FaultyServer(*arguments, **settings)) as server:
        yield server


@contextmanager
def running(server):
    """A server in a thread of its own."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
