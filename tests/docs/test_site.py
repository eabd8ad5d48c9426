"""The site: its pages are the documents and the public names, and what works on GitHub works there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import reference
import site_links
import yaml

import treadle

ROOT = Path(__file__).parents[2]
NAV = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
ORDER = "Start, Your own data, Which method, Train, Evaluate, Agents, Scale, Reference, How it works, What did not work"


def test_every_document_is_in_the_navigation_once():
    sections = {title: pages for entry in NAV for title, pages in entry.items()}
    assert ", ".join(sections) == ORDER
    pages = [place for entries in sections.values() for entry in entries for place in entry.values()]
    documents = [path.name for path in (ROOT / "docs").glob("*.md")]
    assert sorted(pages) == sorted([*documents, *site_links.PAGES.values(), *site_links.NOTEBOOKS.values()])


def test_the_public_names_are_documented_once():
    assert sorted(name for names in reference.REFERENCE.values() for name in names) == treadle.__all__


@pytest.mark.parametrize("title", reference.REFERENCE)
def test_a_page_of_names_says_where_they_are_defined(title):
    text = reference.page(title, treadle._HOMES)
    for name in reference.REFERENCE[title]:
        home = treadle._HOMES[name]
        assert f"::: treadle.{home}.{name}\n" in text
        assert getattr(treadle, name).__doc__


def test_addresses():
    assert site_links.address("README.md") == "index.md"
    assert site_links.address("docs/data.md") == "data.md"
    assert site_links.address("docs/quickstart.png") == "quickstart.png"
    assert site_links.address("docs/lines.py") == "source/docs/lines.py.md"
    assert site_links.address("treadle/limits.py") == "source/treadle/limits.py.md"


def test_links_of_documents():
    fenced = "```\n[e](../README.md)\n```\n"
    text = f"[a](../treadle/limits.py#L28), [b](paper.md#data), [c](../README.md), [d](gone.md)\n{fenced}"
    assert site_links.relinked(text, "docs/data.md") == (
        f"[a](source/treadle/limits.py.md#L28), [b](paper.md#data), [c](index.md), [d](gone.md)\n{fenced}"
    )
    assert site_links.relinked("[a](docs/paper.md)", "README.md") == "[a](paper.md)"
    assert site_links.linked(text, "docs/data.md") == {"treadle/limits.py", "docs/paper.md", "README.md"}


def test_a_picture_of_two_kinds_follows_the_site_s_switch():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    light, dark = "quickstart.png#only-light", "quickstart-dark.png#only-dark"
    assert "<picture>" in text
    shown = site_links.relinked(site_links.switched(text), "README.md")
    assert f"intervals]({light})![Accuracy" in shown
    assert f"intervals]({dark})\n" in shown
    assert "<picture>" not in shown


def test_a_notebook_s_page_has_its_code_and_what_that_printed():
    assert site_links.address("docs/notebooks/srl.ipynb") == "notebooks/srl.md"
    text = site_links.notebook_page("docs/notebooks/srl.ipynb")
    assert text.startswith("# SRL in ten minutes\n")
    code = '    print(instance.step, "of", instance.n_steps, repr(instance.prompt[-1]["content"]), '
    printed = "```` { .text .printed }\n1 of 3 'next 888a96b37c90' -> a888*9+6=998\n"
    assert 0 < text.index(code) < text.index(printed)


def test_blocks_of_sentences_have_a_class_on_the_site():
    text = "```\ncode\n```\n  ```text\nIt ends.\n  ```\n"
    assert site_links.wrapped(text) == text.replace("```text", "``` { .text .wrapped }")


def test_what_belongs_to_a_numbered_item_has_four_spaces():
    rest = "2. Two\n\nNone\n   of this\n- item\n   of another list\n"
    text = f"1. One\n   goes on\n\n   ```\n   code\n   ```\n{rest}"
    assert site_links.indented(text) == f"1. One\n    goes on\n\n    ```\n    code\n    ```\n{rest}"


def test_source_pages_have_an_anchor_on_each_line():
    lines = (ROOT / "treadle" / "limits.py").read_text(encoding="utf-8").count("\n")
    text = site_links.source_page("treadle/limits.py")
    assert text.count('<span id="L') == lines
    assert '<a href="#L1">1</a>' in text


class Links(HTMLParser):
    """The links of a page, and what they may point to in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]


def test_the_site_is_made_without_a_warning_and_no_link_is_dead(tmp_path):
    for package in ("material", "mkdocstrings_handlers.python"):
        pytest.importorskip(package, reason='needs the site\'s packages: pip install -e ".[docs]"')
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "WARNING" not in made.stderr
    pages = {path: Links(path) for path in tmp_path.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 40
    dead = []
    for page, content in pages.items():
        for link in content.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("data:"):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            there = target / "index.html" if target.is_dir() else target
            if not there.is_file() or (parts.fragment and there in pages and parts.fragment not in pages[there].ids):
                dead.append(f"{page.relative_to(tmp_path)}: {link}")
    assert dead == []
    texts = {page.relative_to(tmp_path): page.read_text(encoding="utf-8") for page in pages}
    loaded = r"<(?:script|img|iframe)[^>]*\ssrc=.https?:|<link[^>]*rel=.stylesheet[^>]*href=.https?:"
    assert [page for page, text in texts.items() if re.search(loaded, text)] == []
    assert all("iframe-worker.js" in text for text in texts.values()), "what lets pages that are files search"
