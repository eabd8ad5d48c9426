"""Recipes and values as YAML: the part of it that recipes need, read so that no file can cost time, memory or surprise.

PyYAML's safe loader scans and composes; what it composes is checked before anything is built of it:

- at most 64 KiB, 32 levels and 2,000 values, counted as they would be with every alias written out, so that neither
  aliases of aliases nor one that holds itself grow;
- keys are texts, each once in a section; `<<` merges, and what is merged may be said again;
- no tags but those of texts, numbers and truth values, nothing infinite, no number of more than 64 bits, no character
  that no text has.

Two differences from YAML 1.1 keep what is written from being something else: `1e-5` is a number, and a date, `1:30` and
`010` are texts. Aliases give copies, so that changing one place changes one place.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from treadle.errors import RecipeError

MOST_BYTES, MOST_LEVELS, MOST_VALUES, MOST_BITS = 64 * 1024, 32, 2_000, 64
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge")
)
_MERGE = "tag:yaml.org,2002:merge"
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_SAID = {
    "found character '\\t' that cannot start any token": "a tab; indent with spaces",
    "but found another document": "a second document; write each recipe into a file of its own, without ---",
    "second occurrence": "an anchor (&) of a name that stands before; give it another",
}
_QUOTED = re.compile(r"'[^']{2,}'")


class _Problem(Exception):
    """What is wrong, and at which character of the text."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


class _Loader(yaml.SafeLoader):
    """Scans and composes, to a bounded depth, and builds single values."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML fills a copy of it)
    level = values = 0

    def fetch_flow_collection_start(self, token: type) -> None:
        if self.flow_level >= MOST_LEVELS:
            raise _Problem(f"more than {MOST_LEVELS} levels; write less into one another", self.index)
        super().fetch_flow_collection_start(token)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.level, self.values = self.level + 1, self.values + 1
        if self.level > MOST_LEVELS:
            raise _Problem(f"more than {MOST_LEVELS} levels; write less into one another", self.index)
        if self.values > MOST_VALUES:
            raise _Problem(f"more than {MOST_VALUES:,} values; write less", self.index)
        node = super().compose_node(parent, index)
        self.level -= 1
        return node


for _tag, _pattern, _first in (
    ("bool", r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
):
    _first_letters = ["" if letter == "\0" else letter for letter in _first]
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first_letters)


def read_yaml(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        RecipeError: It cannot be read, or holds what the module refuses; file, line and what mends it are named.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); look at its rights") from None
    try:
        text = content[:MOST_BYTES].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(content) <= MOST_BYTES:
            line = content.count(b"\n", 0, error.start) + 1
            raise RecipeError(
                f"{path}, line {line}: not UTF-8 (byte {content[error.start]:#04x}); save the file as UTF-8"
            ) from None
        text = ""
    if len(content) > MOST_BYTES:
        raise RecipeError(f"{path}: more than {MOST_BYTES // 1024} KiB, which no recipe needs; is it another file?")
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Any:
    """The value of a YAML text; raises `RecipeError` as `read_yaml` does.

    Args:
        where: What the text is, for messages.
    """
    if len(text) > MOST_BYTES:
        raise RecipeError(f"{where}: more than {MOST_BYTES // 1024} KiB, which no value of a recipe needs")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node)
        return _Builder(loader).build(node)
    except yaml.reader.ReaderError as error:
        at, what = error.position, f"the character {error.character:#x}, which YAML has not; remove it"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at, what = mark.index if mark else 0, _said(error)
    except _Problem as error:
        at, what = error.at, str(error)
    except (ValueError, OverflowError):  # PyYAML's own, of an escape that is no character
        at, what = loader.index, "an escape that is no character; write the character itself"
    raise RecipeError(f"{where}, line {text.count(chr(10), 0, at) + 1}: not readable as YAML: {what}") from None


def _said(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's problem, without what it quotes of the text: that may be a password that begins with a sign."""
    problem = " ".join((error.problem or error.context or "not understood").split())
    for begin, said in _SAID.items():
        if problem.startswith(begin):
            return said
    context = f" {error.context}" if error.context and error.context != error.problem else ""
    return _QUOTED.sub("'...'", problem + context) + "; correct it, or put texts with : # [ { & * ! into quotes"


def _check_size(root: yaml.Node) -> None:
    """Raise `_Problem` for more levels or values than there may be, with every alias written out."""
    known: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            return 1, 1
        if id(node) in open_nodes:
            raise _Problem("an alias (*) that holds itself; write out what is meant", node.start_mark.index)
        if id(node) not in known:
            open_nodes.add(id(node))
            children = [child for pair in node.value for child in (pair if isinstance(pair, tuple) else (pair,))]
            sizes = [measure(child) for child in children]
            open_nodes.discard(id(node))
            values, levels = 1 + sum(size for size, _ in sizes), 1 + max((deep for _, deep in sizes), default=0)
            if levels > MOST_LEVELS or values > MOST_VALUES:
                what = f"{MOST_LEVELS} levels" if levels > MOST_LEVELS else f"{MOST_VALUES:,} values"
                raise _Problem(f"more than {what} with aliases (*) written out; write less", node.start_mark.index)
            known[id(node)] = values, levels
        return known[id(node)]

    measure(root)


class _Builder:
    """Builds plain values of composed nodes."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader

    def build(self, node: yaml.Node) -> Any:
        if node.tag not in _TAGS:
            raise _Problem("a tag (!), which is not taken; leave it out, or quote the text", node.start_mark.index)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child) for child in node.value]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
                if not all(isinstance(part, yaml.MappingNode) for part in parts):
                    raise _Problem("<< with something else than a section; merge sections", value.start_mark.index)
                for part in parts:  # of several the first counts
                    merged = {**self._mapping(part), **merged}
                continue
            name = self._key(key)
            if name in own:
                raise _Problem(f"the key {name[:60]!r} a second time; leave one of them", key.start_mark.index)
            own[name] = self.build(value)
        return {**merged, **own}

    def _key(self, node: yaml.Node) -> str:
        name = self.build(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(name, str):
            found = repr(node.value[:60]) if isinstance(node, yaml.ScalarNode) else "that is a list or section"
            raise _Problem(f"a key {found}, which is read as no text; put it into quotes", node.start_mark.index)
        return name

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        at = node.start_mark.index
        if node.tag.endswith((":map", ":seq", ":merge")):
            raise _Problem("a single value where a list or section belongs; put << into quotes, leave tags out", at)
        try:
            value = self._loader.construct_object(node)
        except (ValueError, KeyError, OverflowError):  # what a tag promises and the text is not
            raise _Problem(
                "a value that is too long, or not what its tag says; write less, leave the tag out", at
            ) from None
        if isinstance(value, str) and (unseen := _UNSEEN.search(value)):
            raise _Problem(f"the character {ord(unseen[0]):#x} in a text; remove it", at)
        if isinstance(value, float) and not math.isfinite(value):
            raise _Problem("a number that is not finite; write one that is", at)
        if isinstance(value, int) and value.bit_length() >= MOST_BITS:
            raise _Problem(f"a number of {len(node.value)} digits, more than {MOST_BITS} bits hold; write less", at)
        return value
