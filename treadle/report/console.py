"""A console of rich that writes colours to standard output and names what in the text would act on the terminal.

Text with colours cannot pass a `VisibleStream`, which would name the colours, too. So text is made visible before it
gets them, and goes to the stream behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from rich.console import Console
from rich.segment import Segment

from treadle.visible import visible


class VisibleConsole(Console):
    """`Console`, with every piece of text made visible. What is not text is rich's own."""

    @property
    def file(self) -> IO[str]:
        """The stream that rendered text is written to."""
        file = Console.file.fget(self)
        return getattr(file, "styled", file)

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        Console.file.fset(self, new_file)

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        """What is written, in which nothing but rich's own control codes acts.

        Done when tables and panels are laid out, which cut off what is longer than the text that they measured.
        """
        return super()._render_buffer(
            segment if segment.control else Segment(visible(segment.text), segment.style) for segment in buffer
        )
