"""Whether a run folder still has what its figures were made from."""

from __future__ import annotations

import hashlib
import json

import pytest

from treadle.errors import OutputError
from treadle.evaluate.kept import check_journal, lost_generations, written_files

LINES = [b'{"n": 0}\n', b'{"n": 1}\n', b'{"n": 2}\n']


@pytest.fixture
def run(tmp_path):
    """A run folder whose figures were made from three generations."""
    (tmp_path / "generations.jsonl").write_bytes(b"".join(LINES))
    (tmp_path / "samples.jsonl").write_bytes(b"{}\n")
    (tmp_path / "results.json").write_text(json.dumps({"files": written_files(tmp_path)}))
    return tmp_path


def test_what_is_listed(run):
    (run / "report.html").touch()
    assert written_files(run) == {
        "generations.jsonl": {"bytes": 27, "sha256": hashlib.sha256(b"".join(LINES)).hexdigest(), "lines": 3},
        "samples.jsonl": {"bytes": 3, "sha256": hashlib.sha256(b"{}\n").hexdigest()},
    }


@pytest.mark.parametrize("content", [LINES, [*LINES, b'{"n": 3}\n'], [*LINES, b'{"n": 3'], reversed(LINES)])
def test_nothing_is_lost(run, content):
    """Neither where more was generated since, nor by a line that a kill cut short after it."""
    (run / "generations.jsonl").write_bytes(b"".join(content))
    assert lost_generations(run) is None
    check_journal(run)


@pytest.mark.parametrize(
    ("content", "left"), [(LINES[:2], 2), ([*LINES[:2], LINES[2][:-1]], 2), ([LINES[0][:-1]], 0), ([], 0)]
)
def test_lost_ones_are_counted(run, content, left):
    (run / "generations.jsonl").write_bytes(b"".join(content))
    assert lost_generations(run) == f"{left} of 3 generations are left"
    with pytest.raises(OutputError, match=rf"generations\.jsonl: {left} of 3 generations are left; restore the file"):
        check_journal(run)


def test_no_journal_at_all(run):
    (run / "generations.jsonl").unlink()
    with pytest.raises(OutputError, match=r"generations\.jsonl: no such file; restore the file"):
        check_journal(run)


@pytest.mark.parametrize(
    "results",
    [
        "{",
        "[]",
        "{}",
        '{"files": []}',
        '{"files": {"generations.jsonl": 3}}',
        None,
        '{"files": {"generations.jsonl": {"lines": "3"}}}',
    ],
)
def test_of_figures_that_do_not_say_nothing_is_lost(run, results):
    """Those of before, or damaged: they are made again."""
    (run / "results.json").unlink()
    if results is not None:
        (run / "results.json").write_text(results)
    (run / "generations.jsonl").write_bytes(LINES[0])
    assert lost_generations(run) is None
