"""A console whose own colours act, and nothing that stands in its text."""

from __future__ import annotations

import io
import sys

import pytest
from rich.control import Control
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from treadle.report.console import VisibleConsole
from treadle.visible import VisibleStream, visible_output

COLOURS = {"force_terminal": True, "color_system": "standard", "width": 100, "legacy_windows": False}


def console_on(under, **settings):
    return VisibleConsole(file=VisibleStream(under), **{**COLOURS, **settings})


def test_colours_of_a_console_stay_and_those_of_text_do_not():
    under = io.StringIO()
    console_on(under).print(Text("a\x1b[2Jb", "red"))
    assert under.getvalue() == "\x1b[31ma\\x1b[2Jb\x1b[0m\n"


@pytest.mark.parametrize("wrap", [str, Text, Panel, lambda text: Text(text, "bold"), lambda text: f"[red]{text}"])
def test_whatever_holds_the_text(wrap):
    under = io.StringIO()
    console_on(under, color_system=None, no_color=True, force_terminal=False).print(wrap("a\x1b[2J\u202eb"))
    assert "a\\x1b[2J\\u202eb" in under.getvalue()
    assert not {"\x1b", "\u202e"} & set(under.getvalue())


def test_tables_cut_no_name_off():
    table = Table(title="a\x9bb", caption="c\u200bd")
    table.add_column("e\x1bf")
    table.add_row("g\u2066h")
    under = io.StringIO()
    console_on(under, force_terminal=False).print(table)
    assert all(named in under.getvalue() for named in ("a\\x9bb", "c\\u200bd", "e\\x1bf", "g\\u2066h"))


def test_a_line_as_wide_as_the_terminal_loses_nothing():
    under = io.StringIO()
    console_on(under).print("x" * 99 + "\x9b")
    assert under.getvalue() == "x" * 99 + "\\x9b\n"


def test_rich_acts_itself():
    """The cursor of a progress bar is moved by control codes of rich, which are no text."""
    under = io.StringIO()
    console_on(under).control(Control.clear())
    assert under.getvalue() == "\x1b[2J"


def test_a_console_writes_past_the_stream_that_would_name_its_colours(monkeypatch):
    under = io.StringIO()
    monkeypatch.setattr(sys, "stdout", under)
    with visible_output():
        console = VisibleConsole(**COLOURS)
        console.print(Text("a", "red"))
        print("\x1b[31mb")
    assert under.getvalue() == "\x1b[31ma\x1b[0m\n\\x1b[31mb\n"


def test_another_file_can_be_given():
    console, under = console_on(io.StringIO()), io.StringIO()
    console.file = under
    console.print("a\x1bb")
    assert under.getvalue() == "a\\x1bb\n"
