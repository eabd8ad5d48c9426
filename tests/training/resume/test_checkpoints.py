"""Checkpoints on the disk: found whole, damaged, unfinished; kept and removed; and a disk that is full."""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path

import pytest

from tests.training.resume.test_resumable import sft, srl
from treadle.errors import OutputError
from treadle.files.whole import write_whole
from treadle.training.journal import append_lines
from treadle.training.resume.checkpoints import (
    MANIFEST,
    aside,
    checkpoints_in,
    last_good,
    problem_of,
    publish,
    rotate,
    seal,
)


def saved(folder: Path, step: int) -> Path:
    written = aside(folder) / f"checkpoint-{step}"
    (written / "shard").mkdir(parents=True)
    (written / "weights").write_bytes(bytes(range(256)) * 40)
    (written / "shard" / "0").write_text(f"step {step}")
    (written / "trainer_state.json").write_text("{}")
    seal(written, processes=1)
    return publish(written, folder)


def test_a_published_checkpoint_lists_its_files_and_is_whole(tmp_path):
    path = saved(tmp_path, 7)
    assert path == tmp_path / "checkpoint-7" == last_good(tmp_path)
    manifest = json.loads((path / MANIFEST).read_text())
    assert (manifest["step"], manifest["processes"]) == (7, 1)
    # `printf 'step 7' | sha256sum`
    digest = "733783eb95dbf62d951bd680a5e68d5c3619437d8fc3fd8783e04c30fbc412f2"
    assert manifest["files"]["shard/0"] == {"bytes": 6, "sha256": digest}
    assert last_good(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda path: (path / MANIFEST).unlink(), "has no checkpoint.json"),
        (lambda path: (path / MANIFEST).write_text('{"step"'), "checkpoint.json is no list of files"),
        (lambda path: (path / "weights").unlink(), "weights is missing, expected 10,240 bytes"),
        (lambda path: os.truncate(path / "weights", 100), "weights has 100 bytes, expected 10,240"),
        (lambda path: (path / "weights").write_bytes(b"x" * 10240), "weights has SHA-256 .*, expected "),
    ],
)
def test_a_damaged_checkpoint_is_named_and_passed_over(tmp_path, capfd, harm, found):
    saved(tmp_path, 9)
    saved(tmp_path, 10)
    harm(tmp_path / "checkpoint-10")
    assert last_good(tmp_path) == tmp_path / "checkpoint-9"
    said = capfd.readouterr().err
    assert "skipping a damaged checkpoint" in said
    assert str(tmp_path / "checkpoint-10") in said
    harm(tmp_path / "checkpoint-9")
    with pytest.raises(OutputError, match=f"no checkpoint in .*{found}.* To start this stage anew, remove its folder"):
        last_good(tmp_path)


def test_a_damaged_checkpoint_is_replaced_when_the_run_gets_there_again(tmp_path):
    saved(tmp_path, 10)
    (tmp_path / "checkpoint-10" / "weights").unlink()
    assert problem_of(saved(tmp_path, 10)) is None


def test_the_newest_and_the_best_are_kept(tmp_path):
    for step in (2, 4, 6, 8, 10, 20):
        newest = saved(tmp_path, step)
    (tmp_path / "checkpoint-20" / "weights").unlink()  # damaged: the run had gone on from 10
    newest = tmp_path / "checkpoint-10"
    rotate(tmp_path, newest, keep=2, best=tmp_path / "checkpoint-4", later=False)
    assert [path.name for path in checkpoints_in(tmp_path)] == [f"checkpoint-{n}" for n in (20, 10, 8, 4)]
    rotate(tmp_path, newest, keep=1)
    assert checkpoints_in(tmp_path) == [newest]
    rotate(tmp_path, newest, keep=None)
    assert checkpoints_in(tmp_path) == [newest]
    assert [path.name for path in tmp_path.iterdir() if path.name != ".checkpoint.partial"] == ["checkpoint-10"]


def test_transformers_removes_nothing_and_what_was_left_half_written_goes(tiny_model, tiny_tokenizer, tmp_path):
    trash = aside(tmp_path) / "checkpoint-1"
    trash.mkdir(parents=True)
    (tmp_path / ".checkpoint-0.removed").mkdir()
    trainer = srl(tmp_path, tiny_model, tiny_tokenizer, max_steps=3, save_total_limit=1)
    trainer.train()
    assert [path.name for path in tmp_path.glob("*checkpoint*")] == ["checkpoint-3"]
    assert problem_of(tmp_path / "checkpoint-3") is None


def test_the_best_checkpoint_is_saved_at_once_and_never_rotated_away(tiny_model, tiny_tokenizer, tmp_path):
    """Losses by validation 3, 1, 2, 4: the second is the best, which no save_steps asks for."""
    told = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    changes = {"save_steps": 4, "save_total_limit": 1, "eval_strategy": "steps", "eval_steps": 1, "max_steps": 4}
    changes |= {"metric_for_best_model": "eval_told", "greater_is_better": False}
    trainer = sft(tmp_path, tiny_model, tiny_tokenizer, rows_eval=True, **changes)
    evaluate = trainer._evaluate
    trainer._evaluate = lambda *more, **kwargs: {**evaluate(*more, **kwargs), "eval_told": next(told)}
    trainer.train()
    assert [path.name for path in checkpoints_in(tmp_path)] == ["checkpoint-4", "checkpoint-2"]
    state = json.loads((tmp_path / "checkpoint-4" / "trainer_state.json").read_text())
    assert (state["best_global_step"], state["best_metric"]) == (2, 1.0)
    assert state["best_model_checkpoint"] == str(tmp_path / "checkpoint-2")

    moved = tmp_path.with_name("moved")  # the best is looked for where the run lies now
    tmp_path.rename(moved)
    again = sft(moved, tiny_model, tiny_tokenizer, rows_eval=True, **(changes | {"max_steps": 5}))
    evaluate = again._evaluate
    again._evaluate = lambda *more, **kwargs: {**evaluate(*more, **kwargs), "eval_told": next(told)}
    again.train(resume_from_checkpoint=str(moved / "checkpoint-4"))
    assert again.state.best_model_checkpoint == str(moved / "checkpoint-2")
    assert [path.name for path in checkpoints_in(moved)] == ["checkpoint-5", "checkpoint-2"]


def test_a_text_file_is_replaced_whole(tmp_path):
    write_whole(tmp_path / "new" / "a.json", "first")
    write_whole(tmp_path / "new" / "a.json", ["sec", "ond"])
    assert [(path.name, path.read_text()) for path in (tmp_path / "new").iterdir()] == [("a.json", "second")]


@pytest.fixture
def small_disk(tmp_path):
    """Makes file systems of a given size, in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    mounted = []

    def mount(mebibytes: float) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        options = f"size={int(mebibytes * 1024)}k".encode()
        if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, options):
            pytest.skip(f"a tmpfs cannot be mounted here ({os.strerror(ctypes.get_errno())})")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        libc.umount2(str(folder).encode(), 2)


@pytest.mark.parametrize("room", [1.2, 1.5, 1.8, 1.97])
def test_a_full_disk_leaves_the_last_good_checkpoint(room, small_disk, tiny_model, tiny_tokenizer, tmp_path):
    """The disk has room for one checkpoint and a part of another: which file fails differs."""
    sft(tmp_path / "roomy", tiny_model, tiny_tokenizer, max_steps=1).train()
    size = sum(path.stat().st_size for path in (tmp_path / "roomy" / "checkpoint-1").rglob("*"))
    folder = small_disk(room * size / 2**20)
    with pytest.raises(OutputError) as told:
        sft(folder / "run", tiny_model, tiny_tokenizer, max_steps=3).train()
    assert "checkpoint-2: cannot be written" in str(told.value)
    assert "MiB are free on its disk" in str(told.value)
    assert "The last good checkpoint, checkpoint-1, is intact. Free space" in str(told.value)
    assert "save_total_limit: 1 under `trl:` (now None)" in str(told.value)
    assert last_good(folder / "run") == folder / "run" / "checkpoint-1"
    assert not aside(folder / "run").exists()


def test_a_journal_on_a_full_disk(small_disk):
    folder = small_disk(0.02)
    (folder / "filler").write_bytes(bytes(16 * 1024))
    with pytest.raises(OutputError, match=r"metrics.jsonl: cannot be written \(No space left on device\); .* intact"):
        append_lines(folder / "metrics.jsonl", ["x" * 10000] * 2)
    with pytest.raises(OutputError, match=r"stage.json: cannot be written \(No space left on device\)"):
        write_whole(folder / "stage.json", "x" * 20000)
    assert not (folder / "stage.json").exists()
