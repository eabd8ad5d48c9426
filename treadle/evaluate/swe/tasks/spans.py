"""Where the nodes of a syntax tree stand in their source.

Python counts lines by its own rules and columns in bytes of UTF-8; a `Source` gives both as offsets into its bytes, so
that a change of one node leaves every other byte as it was.
"""

from __future__ import annotations

import ast
import re

_LINE_END = re.compile(rb"\r\n|\r|\n")
_COMMENT = re.compile(rb"#[^\r\n]*")

Span = tuple[int, int]
"""First byte of a piece of source, and the first after it."""


class Source:
    """A Python file.

    Args:
        text: Its source.

    Attributes:
        data: The source as UTF-8.
        tree: Its syntax tree.

    Raises:
        SyntaxError, ValueError: It is no Python that this interpreter reads.
        RecursionError, MemoryError: It is nested too deeply for it.
    """

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self.tree = ast.parse(text)
        self._starts = [0, *(found.end() for found in _LINE_END.finditer(self.data))]

    def at(self, line: int, column: int) -> int:
        """Offset of a line, counted from 1, and a column, counted from 0 in bytes."""
        return self._starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.ExceptHandler) -> Span:
        """Where a node stands; parentheses around it are not part of it."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def piece(self, span: Span) -> str:
        """The text of a span."""
        return self.data[slice(*span)].decode()

    def text(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        return self.piece(self.span(node))

    def token(self, left: ast.expr, right: ast.expr, pattern: bytes) -> Span | None:
        """Where a token stands between two nodes; comments there are passed over."""
        start, end = self.span(left)[1], self.span(right)[0]
        gap = _COMMENT.sub(lambda found: b" " * len(found[0]), self.data[start:end])
        found = re.search(pattern, gap)
        return (start + found.start(), start + found.end()) if found else None

    def lines_of(self, first: ast.stmt, last: ast.stmt) -> Span | None:
        """The whole lines of neighbouring statements; `None` where a line holds something else, too."""
        start, end = self.span(first)[0], self.span(last)[1]
        begin = self._starts[first.lineno - 1]
        rest = _LINE_END.search(self.data, end)
        stop = rest.end() if rest else len(self.data)
        alone = not self.data[begin:start].strip() and not _COMMENT.sub(b"", self.data[end:stop]).strip()
        return (begin, stop) if alone else None
