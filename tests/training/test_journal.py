"""Journals that are appended to, and cut back where a run goes on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import OutputError
from treadle.training.journal import append_lines, truncate_after


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


def test_lines_are_appended_and_the_folder_is_made(tmp_path):
    path = tmp_path / "run" / "stage" / "m.jsonl"
    append_lines(path, ["a\n"])
    append_lines(path, [])
    append_lines(path, ["b\n", "\u00e4\u2028\n"])
    assert path.read_bytes() == "a\nb\n\u00e4\u2028\n".encode()


def test_lines_that_cannot_be_written_are_named_and_what_is_unharmed(tmp_path):
    (tmp_path / "m.jsonl").mkdir()
    with pytest.raises(
        OutputError, match=r"m.jsonl: cannot be written .*The checkpoints are intact, and a torn"
    ) as told:
        append_lines(tmp_path / "m.jsonl", ["a\n"])
    assert isinstance(told.value.__cause__, IsADirectoryError)


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(0, 12), st.data())
def test_a_run_that_goes_on_writes_what_a_straight_one_does(tmp_path_factory, lines_of_steps, step, data):
    """Each step writes some lines; the run is killed within a line and goes on after an earlier step."""
    path = tmp_path_factory.mktemp("journal") / "m.jsonl"
    steps = [
        [json.dumps({"step": at, "line": n}) + "\n" for n in range(count)] for at, count in enumerate(lines_of_steps)
    ]
    straight = "".join(line for lines in steps for line in lines)
    for lines in steps:
        append_lines(path, lines)
    saved = sum(len(line) for lines in steps[: step + 1] for line in lines)
    killed_at = data.draw(st.integers(saved, len(straight)))
    if path.exists():
        path.write_text(straight[:killed_at])
    last = truncate_after(path, step)
    kept = [line for lines in steps[: step + 1] for line in lines]
    assert last == (json.loads(kept[-1]) if kept else None)
    for lines in steps[step + 1 :]:
        append_lines(path, lines)
    assert (path.read_text() if path.exists() else "") == straight
