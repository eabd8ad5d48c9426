"""The journal after a kill, and files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import OutputError
from treadle.evaluate.store import Journal, read_lines, write_json, write_lines

LINES = [{"n": 1, "text": "ü\n"}, {"n": 2, "text": "</think>"}]


def journal_with(path, content: bytes):
    path.write_bytes(content)
    journal = Journal(path)
    found = list(journal)
    journal.close()
    return found, journal.torn


def as_bytes(records):
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def test_what_is_appended_is_read_again(tmp_path):
    journal = Journal(tmp_path / "j")
    for line in LINES:
        journal.append(line)
        assert list(read_lines(tmp_path / "j"))[-1] == line  # in the file at once
    journal.close()
    assert journal_with(tmp_path / "j", (tmp_path / "j").read_bytes()) == (LINES, 0)


@given(cut=st.integers(min_value=1))
def test_a_torn_last_line_is_cut_wherever_it_is_torn(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "j"
    last = as_bytes(LINES[1:])
    kept = as_bytes(LINES[:1])
    torn = last[: 1 + cut % (len(last) - 1)]
    assert journal_with(path, kept + torn) == (LINES[:1], 1)
    assert path.read_bytes() == kept


@pytest.mark.parametrize("torn", [b'{"n": 2}', b"\x00\x00\x00", b'{"n": 2, \n', b"[1]\n", b"\xff\n"])
def test_other_unfinished_ends(tmp_path, torn):
    assert journal_with(tmp_path / "j", as_bytes(LINES) + torn) == (LINES, 1)


def test_damage_that_is_no_torn_end_is_an_error_and_nothing_is_cut(tmp_path):
    content = as_bytes(LINES) + b"x\ny\n"
    with pytest.raises(OutputError, match=r"j, line 3: no JSON object; delete this line"):
        journal_with(tmp_path / "j", content)
    assert (tmp_path / "j").read_bytes() == content
    with pytest.raises(OutputError, match=r"j, line 1: no JSON object"):
        journal_with(tmp_path / "j", b"x\n" + as_bytes(LINES))


def test_lone_surrogates_are_kept(tmp_path):
    write_lines(tmp_path / "l", [{"text": "a\ud800b"}])
    assert list(read_lines(tmp_path / "l")) == [{"text": "a\ud800b"}]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "r.json", {"old": True})

    def records():
        yield {"new": 1}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_lines(tmp_path / "r.json", records())
    assert json.loads((tmp_path / "r.json").read_text()) == {"old": True}
    with pytest.raises(OutputError, match="no such file"):
        list(read_lines(tmp_path / "none"))


def test_a_killed_writer_loses_at_most_its_last_line(tmp_path):
    path = tmp_path / "j"
    code = (
        "import sys; from pathlib import Path; from treadle.evaluate.store import Journal\n"
        "j = Journal(Path(sys.argv[1])); n = 0\n"
        "while True: j.append({'n': n, 'text': 'x' * 5000}); n += 1"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    try:
        until = time.monotonic() + 60
        while not (path.exists() and path.stat().st_size > 200_000):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    journal = Journal(path)
    numbers = [record["n"] for record in journal]
    journal.close()
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 35
