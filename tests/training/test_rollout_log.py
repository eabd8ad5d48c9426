"""`rollouts.jsonl` as it is read again, in one process and in several simulated ones."""

from __future__ import annotations

import datetime
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.simulated import alone, in_processes
from treadle.training.journal import truncate_after
from treadle.training.rollout_log import RolloutLog, thought_lengths
from treadle.training.sampling import Drop

SIZE = 2


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows_of(*numbers):
    """Rows of groups, siblings adjacent; of each the second is truncated."""
    return [{"prompt": f"p{n}", "number": n, "truncated": bool(i)} for n in numbers for i in range(SIZE)]


def held(log, *numbers):
    log.hold(
        rows_of(*numbers), [f"{n} {i}" for n in numbers for i in range(SIZE)], [float(n) for n in numbers for _ in "ab"]
    )


def test_a_line_by_hand(tmp_path):
    log = RolloutLog(tmp_path / "run" / "rollouts.jsonl", SIZE, alone())
    message = [{"role": "assistant", "content": "so ä\u2028b"}]
    log.hold(rows_of(7), [message, "plain"], [0.5, math.nan])
    assert not log.path.exists()
    log.write(3, [Drop.LOW_SPREAD])
    assert log.path.read_text(encoding="utf-8") == (
        '{"global_step": 3, "kept": false, "dropped": "low_spread", "prompt": "p7", "number": 7, '
        '"completions": ["so ä\u2028b", "plain"], "truncated": [false, true], "rewards": [0.5, null]}\n'
    )


def test_what_is_held_is_written_once_in_order(tmp_path):
    log = RolloutLog(tmp_path / "rollouts.jsonl", SIZE, alone())
    held(log, 1, 2)
    held(log, 3)
    log.write(0, [None, Drop.ALL_RIGHT, None])
    log.write(1)
    held(log, 4)
    log.write(2)
    found = [(line["global_step"], line["number"], line["kept"], line["dropped"]) for line in lines(log.path)]
    assert found == [(0, 1, True, None), (0, 2, False, "all_right"), (0, 3, True, None), (2, 4, True, None)]


@given(st.integers(1, 9), st.integers(1, 4))
def test_the_main_process_writes_each_group_once_without_repetitions(tmp_path_factory, groups, count):
    path = tmp_path_factory.mktemp("log") / "rollouts.jsonl"

    def work(processes):
        log = RolloutLog(path, SIZE, processes)
        held(log, *processes.share(list(range(groups))))
        log.write(0, [None] * groups)
        log.write(1)  # nothing is left in any process

    in_processes(count, work)
    assert [line["number"] for line in lines(path)] == list(range(groups))


def test_tokens_of_thoughts_are_those_of_their_texts(tiny_tokenizer):
    completions = [
        "<think>abc</think>x",
        [{"role": "assistant", "content": "<think>ab</think>x<think>c</think>"}],
        "none",
    ]
    # The tokenizer knows single characters; thoughts are joined by a line break.
    assert thought_lengths(completions, tiny_tokenizer) == [3, 4, 0]
    assert thought_lengths([], tiny_tokenizer) == []


@pytest.mark.parametrize("column", ["global_step", "kept", "dropped", "completions", "rewards"])
def test_a_column_of_the_data_set_does_not_stand_in_for_what_is_recorded(column, tmp_path):
    log = RolloutLog(tmp_path / "rollouts.jsonl", SIZE, alone())
    log.hold([{**row, column: "mine"} for row in rows_of(1)], ["a", "b"], [0.0, 1.0])
    log.write(4)
    (line,) = lines(log.path)
    expected = {"global_step": 4, "kept": True, "dropped": None, "completions": ["a", "b"], "rewards": [0.0, 1.0]}
    assert {key: line[key] for key in expected} == expected
    assert truncate_after(log.path, 4, "global_step") == line


def test_a_column_that_json_does_not_know_is_written_as_text(tmp_path):
    log = RolloutLog(tmp_path / "rollouts.jsonl", SIZE, alone())
    day = datetime.date(2024, 5, 17)
    log.hold([{**row, "day": day} for row in rows_of(1)], ["a", "b"], [0.0, 1.0])
    log.write(0)
    assert lines(log.path)[0]["day"] == "2024-05-17"
