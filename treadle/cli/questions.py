"""Standard input is data or nothing: a library that asks there is answered by an error instead.

Some ask whether they may run a model's code, or for a password, and would take a line of piped data for the answer.
What treadle itself asks for, it asks on a terminal alone.
"""

from __future__ import annotations

import getpass
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NoReturn, TextIO

from treadle.errors import TreadleError


class Unasked:
    """Stands for `sys.stdin`: bytes can be read from it by `buffer`, but no line of text.

    Without `fileno` and `isatty` that say otherwise, `input` and what is built on it ask by `readline`.

    Args:
        stream: Standard input; `None` where it is closed.
    """

    encoding, errors, closed = "utf-8", "strict", False

    def __init__(self, stream: TextIO | None) -> None:
        self.buffer: BinaryIO = io.BytesIO() if stream is None else stream.buffer

    def readline(self, size: int = -1) -> NoReturn:
        """Raises `TreadleError`."""
        raise TreadleError(
            "a library asked a question on standard input, which is not answered; give what it asked for by a setting "
            "or an environment variable (what it asked stands above)"
        )

    read = readlines = __next__ = readline

    def __iter__(self) -> Unasked:
        return self

    def isatty(self) -> bool:
        """That it is none."""
        return False

    def readable(self) -> bool:
        """That there is no text."""
        return False


def asked_for(question: str, flag: str, usage: str) -> str:
    """An answer from the terminal to what was not given.

    Args:
        question: What is wanted.
        flag: The option that gives it.
        usage: A command line with it.

    Raises:
        TreadleError: There is no terminal to ask on, or no answer.
    """
    terminal = sys.__stdin__  # `sys.stdin` is what libraries are refused
    answer = ""
    if terminal is not None and terminal.isatty():
        print(f"{question} ({flag}): ", end="", file=sys.stderr, flush=True)
        answer = terminal.readline().strip()
    if not answer:
        raise TreadleError(f"{flag} is missing; expected `{usage}`")
    return answer


@contextmanager
def nothing_asked() -> Iterator[None]:
    """In the body no library of this process gets an answer from a terminal or from standard input."""
    stdin, ask = sys.stdin, getpass.getpass
    sys.stdin, getpass.getpass = Unasked(stdin), _no_password  # the latter reads from the terminal itself
    try:
        yield
    finally:
        sys.stdin, getpass.getpass = stdin, ask


def confirmed(question: str, otherwise: str) -> bool:
    """Ask treadle's own question, which wants `yes`.

    Args:
        otherwise: What to do where there is no terminal to ask at.

    Raises:
        TreadleError: There is none.
    """
    terminal = sys.__stdin__
    if terminal is None or terminal.closed or not terminal.isatty():
        raise TreadleError(f"{question} Not asked, as standard input is no terminal; {otherwise}")
    print(f"{question} [yes/no] ", end="", flush=True)
    return sys.stdin.buffer.readline().strip().lower() in (b"y", b"yes")


def _no_password(prompt: str = "", stream: object = None) -> NoReturn:
    raise TreadleError(f"a library asked for a password ({prompt.strip()}), which is not answered; set it beforehand")
