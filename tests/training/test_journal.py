"""Journals that are cut back where a run goes on."""

from __future__ import annotations

import json

import pytest

from treadle.errors import OutputError
from treadle.training.journal import truncate_after


def test_truncate_after_keeps_whole_lines_up_to_the_step(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    assert truncate_after(path, 2) == {"step": 2}
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'
    assert truncate_after(tmp_path / "none.jsonl", 2) is None
    assert not (tmp_path / "none.jsonl").exists()


def test_truncate_after_is_in_place_and_drops_the_summary_of_a_run_that_stopped(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 2, "train_runtime": 4.0}\n')
    inode = path.stat().st_ino
    assert truncate_after(path, 2) == {"step": 2}
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'
    assert path.stat().st_ino == inode
    path.write_text('{"kept": true, "global_step": 0}\n{"global_step": 1, "kept": true}\n')
    assert truncate_after(path, -1, key="global_step") is None
    assert path.read_text() == ""


def test_a_damaged_line_among_those_to_keep_is_named(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\n\x00\x00\n{"step": 2}\n')
    with pytest.raises(OutputError, match=r"m.jsonl, line 2: found .* expected a JSON object with 'step'; delete"):
        truncate_after(path, 2)


def test_truncate_after_takes_unusual_line_separators_for_text(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"step": 1, "text": "a\u2028b\x85c"}, ensure_ascii=False) + '\n{"step": 2}\n')
    assert truncate_after(path, 1)["text"] == "a\u2028b\x85c"
    assert path.read_text().endswith('c"}\n')
