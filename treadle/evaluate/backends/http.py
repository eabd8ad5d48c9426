"""One HTTP request: an answer, or the reason why there is none, within a time limit that holds for all of it.

The server is not trusted: what it sends is bounded in time and bytes from the first header on, a redirect is refused
and not followed, and what it says is quoted shortly and on one line.

Limits: no proxies, no redirects, no streaming, no compression. Connections are not kept: beside a generation they cost
nothing, and one that the server has closed in between is then no fault to tell apart.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import math
import ssl
import time
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from treadle.errors import ModelError
from treadle.evaluate.backends.wire import TooMuch, bound, left_until
from treadle.files.secrets import find_in_text, hidden

CHAT, MODELS = "/chat/completions", "/models"
_EXPECTED = "expected the address of a server, such as http://localhost:8000/v1"
LEAST_BYTES = 1 << 20
"""An answer may have this many, and more for many tokens."""
BYTES_OF_A_TOKEN = 128
"""The longest tokens of common vocabularies are rows of as many spaces."""
ERROR_BYTES = 1 << 16
OVERHEAD = 8
"""Bytes on the wire for one of the body: chunks may hold a single byte each."""


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
    TOO_LONG = "too_long"


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
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, or half an IPv6 address
        raise ModelError(f"url {hidden(url)!r}: no address ({_EXPECTED})") from None
    if "@" in url or find_in_text(url):
        raise ModelError(
            f"url of {host or 'a server'}: holds a name or password, or a key, which would be stored with the results; "
            "put the key into an environment variable and name that with --api-key-env (api_key_variable)"
        )
    path = parts.path
    if parts.scheme not in ("http", "https") or not host or port == 0 or not path.isascii() or set(path) & set(" \x7f"):
        raise ModelError(f"url {url!r}: {_EXPECTED}")
    if parts.query or parts.fragment:
        raise ModelError(f"url of {host}: ends with a query (?) or a fragment (#), which is not sent; leave it out")
    path = path.rstrip("/").removesuffix(CHAT) or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def exchange(
    url: str,
    seconds: float,
    payload: dict[str, Any] | None = None,
    key: str | None = None,
    most: int = LEAST_BYTES,
) -> Reply:
    """Send one request and read its whole answer.

    Args:
        url: Of the endpoint.
        seconds: Limit of everything from connecting to the last byte.
        payload: Sent as JSON with POST; `None` for GET.
        key: Sent as a bearer token, to this address and no other.
        most: Bytes that the answer may have. Of an error's no more than `ERROR_BYTES` are read.

    Raises:
        Passing: No connection, no answer in time, less of it than announced, or more than allowed.
    """
    until = time.monotonic() + seconds
    parts = urlsplit(url)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=seconds, context=_authorities())
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    headers = {"Accept": "application/json", "Connection": "close"}
    body = None
    if payload is not None:
        body = json.dumps(payload).encode()
        headers["Content-Type"] = "application/json"
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        connection.connect()
        reader = bound(connection, until)
        connection.sock.settimeout(left_until(until))
        connection.request("GET" if body is None else "POST", parts.path, body, headers)
        response = connection.getresponse()
        reader.allow(OVERHEAD * most)
        received = _body(response, most if response.status == 200 else ERROR_BYTES)
        if key and response.status != 200:  # it may repeat the request, and what it says is kept with the results
            received = received.replace(key.encode(), b"[key]")
        return Reply(response.status, received, response.getheader("Retry-After"))
    except TimeoutError as error:
        raise Passing(Fault.TIMEOUT, f"no complete answer within {seconds:.3g} s") from error
    except TooMuch as error:
        raise Passing(Fault.TOO_LONG, "the answer's headers or chunks do not end") from error
    except http.client.IncompleteRead as error:
        raise Passing(Fault.HALF_BODY, "the connection was closed within the answer") from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise Passing(Fault.CONNECTION, shown(str(error)) or type(error).__name__) from error
    finally:
        connection.close()


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed: the system's. Reading them takes sixty times as long as a request."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _body(response: http.client.HTTPResponse, most: int) -> bytes:
    """The body of an answer; of one that reports an error, as much of it as is allowed."""
    is_error = response.status != 200
    if (encoding := response.getheader("Content-Encoding", "identity").lower()) != "identity" and not is_error:
        raise Passing(Fault.NOT_JSON, f"Content-Encoding {shown(encoding, 30)}, which was not asked for")
    announced = response.length
    received = bytearray()
    while piece := response.read1(65536):
        received += piece
        if len(received) > most:
            response.close()
            if is_error:
                return bytes(received[:most])
            raise Passing(Fault.TOO_LONG, f"more than {most:,} bytes came, which no answer needs")
    if announced is not None and len(received) < announced:
        raise Passing(Fault.HALF_BODY, f"{len(received)} of {announced} bytes came")
    return bytes(received)


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
    except (ValueError, RecursionError) as error:
        raise Passing(Fault.NOT_JSON, f"the answer was no JSON: {_short(reply.body)}") from error
    if not isinstance(content, dict):
        raise Passing(Fault.NOT_JSON, f"the answer was no JSON object: {_short(reply.body)}")
    if content.get("error") and not content.get("choices"):
        raise Passing(Fault.SERVER_ERROR, f"status 200 with an error, {message_of(reply)}")
    return content


def message_of(reply: Reply) -> str:
    """What a server says about an error, on one line: the message inside its JSON where there is one."""
    try:
        return _message_in(json.loads(reply.body)) or _short(reply.body)
    except (ValueError, RecursionError):
        return _short(reply.body)


def _message_in(found: Any) -> str:
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return shown(found, 500) if isinstance(found, str) else shown(json.dumps(found))


def waiting_time(header: str | None, now: datetime | None = None) -> float:
    """Seconds that a `Retry-After` header asks for: a number or a date; 0 without one that can be read."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(header)
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
            seconds = (when - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, OverflowError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def shown(text: str, most: int = 200) -> str:
    """Foreign text for a message: one line, not long, and nothing in it that a terminal would obey."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: most + 1].strip())
    return plain if len(plain) <= most else f"{plain[:most]}..."


def _short(body: bytes) -> str:
    return f"'{shown(body[:1000].decode('utf-8', 'replace'))}'" if body.strip() else "nothing said"
