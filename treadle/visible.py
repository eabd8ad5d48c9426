"""What is printed is seen: no character of data, models, servers or libraries acts on a terminal.

`visible` names such characters; pages use it, too. `visible_output` puts it before standard output and standard error,
whoever prints: treadle, Python's warnings and tracebacks, the logs and progress bars of libraries.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from treadle.errors import OutputError

# Control characters but tab and newline, line separators, marks that change the direction of text, lone surrogates:
# they act instead of being seen, or cannot be written as UTF-8. Then what takes no place and can hide text: spaces and
# joiners of no width, invisible operators, annotations, tags, the supplement of variation selectors. U+200C and U+200D
# stay, which scripts and emoji need, and U+FE00 to U+FE0F, which choose how a character looks.
UNSEEN = (
    *((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F), (0x061C, 0x061C), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F)),
    *((0x2028, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xD800, 0xDFFF), (0xE0000, 0xE0FFF)),
)
"""Them as ranges, first and last, which patterns here and in pages are made of."""
_UNSEEN = re.compile("([" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in UNSEEN) + "]+)")
BROKEN_PIPE = 141
"""Exit code of a command whose reader went away, 128 and the number of SIGPIPE, as shells have it."""


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """`text` cut into what can be shown as it stands, and, with `True`, names such as `\\x1b` for what cannot.

    A carriage return before a newline is part of the line's end and goes without a name.
    """
    for k, part in enumerate(_UNSEEN.split(text.replace("\r\n", "\n"))):
        if part:
            yield (part.encode("unicode_escape").decode("ascii"), True) if k % 2 else (part, False)


def visible(text: str) -> str:
    """`text` with every character that would act instead of being seen replaced by its name."""
    return "".join(piece for piece, _ in pieces(text))


class OutputStream:
    """A text stream whose reader may go away or whose encoding may lack a character; all else is the stream's own.

    It has no `buffer`: bytes would pass by what is done here.

    Args:
        stream: Written to; what it cannot encode is named, as `\\xe9`.
        needed: Whether a stream that cannot be written to ends the command. Messages on standard error do not: who
            closed it does not want them, and the work goes on.
    """

    def __init__(self, stream: TextIO, needed: bool = True) -> None:
        self._stream, self._needed = stream, needed
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write a text.

        Raises:
            SystemExit: With `BROKEN_PIPE`: nobody reads any more.
            OutputError: The disk behind the stream is full.
        """
        try:
            self._stream.write(text)
        except OSError as error:
            self._failed(error)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what is held; raises as `write`."""
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "_stream"):  # the second while a copy is being unpickled
            raise AttributeError(name)
        return getattr(self._stream, name)

    def _failed(self, error: OSError) -> None:
        with suppress(OSError, ValueError):  # what is still held must not fail again when the process ends
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if not self._needed:
            return
        if error.errno == errno.EPIPE:
            raise SystemExit(BROKEN_PIPE)
        raise OutputError(
            f"standard output: cannot be written to ({error.strerror}); free the disk behind it, or send it elsewhere"
        )


class VisibleStream(OutputStream):
    """A stream in which `visible` names what would act.

    Progress bars begin a write with a carriage return. That passes where the line holds nothing else, so that no text
    can be written over; anywhere else it is named.

    Attributes:
        styled: The stream behind, for text that is visible already and has colours: see `treadle.report.console`.
    """

    def __init__(self, stream: TextIO, needed: bool = True) -> None:
        super().__init__(stream, needed)
        self.styled = OutputStream(stream, needed)
        self._only_bars = True

    def write(self, text: str) -> int:
        """Write `visible(text)`; raises as `OutputStream.write`."""
        redraws = text.startswith("\r") and not text.startswith("\r\n")
        lead = "\r" if redraws and self._only_bars else ""
        super().write(lead + visible(text.removeprefix(lead)))
        if text:
            self._only_bars = text.endswith("\n") or (self._only_bars and redraws and "\n" not in text)
        return len(text)


@contextmanager
def visible_output() -> Iterator[None]:
    """Within the block standard output and standard error are visible streams; a closed one takes everything."""
    before = sys.stdout, sys.stderr
    show_output()
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(SystemExit, OutputError):  # how the block ended is what counts
                stream.flush()
        sys.stdout, sys.stderr = before


def show_output() -> None:
    """Make the streams visible for as long as the process lives, as in one that works for another."""
    for name, needed in (("stdout", True), ("stderr", False)):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller; the next file that is opened must not become standard output
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        if not isinstance(stream, VisibleStream):
            setattr(sys, name, VisibleStream(stream, needed))


def indented(message: str) -> str:
    """A message whose further lines are indented, so that none, as a file's name may hold it, passes for a message."""
    return re.sub(r"\n(?! )", "\n  ", message)
