"""Names of metrics in trackers: grouped, none lost, none twice, and with the floor beside similarities."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.parquet import read_table
from transformers.integrations import integration_utils
from transformers.integrations.integration_utils import TensorBoardCallback

from tests.training.test_trainer import ROWS, arguments, train
from treadle import SRLConfig, SRLTrainer
from treadle.training.progress import MetricsFile
from treadle.training.tracking import as_text, tracked_name, tracked_names


@pytest.mark.parametrize(
    ("name", "tracked"),
    [
        ("loss", "train/loss"),
        ("reward", "reward/reward"),
        ("similarity", "reward/similarity"),
        ("sampling/kept_groups", "sampling/kept_groups"),
        ("format/truncated", "format/truncated"),
        ("faults/unscorable/raised", "faults/unscorable/raised"),
        ("collapse/copied/experts", "faults/collapse/copied/experts"),
        ("clip_ratio/high_max", "train/clip_ratio/high_max"),
        ("eval_clip_ratio/high_max", "eval/clip_ratio/high_max"),
        ("thought_tokens", "completions/thought_tokens"),
        ("eval_reward", "eval/reward"),
        ("eval_format/truncated", "eval/format/truncated"),
    ],
)
def test_names(name, tracked):
    assert tracked_name(name) == tracked
    assert tracked.endswith(name.removeprefix("eval_")), "found again in metrics.jsonl"


@given(st.lists(st.from_regex(r"(eval_)?[a-z_]{1,6}(/[a-z]{1,4})?", fullmatch=True), unique=True))
def test_no_two_metrics_get_one_name_unless_they_hold_a_group_of_it(names):
    """Without names that begin with a group that treadle itself gives."""
    plain = [n for n in names if n.partition("/")[0] not in ("train", "reward", "completions", "eval", "faults")]
    assert len({tracked_name(name) for name in plain}) == len(plain)


def test_cells_of_tables_are_text():
    question, answer = {"role": "user", "content": "Two and two?"}, {"role": "assistant", "content": "4"}
    assert as_text("4") == as_text([answer]) == "4"
    assert as_text([]) == ""
    assert as_text([{"role": "system", "content": "Be brief."}, question]) == (
        "system:\nBe brief.\n\nuser:\nTwo and two?"
    )


class Writer:
    """What TensorBoard's callback writes to, kept."""

    def __init__(self):
        self.scalars = {}

    def add_scalar(self, name, value, step):
        self.scalars[name] = (value, step)

    def flush(self):
        pass


def test_a_tracker_of_transformers_gets_them_and_the_file_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(integration_utils, "is_tensorboard_available", lambda: True)
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=None))
    file = MetricsFile(tmp_path / "metrics.jsonl", 0.25, 0.5)
    writer = Writer()
    callback = TensorBoardCallback(writer)
    state = SimpleNamespace(is_world_process_zero=True, global_step=3)
    before = integration_utils.rewrite_logs
    with tracked_names(file.floor_of):
        for logs in ({"loss": 1.0, "similarity": 0.75, "format/truncated": 0.0}, {"eval_reward": 0.5}, {"loss": 2.0}):
            callback.on_log(None, state, None, logs=logs)
            file.on_log(None, state, None, logs=logs)
    assert integration_utils.rewrite_logs is before
    assert writer.scalars == {
        "train/loss": (2.0, 3), "reward/similarity": (0.75, 3), "format/truncated": (0.0, 3),
        "reward/similarity_floor": (0.25, 3), "eval/reward": (0.5, 3), "eval/similarity_floor": (0.5, 3),
    }  # fmt: skip
    written = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    assert written[0]["similarity_floor"] == 0.25
    assert "similarity" in written[0]


def test_tables_of_completions_hold_text(tiny_model, tiny_tokenizer, tmp_path):
    args = arguments(SRLConfig, tmp_path, log_completions=True, max_steps=1)
    train(SRLTrainer, tiny_model, tiny_tokenizer, args)
    table = read_table(tmp_path / "completions" / "completions_00001.parquet").to_pydict()
    assert set(table["prompt"]) < {row["prompt"][0]["content"] for row in ROWS}
    assert len(table["completion"]) == 16
    assert all(isinstance(text, str) for text in table["completion"])
