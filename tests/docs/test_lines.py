"""Links to symbols: their lines are found, and what is not there is named."""

from __future__ import annotations

import pytest
from lines import line_of, relinked

MODULE = """\
LIMIT = 3
kind: str = "a"


@staticmethod
def top():
    def within(): ...


class Outer:
    size: int

    async def go(self): ...

    class Inner:
        def deep(self): ...
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "package" / "module.py"
    path.parent.mkdir()
    path.write_text(MODULE)
    return path


@pytest.mark.parametrize(
    ("symbol", "line"),
    [
        ("LIMIT", 1),
        ("kind", 2),
        ("top", 6),
        ("Outer", 10),
        ("Outer.size", 11),
        ("Outer.go", 13),
        ("Outer.Inner.deep", 16),
    ],
)
def test_lines_by_hand(module, symbol, line):
    assert line_of(symbol, module) == line


def test_only_the_numbers_of_links_to_symbols_change(module):
    text = "[`Outer.go`](package/module.py#L1), [go](package/module.py#L1), [`top`](package/module.py#L999) `top`#L1"
    right = "[`Outer.go`](package/module.py#L13), [go](package/module.py#L1), [`top`](package/module.py#L6) `top`#L1"
    assert relinked(text, module.parents[1]) == right
    assert relinked(text.replace("(package", "(../package"), module.parent) == right.replace("(package", "(../package")


@pytest.mark.parametrize("symbol", ["go", "Outer.stop", "within", "top.within"])
def test_a_symbol_that_is_not_there_is_named(module, symbol):
    with pytest.raises(LookupError, match=rf"module.py: defines no {symbol}; mend the link's text or its path"):
        relinked(f"[`{symbol}`](package/module.py#L1)", module.parents[1])


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LookupError, match=r"gone.py: no such file; a link to top needs its new place"):
        relinked("[`top`](gone.py#L1)", tmp_path)
