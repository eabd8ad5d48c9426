"""Where on the site a file of the repository stands, so that links that work on GitHub work there, too.

Documents are pages, other files that a document links to (`../treadle/tree/trie.py#L83`) are shown as pages of their
own, with an anchor on each line.
"""

from __future__ import annotations

import html
import json
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "vulnerabilities.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Documents outside of docs/, and their addresses."""

NOTEBOOKS = {
    f"docs/notebooks/{file.name}": f"notebooks/{file.stem}.md" for file in (ROOT / "docs/notebooks").glob("*.ipynb")
}
"""Notebooks, and the addresses of their pages."""

LINK = re.compile(r"\]\((?P<path>[^()#\s:]+)(?P<anchor>#[^()\s]*)?\)")
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img src="(?P<light>[^"]+)" alt="(?P<text>[^"]*)">\s*</picture>'
)
"""A picture for light pages and one for dark pages, as GitHub shows its reader's."""
FENCE = re.compile(r"^( *```.*?^ *```)", re.MULTILINE | re.DOTALL)
SENTENCES = re.compile(r"^( *)```text$", re.MULTILINE)
ITEM = re.compile(r"\d\. ")


def address(path: str) -> str:
    """A file's page, or the file itself where it is a picture; both from the site's root.

    Args:
        path: From the repository's root.
    """
    if path in PAGES:
        return PAGES[path]
    if path in NOTEBOOKS:
        return NOTEBOOKS[path]
    if path.startswith("docs/") and not path.endswith(".py"):
        return path.removeprefix("docs/")
    return f"source/{path}.md"


def linked(text: str, document: str) -> set[str]:
    """Files of the repository that a document links to, from the repository's root."""
    return {path for part in _prose(text) for link in LINK.finditer(part) if (path := _target(link, document))}


def relinked(text: str, document: str) -> str:
    """A document's text with its links as they are on the site. What leads to no file is left as it is."""
    folder = posixpath.dirname(address(document))

    def right(link: re.Match) -> str:
        path = _target(link, document)
        if path is None:
            return link[0]
        return f"]({posixpath.relpath(address(path), folder or '.')}{link['anchor'] or ''})"

    return "".join(LINK.sub(right, part) if i % 2 == 0 else part for i, part in enumerate(FENCE.split(text)))


def switched(text: str) -> str:
    """A document's text whose pictures of two kinds follow the site's switch between light and dark."""
    return PICTURE.sub(r"![\g<text>](\g<light>#only-light)![\g<text>](\g<dark>#only-dark)", text)


def wrapped(text: str) -> str:
    """A document's text whose blocks of sentences, those marked `text`, have the class that wraps their lines."""
    return SENTENCES.sub(r"\1``` { .text .wrapped }", text)


def _prose(text: str) -> list[str]:
    return FENCE.split(text)[::2]


def _target(link: re.Match, document: str) -> str | None:
    path = os.path.normpath(posixpath.join(posixpath.dirname(document), link["path"]))
    return path if (ROOT / path).is_file() else None


def indented(text: str) -> str:
    """What belongs to a numbered item with four spaces before it, as Python-Markdown wants; GitHub needs three."""

    def lines() -> Iterator[str]:
        within = False
        for line in text.splitlines(keepends=True):
            if line.strip() and not line.startswith(" "):
                within = ITEM.match(line) is not None
            yield f" {line}" if within and line.startswith("   ") else line

    return "".join(lines())


def notebook_page(path: str) -> str:
    """The page of a notebook: its texts, its code and what that printed."""
    cells = json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] != "code":
            parts.append(text)
            continue
        printed = "".join(line for output in cell["outputs"] for line in output["text"])
        parts.append(f"````python\n{text}\n````")
        if printed:
            parts.append(f"```` {{ .text .printed }}\n{printed.rstrip()}\n````")
    parts.append(f"This page is the notebook `{path}` with what its cells printed.")
    return "\n\n".join(parts) + "\n"


def source_page(path: str) -> str:
    """The page of a file: its lines, numbered, each with the anchor that GitHub gives it."""
    text = (ROOT / path).read_text(encoding="utf-8")
    try:
        lexer = get_lexer_for_filename(path, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    lines = highlight(text, lexer, HtmlFormatter(nowrap=True)).splitlines()
    numbered = "\n".join(f'<span id="L{i}"><a href="#L{i}">{i}</a>{line}</span>' for i, line in enumerate(lines, 1))
    front = f"---\ntitle: {Path(path).name}\nsearch: {{exclude: true}}\nhide: [toc, navigation]\n---\n"
    return f'{front}# {html.escape(path)}\n\n<div class="highlight source"><pre>{numbered}\n</pre></div>\n'
