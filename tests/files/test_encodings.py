"""Text of every encoding that Python writes comes out letter by letter, or is refused with a reason."""

from __future__ import annotations

import codecs
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.files.test_reading import bad, good
from treadle.files import encodings
from treadle.files.encodings import as_utf8, wide_encoding

ROWS = [{"id": str(i), "text": f"π r² = {i} 中文 𝄞"} for i in range(4)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in ROWS)
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("mark", ["\ufeff", ""], ids=["with a mark", "without"])
@pytest.mark.parametrize(
    "text", [LINES, json.dumps(ROWS), json.dumps(ROWS, indent=1)], ids=["lines", "array", "pretty"]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_utf_16_and_utf_32(tmp_path, encoding, mark, text, pack):
    path = tmp_path / "a.json"
    path.write_bytes(pack((mark + text).encode(encoding)))
    assert good(path) == ROWS
    assert bad(path) == []


@given(text=st.text(st.characters(codec="utf-8")), encoding=st.sampled_from(WIDE), size=st.integers(1, 9))
def test_a_decoded_stream_is_the_text_in_utf_8_whatever_the_block(text, encoding, size):
    before, encodings.BLOCK = encodings.BLOCK, size
    try:
        stream = as_utf8(io.BufferedReader(io.BytesIO(("\ufeff" + text).encode(encoding))))
        assert stream.read() == text.encode()
    finally:
        encodings.BLOCK = before


def test_utf_8_is_left_alone():
    for head in (b'{"a"', b"\xef\xbb\xbf{", b"[\n \n", b"", b"\x00\x01\x02\x03", b"PAR1"):
        assert wide_encoding(head) is None
        stream = io.BufferedReader(io.BytesIO(head))
        assert as_utf8(stream) is stream


def test_text_that_is_cut_off_in_a_letter_gives_what_stands_before(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES.encode("utf-16")[:-1])
    assert good(path) == ROWS
    ((_, reason, detail),) = bad(path)
    assert (reason, detail) == ("unreadable_file", "the text is UTF-16-LE, but truncated data (cut off, or damaged)")
    path.write_bytes(codecs.BOM_UTF32_LE + LINES.encode("utf-32-le") + b"\xff\xff\xff\xff")
    assert good(path) == ROWS
    assert [reason for _, reason, _ in bad(path)] == ["unreadable_file"]


def test_lines_of_another_encoding_are_dropped_one_by_one_and_say_so(tmp_path):
    path = tmp_path / "a.jsonl"
    for encoding in ("latin-1", "cp1252"):
        path.write_bytes(b'{"id": 1}\n' + '{"text": "un café"}\n'.encode(encoding) + b'{"id": 3}\n')
        assert good(path) == [{"id": 1}, {"id": 3}]
        ((where, reason, detail),) = bad(path)
        assert (where, reason) == (f"{path}, line 2", "unreadable_json")
        assert 'byte 0xe9 in \'xt": "un café"}' in detail
        assert "iconv -f CP1252 -t UTF-8 FILE" in detail


def test_utf_16_appended_to_utf_8_is_refused_not_guessed(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 1}\n' + '{"text": "π"}\n'.encode("utf-16-le"))
    assert good(path) == [{"id": 1}]
    assert all("zero bytes, as UTF-16 has" in detail for _, _, detail in bad(path))


def test_a_mark_at_the_start_of_any_line_is_no_error(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": 1}\r\n\xef\xbb\xbf{"id": 2}\r\n')
    assert good(path) == [{"id": 1}, {"id": 2}]
    assert bad(path) == []
