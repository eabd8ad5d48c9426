"""Classes and functions of a Python file: their names, lines and first lines."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A class, method or function.

    Args:
        name: With its class, such as `Class.method`.
        first, last: Its lines, decorators included.
        head: Its first line as it stands in the file.
    """

    name: str
    first: int
    last: int
    head: str


def outline(text: str) -> list[Part]:
    """The parts of a file in order; none where it is no Python that can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        return list(_parts(tree, text.split("\n"), ""))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _parts(node: ast.AST, lines: list[str], within: str) -> Iterator[Part]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{within}{child.name}"
            first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
            yield Part(name, first, child.end_lineno or child.lineno, lines[child.lineno - 1].rstrip())
            if isinstance(child, ast.ClassDef):
                yield from _parts(child, lines, f"{name}.")
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from _parts(child, lines, within)


def drawn(parts: list[Part]) -> str:
    """An outline as a prompt shows it: the number and the text of each first line."""
    return "\n".join(f"{part.first:6}  {part.head}" for part in parts)
