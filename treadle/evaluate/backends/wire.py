"""The reading side of a connection, bounded in time and in bytes whatever the server sends.

A socket's own timeout holds for one wait, so that a byte now and then keeps a reader for ever, and `http.client` reads
any number of interim answers and of header lines that follow one another. Here everything that comes is counted:
status lines, headers, sizes of chunks and the body.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

HEAD_BYTES = 1 << 18
"""Everything before the body of an answer: servers send a few hundred bytes."""


class TooMuch(Exception):
    """More bytes came than were allowed."""


class BoundedReader(io.RawIOBase):
    """Reads a socket.

    Args:
        wire: Connected.
        until: On `time.monotonic`, when it must be over.
        most: Bytes that may come.
    """

    def __init__(self, wire: socket.socket, until: float, most: int) -> None:
        self._wire, self._until, self._left = wire, until, most
        self._raw = wire.makefile("rb", buffering=0)  # holds the socket open after its connection let go of it

    def allow(self, more: int) -> None:
        """Let so many more bytes come."""
        self._left += more

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """As every raw stream's.

        Raises:
            TimeoutError: It is over.
            TooMuch: The bytes that were allowed have come, and there are more.
        """
        self._wire.settimeout(left_until(self._until))
        count = self._raw.readinto(buffer) or 0
        self._left -= count
        if self._left < 0:
            raise TooMuch
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Wire:
    """What `HTTPResponse` is given in place of a socket: it takes nothing of one but a file."""

    def __init__(self, reader: BoundedReader) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)


def bound(connection: http.client.HTTPConnection, until: float) -> BoundedReader:
    """Have a connected connection's answer read through a `BoundedReader` with room for its head, and return that."""
    reader = BoundedReader(connection.sock, until, HEAD_BYTES)
    wire = _Wire(reader)
    connection.response_class = lambda _, **kwargs: http.client.HTTPResponse(wire, **kwargs)
    return reader


def left_until(until: float) -> float:
    """Seconds until then.

    Raises:
        TimeoutError: There are none.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
