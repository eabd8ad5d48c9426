"""Text that is no UTF-8: UTF-16 and UTF-32 are decoded, of other encodings the first foreign byte is named."""

from __future__ import annotations

import codecs
import io
from typing import Any

BLOCK = 1 << 16

_MARKS = (  # the marks of UTF-32 first: that of UTF-16 is how one of them begins
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ZEROS = {  # which of the first four bytes are zero where text begins with two ASCII characters (RFC 4627, section 3)
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
_TEXT = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))


def encodable(text: str) -> str:
    """The text with lone surrogates replaced by U+FFFD, which no UTF-8 file and no tokenizer can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def wide_encoding(head: bytes) -> tuple[str, int] | None:
    """The encoding of text that is UTF-16 or UTF-32, and the length of its byte order mark; `None` for other text.

    Args:
        head: The first four bytes. Without a mark the first two characters must be ASCII.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    name = _ZEROS.get(tuple(byte == 0 for byte in head[:4]))
    return (name, 0) if name and all(byte in _TEXT for byte in head[:4] if byte) else None


def as_utf8(stream: Any) -> Any:
    """The stream itself, or one that gives its text as UTF-8 where it is UTF-16 or UTF-32.

    Args:
        stream: Binary, with `peek` and `read`.

    Raises:
        OSError: Later, where bytes are no text of the encoding; what stands before is read first.
    """
    found = wide_encoding(stream.peek(4)[:4])
    if found is None:
        return stream
    name, length = found
    stream.read(length)
    return io.BufferedReader(_Utf8(stream, name), BLOCK)


class _Utf8(io.RawIOBase):
    """Text of another encoding as UTF-8, a block at a time. Lone surrogates stay, as bytes that are no UTF-8."""

    def __init__(self, stream: Any, encoding: str) -> None:
        self._stream, self._encoding = stream, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._held = memoryview(b"")
        self._error: OSError | None = None
        self._over = self._in_line = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._held and not self._over:
            if self._error:
                return self._fail()
            self._fill()
        size = min(len(target), len(self._held))
        target[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def _fill(self) -> None:
        block = self._stream.read(BLOCK)
        self._over = not block
        try:
            text = self._decoder.decode(block, final=self._over)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode(self._encoding, "surrogatepass")
            self._error = OSError(f"the text is {self._encoding.upper()}, but {error.reason} (cut off, or damaged)")
            self._over = False
        self._in_line = not text.endswith("\n") if text else self._in_line
        self._held = memoryview(text.encode("utf-8", "surrogatepass"))

    def _fail(self) -> int:
        if self._in_line:  # an end first, so that who reads lines is given the one that was begun
            self._in_line = False
            return 0
        raise self._error


def no_utf8(around: bytes, place: int) -> str:
    """What is said of a row that is no UTF-8.

    Args:
        around: The text of the row, or the part of it around the first byte that is none.
        place: Of that byte in `around`.
    """
    shown = around[max(0, place - 12) : place + 12].decode("cp1252", "replace")
    return (
        f"broken UTF-8: byte 0x{around[place]:02x} in {shown!r}, as Windows-1252 or Latin-1 would read it; if the file "
        "is that, convert it: iconv -f CP1252 -t UTF-8 FILE > NEW"
    )


def said_of_surrogates(text: str) -> str | None:
    """`no_utf8` of text in which foreign bytes became surrogates (`surrogateescape`); `None` where there are none."""
    place = next((i for i, c in enumerate(text) if "\udc80" <= c <= "\udcff"), None)
    if place is None:
        return None
    before = text[max(0, place - 30) : place].encode("utf-8", "surrogateescape")
    after = text[place : place + 30].encode("utf-8", "surrogateescape")
    return no_utf8(before + after, len(before))
