"""Keep the line numbers of links to symbols right: [`Class.method`](../treadle/module.py#L12) in the documents.

The path tells the module and the link's text the symbol in it: a function, a class, a method, or a name that is
assigned. `python docs/architecture.py` rewrites the numbers.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

LINK = re.compile(r"\[`(?P<symbol>[\w.]+)`\]\((?P<path>(?:\.\./)?[\w/]+\.py)#L(?P<line>\d+)\)")


def relinked(text: str, folder: Path) -> str:
    """A document's text with the number of each link set to the line where its symbol is defined.

    Args:
        text: Markdown.
        folder: Where the document lies, which paths start from.

    Raises:
        LookupError: There is no such file, or no such symbol in it.
    """

    def right(link: re.Match) -> str:
        line = line_of(link["symbol"], (folder / link["path"]).resolve())
        return f"[`{link['symbol']}`]({link['path']}#L{line})"

    return LINK.sub(right, text)


def line_of(symbol: str, path: Path) -> int:
    """The line where `symbol`, such as `Class.method`, is defined in a file.

    Raises:
        LookupError: See `relinked`.
    """
    if not path.is_file():
        raise LookupError(f"{path}: no such file; a link to {symbol} needs its new place")
    found = _defined(path).get(symbol)
    if found is None:
        raise LookupError(f"{path}: defines no {symbol}; mend the link's text or its path")
    return found


@cache
def _defined(path: Path) -> dict[str, int]:
    return dict(_names(ast.parse(path.read_text(encoding="utf-8")), ""))


def _names(scope: ast.AST, prefix: str) -> list[tuple[str, int]]:
    found = []
    for node in scope.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.append((prefix + node.name, node.lineno))
            case ast.ClassDef():
                found.append((prefix + node.name, node.lineno))
                found += _names(node, f"{prefix}{node.name}.")
            case ast.Assign():
                found += [(prefix + name.id, node.lineno) for name in node.targets if isinstance(name, ast.Name)]
            case ast.AnnAssign(target=ast.Name() as name):
                found.append((prefix + name.id, node.lineno))
    return found
