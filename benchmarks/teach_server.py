"""A teacher that answers at once: numbered solutions of sums, one in four with a wrong result.

    python benchmarks/teach_server.py PORT

Answers to the same request are the same. GET /v1/counts tells how many requests came and how many different ones, and
GET /v1/twice the digests (`digest_of`) of those that came more than once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
import time
from collections import Counter
from typing import Any

SUM = re.compile(r"What is (\d+) \+ (\d+)\?")
SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]


def digest_of(messages: list[dict[str, str]], seed: int) -> str:
    return hashlib.sha256(json.dumps([messages, seed], sort_keys=True).encode()).hexdigest()[:16]


def words_of(text: str, count: int) -> str:
    """Words that nobody knows, and other ones for another text."""
    digest = hashlib.shake_128(text.encode()).digest(3 * count)
    return " ".join("".join(SYLLABLES[b % len(SYLLABLES)] for b in digest[3 * i : 3 * i + 3]) for i in range(count))


def is_right(digest: str) -> bool:
    return int(digest, 16) % 4 != 0


def solution(problem: str, digest: str) -> str:
    a, b = map(int, SUM.search(problem).groups())
    result = a + b if is_right(digest) else a + b + 1
    return (
        f"1. **Reading**: {words_of('1' + digest, 20)}.\n2. **Looking**: {words_of('2' + digest, 20)}.\n"
        f"3. **Adding**: {a} + {b} = {result}, so that the answer is \\boxed{{{result}}}."
    )


class Teacher:
    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.times = [0.0, 0.0]

    def answer(self, path: bytes, body: bytes) -> Any:
        if path.endswith(b"/counts"):
            seconds = self.times[1] - self.times[0]
            cpu = time.process_time()
            return {"asked": self.asked.total(), "different": len(self.asked), "seconds": seconds, "cpu": cpu}
        if path.endswith(b"/asked"):
            return dict(self.asked)
        if path.endswith(b"/models"):
            return {"data": [{"id": "teacher"}]}
        request = json.loads(body)
        digest = digest_of(request["messages"], request["seed"])
        self.asked[digest] += 1
        self.times = [self.times[0] or time.monotonic(), time.monotonic()]
        message = {"role": "assistant", "content": solution(request["messages"][0]["content"], digest)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"model": "teacher", "choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 150}}


class Connection(asyncio.Protocol):
    """One request on each connection, as treadle sends them."""

    def __init__(self, teacher: Teacher) -> None:
        self.teacher, self.received = teacher, b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        content = json.dumps(self.teacher.answer(head.split(b" ", 2)[1], body)).encode()
        lines = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
        self.transport.write(lines + str(len(content)).encode() + b"\r\n\r\n" + content)
        self.transport.close()


async def serve(port: int) -> None:
    teacher = Teacher()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(teacher), "127.0.0.1", port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
