"""What mkdocs calls while it makes the site: pages beside those of docs/, and links and lists as it reads them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File
from pymdownx.slugs import slugify
from reference import REFERENCE, page
from reference import address as reference_address
from site_links import (
    NOTEBOOKS,
    PAGES,
    ROOT,
    address,
    indented,
    linked,
    notebook_page,
    relinked,
    source_page,
    switched,
    wrapped,
)

sys.path.insert(0, str(ROOT))
from treadle import _HOMES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Anchors as GitHub makes them; the pages of names in the navigation."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    section = next(entry["Reference"] for entry in config.nav if "Reference" in entry)
    section += [{title: reference_address(title)} for title in REFERENCE]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The documents outside of docs/, the pages of names, notebooks, and the files that documents link to."""
    documents = {path: (ROOT / path).read_text(encoding="utf-8") for path in PAGES}
    documents |= {f"docs/{path.name}": path.read_text(encoding="utf-8") for path in Path(config.docs_dir).glob("*.md")}
    made = {PAGES[path]: documents[path] for path in PAGES}
    made |= {reference_address(title): page(title, _HOMES) for title in REFERENCE}
    made |= {place: notebook_page(path) for path, place in NOTEBOOKS.items()}
    targets = {path for document, text in documents.items() for path in linked(text, document)}
    made |= {address(path): source_page(path) for path in sorted(targets) if address(path).startswith("source/")}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """A document's text as the site wants it."""
    place = page.file.src_uri
    if place.startswith(("source/", "reference/")):
        return markdown
    document = next((path for path, where in PAGES.items() if where == place), f"docs/{place}")
    return wrapped(indented(relinked(switched(markdown), document)))
