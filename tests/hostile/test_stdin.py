"""Standard input is data or nothing: no library gets an answer from it."""

from __future__ import annotations

import json

import pytest

from tests.hostile import folders
from tests.hostile.folders import MARK

YES = b"y\ny\n"
COLUMNS = ("--column", "output", "--answer", "reference", "--extract", "whole", "--workers", "1")


def rows(solutions):
    return solutions.read_bytes()


@pytest.mark.parametrize("maker", [folders.foreign_type, folders.tokenizer_code])
@pytest.mark.parametrize("before", [b"", YES])
def test_prepare_reads_data(maker, before, treadle, solutions, scratch):
    model = maker(scratch / "m", scratch / MARK)
    outcome = treadle("prepare", "-", "-o", "out", "--tokenizer", model, stdin=before + rows(solutions))
    assert outcome.code == 0, outcome
    report = json.loads((scratch / "out" / "report.json").read_text())["rows"]
    assert (report["kept"], report["read"]) == (4, 4 + before.count(b"\n"))
    assert not (scratch / MARK).exists()


def test_grade_reads_data(treadle):
    outcome = treadle("grade", "-", *COLUMNS, stdin=b'{"output": "1/2", "reference": "0.5"}\n')
    assert outcome.code == 0, outcome
    assert "accuracy of 1" in outcome.out
    treadle("grade", "-", *COLUMNS, stdin=YES).refused("standard input")


def test_nothing_is_read_where_no_data_is_asked_for(treadle, solutions, scratch):
    assert treadle("prepare", solutions, "-o", "out", stdin=YES).code == 0
    treadle("prepare", solutions, "-o", "out", "--min-steps", "2", stdin=YES).refused("--overwrite")
