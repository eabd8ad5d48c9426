"""A stand-in of the hub's HTTP interface, as far as `create_repo` and `create_commit` of huggingface_hub call it.

Its answers are those of the hub's documentation (https://huggingface.co/docs/hub/api) and of Git LFS's batch interface.
It keeps what came: bodies, headers, files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "aBcDeFgHiJ" * 3 + "kLmN"


@dataclass
class Hub:
    """What came, and what to answer otherwise.

    Args:
        repositories: Whether they are private, by name.
        refuse: Beginnings of paths with a status and what is said, instead of the right answer.
        lost: Uploads of weights whose connection breaks off.
    """

    url: str = ""
    repositories: dict[str, bool] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    tokens: set[tuple[str | None, str]] = field(default_factory=set)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    lost: int = 0


@contextmanager
def standing_in() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield hub
    server.shutdown()
    server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answered()

        def do_POST(self) -> None:
            self._answered()

        def do_PUT(self) -> None:
            self._answered()

        def log_message(self, *args: Any) -> None:
            pass

        def _answered(self) -> None:
            body = self._body()
            path = self.path.partition("?")[0]
            hub.requests.append((self.command, path))
            hub.sent.append(body)
            if self.command != "PUT":
                hub.tokens.add((self.headers.get("Authorization"), path))
            for beginning, (status, said) in hub.refuse.items():
                if path.startswith(beginning):
                    return self._send({"error": said}, status, {"X-Error-Message": said})
            return self._right(path, body)

        def _right(self, path: str, body: bytes) -> None:
            if path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                there = name in hub.repositories
                hub.repositories.setdefault(name, asked.get("visibility") == "private")
                return self._send({"url": f"{hub.url}/{name}", "name": name}, 409 if there else 200)
            if path == "/api/validate-yaml":
                return self._send({"errors": [], "warnings": []})
            if "/preupload/" in path:
                asked = json.loads(body)["files"]
                modes = [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                        "shouldIgnore": False,
                        "oid": None,
                    }
                    for file in asked
                ]
                return self._send({"files": modes})
            if path.endswith("/info/lfs/objects/batch"):
                objects = []
                for asked in json.loads(body)["objects"]:
                    upload = {"href": f"{hub.url}/storage/{asked['oid']}"}
                    actions = {} if asked["oid"] in hub.stored else {"actions": {"upload": upload}}
                    objects.append({**asked, **actions})
                return self._send({"transfer": "basic", "objects": objects})
            if path.startswith("/storage/"):
                if hub.lost:
                    hub.lost -= 1
                    return self._send({"error": "gone"}, 404)
                assert hashlib.sha256(body).hexdigest() == path.removeprefix("/storage/")
                hub.stored[path.removeprefix("/storage/")] = body
                return self._send({})
            if "/commit/" in path:
                for line in map(json.loads, body.splitlines()):
                    value = line["value"]
                    if line["key"] == "file":
                        hub.files[value["path"]] = base64.b64decode(value["content"])
                    elif line["key"] == "lfsFile":
                        hub.files[value["path"]] = hub.stored[value["oid"]]
                return self._send({"commitUrl": f"{hub.url}/me/mine/commit/{'1' * 40}", "commitOid": "1" * 40})
            if path.startswith("/api/models/"):
                name = path.removeprefix("/api/models/")
                if name in hub.repositories:
                    return self._send({"id": name, "private": hub.repositories[name], "sha": "1" * 40, "siblings": []})
            return self._send({"error": "Repository not found"}, 404)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _send(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
