"""One HTTP request: an answer, or the reason why there is none, within a time limit that holds for all of it.

Limits: no proxies, no redirects, no streaming. Connections are not kept: beside a generation they cost nothing, and one
that the server has closed in between is then no fault to tell apart.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import math
import socket
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from treadle.errors import ModelError
from treadle.files.secrets import find_in_text, hidden

CHAT, MODELS = "/chat/completions", "/models"
_EXPECTED = "expected the address of a server, such as http://localhost:8000/v1"


class Fault(StrEnum):
    """Why an attempt gave nothing, although another may."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    HALF_BODY = "half_body"
    EMPTY_BODY = "empty_body"
    NOT_JSON = "not_json"
    NO_TEXT = "no_text"


class Passing(Exception):
    """An attempt failed in a way that may pass. `wait` is what the server asked for, in seconds."""

    def __init__(self, fault: Fault, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.fault, self.wait = fault, wait


class Refusal(Exception):
    """The server will not answer this request, however often it is sent."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Reply(NamedTuple):
    """A complete answer."""

    status: int
    body: bytes
    retry_after: str | None


def normal_url(url: str) -> str:
    """The address before `/chat/completions`; `/v1` is added to a bare host.

    Raises:
        ModelError: It is no http address, or it holds a password, which a run's folder must not.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ModelError(f"url {hidden(url)!r}: no address ({_EXPECTED})") from None
    if "@" in url or find_in_text(url):
        raise ModelError(
            f"url of {host or 'a server'}: holds a name or password, or a key, which would be stored with the results; "
            "put the key into an environment variable and name that with --api-key-env (api_key_variable)"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ModelError(f"url {url!r}: {_EXPECTED}")
    if parts.query or parts.fragment:
        raise ModelError(f"url of {host}: ends with a query (?) or a fragment (#), which is not sent; leave it out")
    path = parts.path.rstrip("/").removesuffix(CHAT) or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def exchange(url: str, seconds: float, payload: dict[str, Any] | None = None, key: str | None = None) -> Reply:
    """Send one request and read its whole answer.

    Args:
        url: Of the endpoint.
        seconds: Limit of everything from connecting to the last byte.
        payload: Sent as JSON with POST; `None` for GET.
        key: Sent as a bearer token.

    Raises:
        Passing: No connection, no answer in time, or less of it than announced.
    """
    until = time.monotonic() + seconds
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=seconds)
    headers = {"Accept": "application/json", "Connection": "close"}
    body = None
    if payload is not None:
        body = json.dumps(payload).encode()
        headers["Content-Type"] = "application/json"
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        connection.connect()
        # Kept by hand: the connection lets go of it as soon as the headers are there.
        wire: socket.socket = connection.sock
        _give(wire, until)
        connection.request("GET" if body is None else "POST", parts.path, body, headers)
        _give(wire, until)
        response = connection.getresponse()
        received = bytearray()
        while piece := response.read1(65536):
            received += piece
            _give(wire, until)
        announced = response.getheader("Content-Length")
        if announced is not None and len(received) < int(announced):
            raise Passing(Fault.HALF_BODY, f"{len(received)} of {announced} bytes came")
        return Reply(response.status, bytes(received), response.getheader("Retry-After"))
    except TimeoutError as error:
        raise Passing(Fault.TIMEOUT, f"no complete answer within {seconds:.3g} s") from error
    except http.client.IncompleteRead as error:
        raise Passing(Fault.HALF_BODY, "the connection was closed within the answer") from error
    except (OSError, http.client.HTTPException) as error:
        raise Passing(Fault.CONNECTION, str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _give(wire: socket.socket, until: float) -> None:
    """Let the next operation of a socket take what is left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)


def content_of(reply: Reply) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        Passing: The server is busy or broken, or what it sent is no JSON object.
        Refusal: Any other status than 200.
    """
    if reply.status == 429:
        raise Passing(Fault.RATE_LIMIT, f"status 429, {message_of(reply)}", waiting_time(reply.retry_after))
    if reply.status >= 500 or reply.status in (408, 425):
        what = f"status {reply.status}, {message_of(reply)}"
        raise Passing(Fault.SERVER_ERROR, what, waiting_time(reply.retry_after))
    if reply.status != 200:
        raise Refusal(reply.status, message_of(reply))
    if not reply.body.strip():
        raise Passing(Fault.EMPTY_BODY, "the answer was empty")
    try:
        content = json.loads(reply.body)
    except ValueError as error:
        raise Passing(Fault.NOT_JSON, f"the answer was no JSON: {_short(reply.body)}") from error
    if not isinstance(content, dict):
        raise Passing(Fault.NOT_JSON, f"the answer was no JSON object: {_short(reply.body)}")
    return content


def message_of(reply: Reply) -> str:
    """What a server says about an error: the message inside its JSON where there is one."""
    try:
        found = json.loads(reply.body)
    except ValueError:
        return _short(reply.body)
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return found[:500] if isinstance(found, str) else _short(json.dumps(found).encode())


def waiting_time(header: str | None, now: datetime | None = None) -> float:
    """Seconds that a `Retry-After` header asks for: a number or a date; 0 without one that can be read."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def _short(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    return repr(text[:200] + ("..." if len(text) > 200 else "")) if text else "nothing said"
