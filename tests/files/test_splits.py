"""Files of a folder whose names say of which split they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from treadle.files.inputs import input_files, walk
from treadle.files.splits import split_of


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.jsonl", "train"),
        ("train-00000-of-00001.parquet", "train"),
        ("data/Test-00000-of-00002.jsonl.gz", "test"),
        ("validation/0000.parquet", "validation"),
        ("dev.json", "validation"),
        ("trainer.jsonl", None),
        ("test_orders.jsonl", None),  # what its rows are about
        ("gsm8k_train.jsonl", None),
        ("notes/rows.jsonl", None),
    ],
)
def test_names_that_say_a_split(path, split):
    assert split_of(Path(path)) == split


@pytest.mark.parametrize(
    ("split", "read", "left_out"),
    [
        ("train", ["more.jsonl", "train-0.jsonl", "train-1.jsonl"], {"test": 1, "validation": 1}),
        ("val", ["more.jsonl", "val/0.jsonl"], {"test": 1, "train": 2}),
        ("other", ["more.jsonl", "test.jsonl", "train-0.jsonl", "train-1.jsonl", "val/0.jsonl"], {}),
    ],
)
def test_a_folder_of_splits_gives_one_and_counts_the_others(tmp_path, split, read, left_out):
    (tmp_path / "val").mkdir()
    for name in ("train-0.jsonl", "train-1.jsonl", "test.jsonl", "more.jsonl", "val/0.jsonl"):
        (tmp_path / name).write_text("{}\n")
    skipped = Counter()
    assert [file.relative_to(tmp_path).as_posix() for file in walk(tmp_path, skipped, split)] == read
    assert skipped == {f"split that --split does not name: {name}": count for name, count in left_out.items()}
    assert input_files(tmp_path, split) == [tmp_path / name for name in read]
