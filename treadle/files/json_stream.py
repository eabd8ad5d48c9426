"""JSON of any size as a stream of items: JSON lines, an array, or documents one after the other.

The standard library parses whole texts only. Here an array is read element by element: the decoder is tried on what
has been read, and more is read while the element is incomplete. A line or element that cannot be read is an item too.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from treadle.files.encodings import no_utf8, said_of_surrogates
from treadle.files.events import list_column
from treadle.files.rows import Rejected, Unreadable

BLOCK = 1 << 20
MEGABYTE = 1_000_000
_SPACE = b" \t\r\n"
_BETWEEN = " \t\r\n"


class Item(NamedTuple):
    """A row before it becomes columns: its number, and a line's bytes, a parsed value, or why there is none."""

    number: int
    content: bytes | Any | Rejected
    size: int = 0


def parsed_line(line: bytes) -> Any:
    """The value of a line of JSON, which is UTF-8.

    Raises:
        Rejected: It is none.
    """
    try:
        return _value(line)
    except RecursionError:
        raise Rejected(Unreadable.JSON, "nested too deeply") from None
    except ValueError as error:
        if b"\0" in line:
            said = f"{error}; the line holds zero bytes, as UTF-16 has: keep one encoding in a file"
        else:
            said = no_utf8(line, error.start) if isinstance(error, UnicodeDecodeError) else str(error)
        raise Rejected(Unreadable.JSON, said) from None


def _value(line: bytes) -> Any:
    # Not `json.loads(line)`, which guesses the encoding of each line anew and reads a line feed of UTF-16 as a letter.
    return json.loads(line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogatepass"))


def json_items(stream: Any, limit: int) -> tuple[str, Iterator[Item]]:
    """The items of a binary stream and what they are counted in, `line` or `row`.

    A file is taken as JSON lines unless it begins with an array of rows or with an object that its first line does not
    end. A bare list of messages or events is one item.

    Args:
        stream: Has `readline` and `read`.
        limit: Bytes of the largest item that is read.
    """
    head = stream.readline(min(BLOCK, limit + 1)).removeprefix(codecs.BOM_UTF8)
    if not head.endswith(b"\n"):
        if _begins_array_of_rows(head):  # often one line of megabytes, which need not be held
            return "row", _documents(stream, head, limit)
        head += stream.readline(max(0, limit + 1 - len(head)))
    while head and not head.strip(_SPACE) and len(head) <= limit and (line := stream.readline(limit + 1)):
        head += line
    first = head.strip(_SPACE)
    value = _parsed(first)
    if first[:1] == b"[" and not (isinstance(value, list) and value and list_column(value[0])):
        return "row", _documents(stream, head, limit)
    if first[:1] == b"{" and value is None and len(head) <= limit:
        second = stream.readline(limit + 1)
        if _parsed(second) is None:
            return "row", _documents(stream, head + second, limit)
        head += second
    return "line", _lines(stream, head, limit)


def _begins_array_of_rows(head: bytes) -> bool:
    """Whether text is an array whose first entry is whole and no message or event."""
    text = head.lstrip(_SPACE).decode("utf-8", "surrogateescape")
    try:
        return text[:1] == "[" and not list_column(json.JSONDecoder().raw_decode(text[1:].lstrip(_BETWEEN))[0])
    except (ValueError, RecursionError):
        return False


def _parsed(line: bytes) -> Any:
    try:
        return _value(line)
    except (ValueError, RecursionError):
        return None


def _lines(stream: Any, head: bytes, limit: int) -> Iterator[Item]:
    def lines() -> Iterator[bytes]:
        yield from head.splitlines(keepends=True) if b"\n" in head else [head]
        while line := stream.readline(limit + 1):
            yield line

    for number, line in enumerate(lines(), 1):
        if len(line) > limit and not line.endswith(b"\n"):
            yield Item(number, too_large(len(line) + _skip_line(stream), limit))
        elif line.strip(_SPACE):
            yield Item(number, line, len(line))


def _skip_line(stream: Any) -> int:
    """Read to the end of the line, holding little of it; the number of bytes skipped."""
    skipped = 0
    while part := stream.readline(BLOCK):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def too_large(size: int, limit: int) -> Rejected:
    """Why a row is not read, with its size in megabytes."""
    return Rejected(Unreadable.TOO_LARGE, f"{size / MEGABYTE:.1f} MB, the limit is {limit / MEGABYTE:g} MB")


class _Text:
    """Text of a stream as it is needed. Broken UTF-8 becomes surrogates, by which it is found again."""

    def __init__(self, stream: Any, head: bytes) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text = self._decode(head)
        self._at = 0
        self._passed = self._lines = self._column = (
            0  # characters and line breaks forgotten; those since the last break
        )

    def _more(self, size: int) -> bool:
        """Read about `size` bytes more, and forget what has been taken; `False` at the end."""
        block = self._stream.read(size)
        breaks = self._text.count("\n", 0, self._at)
        self._column = self._at - self._text.rfind("\n", 0, self._at) - 1 if breaks else self._column + self._at
        self._lines += breaks
        self._passed += self._at
        self._text = self._text[self._at :] + self._decode(block, final=not block)
        self._at = 0
        return bool(block)

    def skip(self, characters: str) -> str:
        """Pass over `characters`; the character that follows, empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in characters:
                self._at += 1
            if self._at < len(self._text) or not self._more(BLOCK):
                return self._text[self._at : self._at + 1]

    def take(self) -> None:
        """Pass over one character."""
        self._at += 1

    def _said(self, error: ValueError) -> str:
        """What the decoder says, with the place in the whole text."""
        if not isinstance(error, json.JSONDecodeError):
            return str(error)
        column = error.colno + (self._column if error.lineno == 1 else 0)
        return f"{error.msg}: line {self._lines + error.lineno} column {column} (char {self._passed + error.pos})"

    def value(self, limit: int) -> tuple[Any, int]:
        """Take the value that the text begins with; also its length in characters.

        Broken UTF-8 in it makes the value a `Rejected`.

        Raises:
            Rejected: It is cut off, not JSON or larger than `limit`, so that nothing tells where it ends.
        """
        while True:
            try:
                value, end = json.JSONDecoder().raw_decode(self._text, self._at)
                break
            except RecursionError:
                raise Rejected(Unreadable.JSON, "nested too deeply") from None
            except ValueError as error:
                held, said = len(self._text) - self._at, self._said(error)
                if held > limit:
                    raise too_large(held, limit) from None
                if not self._more(max(BLOCK, held)):  # doubling keeps the repeated parsing linear
                    raise Rejected(Unreadable.JSON, said) from None
        taken, self._at = self._text[self._at : end], end
        if not taken.isascii() and (broken := said_of_surrogates(taken)):
            value = Rejected(Unreadable.JSON, broken)
        return value, len(taken)


def _documents(stream: Any, head: bytes, limit: int) -> Iterator[Item]:
    """Elements of an array, or documents one after the other.

    An element that cannot be parsed ends the file, because nothing tells where the next one begins.
    """
    text = _Text(stream, head)
    in_array = text.skip(_BETWEEN) == "["
    if in_array:
        text.take()
    entries: list[Any] = []  # of a bare list of messages or events, which is one row
    size = number = 0
    try:
        while (following := text.skip(_BETWEEN + ",")) and not (in_array and following == "]"):
            number += 1
            value, length = text.value(limit)
            if in_array and (entries or (number == 1 and list_column(value))):
                entries.append(value)
                size += length
                if size > limit:
                    raise too_large(size, limit)
            else:
                yield Item(number, value, length)
        if in_array and not following:
            number += 1
            raise Rejected(Unreadable.JSON, "the array is not closed; the file is cut off")
    except Rejected as rejected:
        yield Item(1 if entries else max(number, 1), rejected)
        return
    if entries:
        broken = next((e for e in entries if isinstance(e, Rejected)), None)
        yield Item(1, broken or entries, size)
