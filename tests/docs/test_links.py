"""Every anchor that a document names is there: a heading of a document, or a line of a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<path>[^()#:\s]*)#(?P<anchor>[^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def anchors(text):
    """Those that GitHub gives the headings of a document."""
    found = []
    for title in HEADING.findall(FENCED.sub("", text)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return found


def dead(text, document):
    """Links of a document to anchors that are not there; a file that is not there is found by another test."""
    found = []
    for link in LINK.finditer(FENCED.sub("", text)):
        path = document.parent / link["path"] if link["path"] else document
        if not path.is_file():
            continue
        there = text if path == document else path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            right = link["anchor"] in anchors(there)
        else:
            line = re.fullmatch(r"L(\d+)", link["anchor"])
            right = line is not None and 1 <= int(line[1]) <= there.count("\n")
        if not right:
            found.append(link[0])
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors_exist(document):
    assert dead(document.read_text(encoding="utf-8"), document) == []


def test_anchors_by_hand(tmp_path):
    text = """# A title: `--option`, and *more*
## Twice
```
# no heading
```
## Twice
[right](#twice-1) [wrong](#twice-2) [right](module.py#L2) [wrong](module.py#L3) [wrong](module.py#two) [none](gone.md#a)
"""
    (tmp_path / "module.py").write_text("one = 1\ntwo = 2\n")
    (tmp_path / "page.md").write_text(text)
    assert anchors(text) == ["a-title---option-and-more", "twice", "twice-1"]
    assert dead(text, tmp_path / "page.md") == ["](#twice-2)", "](module.py#L3)", "](module.py#two)"]
