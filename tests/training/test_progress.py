from __future__ import annotations

import json
import sys

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from treadle.scoring.completion import FormatFault
from treadle.training.progress import MetricsFile, ProgressBar


@pytest.fixture
def arguments(tmp_path):
    return TrainingArguments(str(tmp_path), use_cpu=True, report_to=[])


def test_seconds_go_on_after_an_interruption(tmp_path, arguments):
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1, "seconds": 100.0}\n{"step": 2, "seconds": 200.0}\n')
    callback, state = MetricsFile(path), TrainerState(global_step=1)
    callback.on_train_begin(arguments, state, TrainerControl())
    state.global_step = 2
    callback.on_log(arguments, state, TrainerControl(), logs={"loss": 0.1})
    assert [int(json.loads(line)["seconds"]) for line in path.open()] == [100, 100]


def test_metrics_of_a_resumed_run_have_no_gap_and_no_double(tmp_path, arguments):
    path = tmp_path / "m.jsonl"
    state = TrainerState(max_steps=5)
    for begin, end in ((0, 4), (2, 5)):  # interrupted after step 4, checkpoint at step 2
        callback = MetricsFile(path)
        state.global_step = begin
        callback.on_train_begin(arguments, state, TrainerControl())
        for step in range(begin + 1, end + 1):
            state.global_step = step
            callback.on_log(arguments, state, TrainerControl(), logs={"loss": step / 10})
    assert [json.loads(line)["step"] for line in path.open()] == [1, 2, 3, 4, 5]


def test_a_similarity_has_its_floor_beside_it(tmp_path, arguments, capfd):
    path = tmp_path / "m.jsonl"
    state = TrainerState(max_steps=9)
    for callback in (MetricsFile(path, 0.34567), ProgressBar("srl", similarity_floor=0.34567)):
        callback.on_train_begin(arguments, state, TrainerControl())
        for logs in ({"loss": 1.0}, {"eval_similarity": 0.4}, {"similarity": None}, {"reward": 0.2, "similarity": 0.3}):
            callback.on_log(arguments, state, TrainerControl(), logs=logs)
        callback.on_train_end(arguments, state, TrainerControl())
    assert [json.loads(line).get("similarity_floor") for line in path.open()] == [None, 0.3457, None, 0.3457]
    assert "similarity=0.3 (floor 0.35)" in capfd.readouterr().err


def test_a_validation_by_similarity_has_its_floor_beside_it(tmp_path, arguments, capfd):
    path = tmp_path / "m.jsonl"
    state = TrainerState(max_steps=9)
    for callback in (MetricsFile(path, held_out_floor=0.34567), ProgressBar("rlvr", held_out_floor=0.34567)):
        callback.on_train_begin(arguments, state, TrainerControl())
        for logs in ({"similarity": 0.5}, {"eval_reward": 0.375}, {"eval_reward": -1.0, "eval_similarity": None}):
            callback.on_log(arguments, state, TrainerControl(), logs=logs)
        callback.on_train_end(arguments, state, TrainerControl())
    assert [json.loads(line).get("similarity_floor") for line in path.open()] == [None, 0.3457, 0.3457]
    assert "held_out=-1 (floor 0.35)" in capfd.readouterr().err


def test_the_bar_shows_reward_kept_groups_and_faults_by_kind(arguments, capfd):
    state = TrainerState(max_steps=2, global_step=0)
    bar = ProgressBar("srl")
    bar.on_train_begin(arguments, state, TrainerControl())
    state.global_step = 1
    logs = {"reward": 0.5, "similarity": 0.625, "sampling/kept_groups": 7.0, "thought_tokens": 31.0}
    logs |= {f"format/{FormatFault.TRUNCATED}": 0.25, f"format/{FormatFault.EMPTY_ACTION}": 0.0}
    bar.on_log(arguments, state, TrainerControl(), logs=logs)
    bar.on_log(arguments, state, TrainerControl(), logs={"eval_reward": 0.25, "eval_similarity": 0.75})
    bar.on_step_end(arguments, state, TrainerControl())
    bar.on_train_end(arguments, state, TrainerControl())
    shown = capfd.readouterr().err
    for text in ("srl", "held_out=0.25", "reward=0.5", "similarity=0.625", "kept=7", "thought=31", "truncated=25%"):
        assert text in shown
    assert "empty_action" not in shown


def test_a_message_after_an_error_begins_a_line_of_its_own(arguments, capfd):
    bar = ProgressBar("srl")
    bar.on_train_begin(arguments, TrainerState(max_steps=2), TrainerControl())
    bar.close()
    bar.on_train_end(arguments, TrainerState(max_steps=2), TrainerControl())  # and no second bar
    print("treadle: error: lost", file=sys.stderr)
    shown = capfd.readouterr().err
    assert shown.endswith("\ntreadle: error: lost\n")
    assert shown.count("\n") == 2
