"""Paths and names of modules in documents, recipes and docstrings are those of this repository."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from treadle.data.sources.announced import ENTRY_POINTS as FORMS
from treadle.scoring.registry import ENTRY_POINTS as REWARDS
from treadle.training.prefixes.registry import ENTRY_POINTS as POLICIES

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "Makefile",
    ROOT / "mkdocs.yml",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted(path for path in (ROOT / "recipes").rglob("*") if path.is_file()),
]
CODE = [path for folder in ("treadle", "tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")]
GROUPS = {FORMS, POLICIES, REWARDS}
"""Of entry points: dotted, and no modules."""
FILE_NAMES = {path.name for path in CODE}

PATH = re.compile(r"(?<![\w./])(?:\.\./)?((?:treadle|tests|benchmarks|recipes|docs)/[\w./-]*\w)")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
PART = re.compile(r"\]\(([^)#:\s]*)#([^)\s]+)\)")
FILE_NAME = re.compile(r"`(\w+\.py)`")
DOTTED = re.compile(r"(?<![\w/.-])(treadle(?:\.\w+)+)")
IN_BACKTICKS = re.compile(r"`(treadle(?:\.\w+)+)`")


def exists(name):
    """Whether a dotted name is that of a module, or of something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        module = ROOT.joinpath(*parts[:count])
        if module.is_dir() or module.with_suffix(".py").is_file():
            found = import_module(".".join(parts[:count]))
            for part in parts[count:]:
                if not hasattr(found, part):
                    return False
                found = getattr(found, part)
            return True
    return False


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_paths_in_documents_exist(document):
    text = document.read_text(encoding="utf-8")
    missing = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    if document.suffix == ".md":
        missing += [link for link in LINK.findall(text) if not (document.parent / link).exists()]
        missing += [name for name in FILE_NAME.findall(text) if name not in FILE_NAMES]
    assert missing == [], f"{document} names what does not exist"


def anchors(markdown):
    """Of its headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ +(.*?) *$", markdown, re.M)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.suffix == ".md"], ids=relative)
def test_parts_of_documents_that_are_linked_exist(document):
    text = document.read_text(encoding="utf-8")
    linked = [(name or document.name, part) for name, part in PART.findall(text)]
    targets = [(document.parent / name, part) for name, part in linked if name.endswith(".md")]
    missing = [(path.name, part) for path, part in targets if part not in anchors(path.read_text(encoding="utf-8"))]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_names_in_documents_can_be_imported(document):
    names = set(DOTTED.findall(document.read_text(encoding="utf-8"))) - GROUPS
    assert [name for name in sorted(names) if not exists(name)] == [], f"{document} names what cannot be imported"


def test_names_in_docstrings_can_be_imported():
    told = {
        (name, relative(path))
        for path in sorted((ROOT / "treadle").rglob("*.py"))
        for name in IN_BACKTICKS.findall(path.read_text(encoding="utf-8"))
        if name not in GROUPS
    }
    assert len(told) > 50
    assert [(name, path) for name, path in sorted(told) if not exists(name)] == []


def test_modules_that_a_room_lists_are_in_it():
    for room in sorted((ROOT / "treadle").rglob("__init__.py")):
        doc = ast.get_docstring(ast.parse(room.read_text(encoding="utf-8"))) or ""
        listed = re.findall(r"(?<![\w/])\w+\.py\b", doc)
        assert [name for name in listed if not (room.parent / name).is_file()] == [], room


def test_what_is_not_there_is_found():
    assert exists("treadle.training.trainer.SRLTrainer.compute_loss")
    assert not exists("treadle.training.trainer.SRLTrainer.compute_losses")
    assert not exists("treadle.prefix_trainer")
    assert PATH.findall("see `treadle/gone.py`, (../tests/gone) and /other/treadle/x.py") == [
        "treadle/gone.py",
        "tests/gone",
    ]
    assert PART.findall("[a](gone.md#part) [b](#own) [c](https://x.org/#y)") == [("gone.md", "part"), ("", "own")]
    assert anchors("# A `b` c\n## Files, and [more](x.md)!\n") == {"a-b-c", "files-and-more"}
    assert LINK.findall("[a](gone.md#part) [b](https://example.org/x)") == ["gone.md"]
