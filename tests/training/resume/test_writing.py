"""A checkpoint that cannot be written: what is raised, what is removed and what stays."""

from __future__ import annotations

import errno

import pytest
import torch

from treadle.errors import OutputError
from treadle.files.whole import write_whole
from treadle.training.resume.checkpoints import aside
from treadle.training.resume.writing import Writing

FULL = OSError(errno.ENOSPC, "No space left on device")


def writing(folder, main=True, keep=3):
    """A checkpoint of step 4 that is half written, after one of step 2."""
    for path in (folder / "checkpoint-2", aside(folder) / "checkpoint-4"):
        path.mkdir(parents=True, exist_ok=True)
    return Writing(folder / "checkpoint-4", 1, torch.device("cpu"), main, keep)


def failing(part, error):
    with part.noting_failures():
        raise error


def test_a_sound_checkpoint_is_left_alone(tmp_path):
    part = writing(tmp_path)
    with part.noting_failures():
        (aside(tmp_path) / "checkpoint-4" / "weights").write_text("w")
    part.agree()
    assert (aside(tmp_path) / "checkpoint-4" / "weights").is_file()


def test_a_full_disk_is_told_of_when_all_have_come_to_agree(tmp_path):
    part = writing(tmp_path)
    failing(part, FULL)
    failing(part, OSError(errno.EIO, "a second failure, which follows from the first"))
    assert aside(tmp_path).exists()  # until then nothing is raised or removed
    with pytest.raises(OutputError) as told:
        part.agree()
    said = str(told.value)
    assert said.startswith(f"{tmp_path / 'checkpoint-4'}: cannot be written (No space left on device); ")
    assert "The last good checkpoint, checkpoint-2, is intact. Free space on the disk (or in your quota), then" in said
    assert said.endswith("Fewer are kept with save_total_limit: 1 under `trl:` (now 3)")
    assert told.value.__cause__ is FULL
    assert not aside(tmp_path).exists()
    assert (tmp_path / "checkpoint-2").is_dir()


def test_what_torch_says_of_a_disk_is_known(tmp_path):
    part = writing(tmp_path, keep=1)
    failing(part, RuntimeError("PytorchStreamWriter failed writing file data/0"))
    with pytest.raises(OutputError, match="PytorchStreamWriter failed writing file data/0") as told:
        part.agree()
    assert "save_total_limit" not in str(told.value)  # no fewer can be kept


def test_the_first_checkpoint_has_none_before_it(tmp_path):
    part = Writing(tmp_path / "checkpoint-1", 1, torch.device("cpu"), True, None)
    failing(part, FULL)
    with pytest.raises(OutputError, match=r"There is no earlier checkpoint.*\(now None\)"):
        part.agree()


def test_a_later_checkpoint_is_not_the_last_good_one(tmp_path):
    """A run that goes on from before it writes its steps anew."""
    part = writing(tmp_path)
    (tmp_path / "checkpoint-6").mkdir()
    failing(part, FULL)
    with pytest.raises(OutputError, match="The last good checkpoint, checkpoint-2,"):
        part.agree()


def test_files_that_appear_whole_fail_as_others(tmp_path):
    part = writing(tmp_path)
    (tmp_path / "a file").write_text("where a folder should be")
    with part.noting_failures():
        write_whole(tmp_path / "a file" / "checkpoint.json", "{}")
    with pytest.raises(OutputError, match=r"checkpoint-4: cannot be written .*Choose another place, as above this"):
        part.agree()


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: an illegal memory access"), OutputError("not of a disk")])
def test_what_is_no_matter_of_writing_is_raised_as_it_is(error, tmp_path):
    part = writing(tmp_path)
    failing(part, error)
    with pytest.raises(type(error)) as told:
        part.agree()
    assert told.value is error


def test_other_errors_are_not_held_back(tmp_path):
    with pytest.raises(KeyError):
        failing(writing(tmp_path), KeyError("a defect"))


def test_another_process_cleans_nothing_up(tmp_path):
    part = writing(tmp_path, main=False)
    failing(part, FULL)
    with pytest.raises(OutputError):
        part.agree()
    assert aside(tmp_path).exists()


def test_what_one_process_could_not_write_is_raised_in_all(tmp_path, monkeypatch):
    """The exchange is that of `torch.distributed`: here the other process says that it failed."""

    def all_reduce(failed, operation):
        assert operation == torch.distributed.ReduceOp.MAX
        failed.fill_(1)

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    writing(tmp_path)
    part = Writing(tmp_path / "checkpoint-4", 2, torch.device("cpu"), True, 3)
    with pytest.raises(OutputError, match="checkpoint-4: another process could not write its part of the checkpoint"):
        part.agree()
    assert not aside(tmp_path).exists()
