"""What messages name of the repository is there, and who has only an installation is told where to look."""

from __future__ import annotations

import ast
import re
from email.message import Message
from pathlib import Path

import pytest

from treadle import repository
from treadle.recipe.json_schema import recipe_schema
from treadle.repository import in_repository, with_places

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"""in_repository\(\s*["']([^"']+)["']\)""")
BARE = re.compile(r"(?<![\w/])(?:docs|recipes|benchmarks)/[\w/-]+\.\w+(?! of treadle's repository)\b")
FILES = [path for path in sorted((ROOT / "treadle").rglob("*")) if path.suffix in (".py", ".j2", ".jinja")]
PROGRAMS = [path for path in FILES if path.suffix == ".py"]


def strings(code):
    """Texts of a program that are no docstrings: not those of f-strings that say where, and not such arguments."""
    tree = ast.parse(code)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    places = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "in_repository"
    }
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.value for node in texts if id(node) not in docs | places]


@pytest.fixture
def urls(monkeypatch):
    """Sets those of the package's metadata."""

    def of(*urls):
        found = Message()
        for url in urls:
            found["Project-URL"] = url
        monkeypatch.setattr(repository, "metadata", lambda name: found)
        repository._place.cache_clear()

    yield of
    repository._place.cache_clear()


def test_what_messages_name_exists():
    named = {(name, path.name) for path in FILES for name in NAMED.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 8
    assert [(name, path) for name, path in sorted(named) if not (ROOT / name).is_file()] == []


def test_no_text_names_a_file_of_the_repository_without_saying_where_that_is():
    found = [(path.name, text) for path in PROGRAMS for text in strings(path.read_text(encoding="utf-8"))]
    assert [(path, text) for path, text in found if BARE.search(text)] == []
    templates = [path for path in FILES if path not in PROGRAMS]
    bare = [path.name for path in templates if BARE.search(NAMED.sub("", path.read_text(encoding="utf-8")))]
    assert bare == []


def test_meanings_of_a_recipe_s_keys_say_where_their_documents_are():
    schema = recipe_schema()
    told = re.findall(r"docs/[\w-]+\.md(?: of treadle's repository)?", str(schema))
    assert len(told) > 3
    assert all(text.endswith(" of treadle's repository") for text in told)


def test_what_is_looked_for_is_found():
    assert strings('"""docs/a.md"""\nx = f"see {in_repository(\'docs/b.md\')}, docs/c.md"\n') == ["see ", ", docs/c.md"]
    assert BARE.search("see docs/c.md, there")
    assert not BARE.search("see docs/c.md of treadle's repository")


def test_the_address_is_named_where_the_package_has_one(urls):
    urls("Paper, https://arxiv.org/abs/2510.25992")
    assert in_repository("docs/plan.md") == "docs/plan.md of treadle's repository"
    urls("Paper, https://arxiv.org/abs/2510.25992", "Repository, https://example.org/treadle")
    assert in_repository("docs/plan.md") == "docs/plan.md of https://example.org/treadle"
    assert with_places("(see `docs/a-b.md`).") == "(see docs/a-b.md of https://example.org/treadle)."
