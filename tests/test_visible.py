"""What would act on a terminal or a page is named, by hand and for any text."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from treadle.errors import OutputError
from treadle.visible import BROKEN_PIPE, VisibleStream, indented, pieces, show_output, visible, visible_output

ANY = st.text(st.characters(), max_size=60)  # lone surrogates and control characters too


@given(ANY)
def test_what_is_shown_can_be_written_and_does_nothing(text):
    shown = visible(text)
    shown.encode("utf-8")
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown if c not in "\n\t")
    assert not any(unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI") for c in shown)


@given(ANY.filter(lambda text: "\r\n" not in text))
def test_no_character_is_lost(text):
    assert "".join(p.encode().decode("unicode_escape") if named else p for p, named in pieces(text)) == text


def test_names_by_hand():
    assert visible("a\x00b\x1b[31m\r\n\u202e\ud800\tπ") == "a\\x00b\\x1b[31m\n\\u202e\\ud800\tπ"
    assert visible("10%\r20%") == "10%\\r20%"
    assert visible("a\u200bb\U000e0041\ufeff\u2066") == "a\\u200bb\\U000e0041\\ufeff\\u2066"
    assert visible("👩\u200d🔬 می\u200cخواهم ❤\ufe0f") == "👩\u200d🔬 می\u200cخواهم ❤\ufe0f", "needed"


@pytest.mark.parametrize(
    ("writes", "shown"),
    [
        (["a\x1b[2J\n"], "a\\x1b[2J\n"),
        (["\r 10%", "\r 20%", "\n"], "\r 10%\r 20%\n"),
        (["error: ", "\rfine\n"], "error: \\rfine\n"),
        (["error: x\rfine\n"], "error: x\\rfine\n"),
        (["\r 10%", "text", "\rfine"], "\r 10%text\\rfine"),
        (["a\r\n", "\r\n"], "a\n\n"),
        (["\r 10%\n", "\r 20%"], "\r 10%\n\r 20%"),
        (["a\n", "b", "", "\rc"], "a\nb\\rc"),
    ],
)
def test_a_line_can_be_drawn_anew_and_not_written_over(writes, shown):
    under = io.StringIO(newline="")
    stream = VisibleStream(under)
    assert [stream.write(text) for text in writes] == [len(text) for text in writes]
    assert under.getvalue() == shown


def test_a_bar_is_drawn_and_its_title_shown():
    under = io.StringIO(newline="")
    for _ in tqdm(range(2), desc="a\x1b[2J\rb", file=VisibleStream(under), ascii=True):
        pass
    assert under.getvalue().startswith("\ra\\x1b[2J\\rb:   0%|")
    assert "\x1b" not in under.getvalue()


def test_whoever_prints(capsys):
    with visible_output():
        print("\x1b1")
        print("\x1b2", file=sys.stderr)
        sys.stdout.writelines(["\x1b3", "\n"])
        logging.StreamHandler().handle(logging.makeLogRecord({"msg": "\x1b4"}))
        sys.excepthook(ValueError, ValueError("\x1b5"), None)
        assert not hasattr(sys.stdout, "buffer"), "bytes would pass by"
        show_output()
        assert isinstance(sys.stdout, VisibleStream)
        assert not isinstance(sys.stdout._stream, VisibleStream), "once is enough"
    assert not isinstance(sys.stdout, VisibleStream)
    out, err = capsys.readouterr()
    assert out == "\\x1b1\n\\x1b3\n"
    assert "\x1b" not in err
    assert all(f"\\x1b{n}" in err for n in (2, 4, 5))


def test_what_cannot_be_encoded_is_named():
    under = io.BytesIO()
    stream = VisibleStream(io.TextIOWrapper(under, "cp1252", write_through=True))
    stream.write("é π\n")
    assert under.getvalue() == b"\xe9 \\u03c0\n"


class _Failing(io.StringIO):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))

    flush = write


@pytest.mark.parametrize("flushed", [False, True])
def test_an_output_that_fails(flushed):
    def attempt(number, needed=True):
        stream = VisibleStream(_Failing(number), needed)
        stream._stream.flush = lambda: _Failing.write(stream._stream, "")
        stream.flush() if flushed else stream.write("a")

    with pytest.raises(SystemExit) as ended:
        attempt(errno.EPIPE)
    assert ended.value.code == BROKEN_PIPE == 141
    with pytest.raises(OutputError, match=r"standard output: cannot be written to \(No space left on device"):
        attempt(errno.ENOSPC)
    attempt(errno.EPIPE, needed=False)
    attempt(errno.ENOSPC, needed=False)


def test_a_closed_output_takes_everything(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with visible_output():
        print("a")
        sys.stdout.flush()
    assert sys.stdout is None


def test_further_lines_of_a_message_are_indented():
    assert indented("a\nb\n  c") == "a\n  b\n  c"
