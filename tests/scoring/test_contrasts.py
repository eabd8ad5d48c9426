"""Which other actions a row is held against: the same for all rollouts of a group, wherever they stand."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.scoring.contrasts import choose, of_rows

TEXTS = st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=24)


@given(TEXTS, st.randoms(), st.integers(0, 3))
def test_the_choice_is_by_text_not_by_place(experts, random, seed):
    by_text = dict(zip(experts, of_rows(experts, seed=seed, most=4), strict=True))
    random.shuffle(experts)
    rows = of_rows(experts, seed=seed, most=4)
    assert [by_text[own] for own in experts] == rows
    assert all(own not in others and len(others) <= 4 for own, others in zip(experts, rows, strict=True))


@given(TEXTS)
def test_more_rollouts_of_each_prompt_choose_the_same(experts):
    assert of_rows(experts) == of_rows([own for own in experts for _ in range(8)])[::8]


def test_a_text_is_drawn_as_often_as_it_has_groups():
    assert sorted(of_rows(["a", "b", "b", "c"])[0]) == ["b", "b", "c"]


def test_seeds_and_rows_choose_differently():
    texts = [str(k) for k in range(40)]
    assert choose("own", texts, seed=0) != choose("own", texts, seed=1)
    assert choose("own", texts) != choose("other", texts)


def test_every_process_chooses_the_same():
    code = "from treadle.scoring.contrasts import choose; print(choose('own', [str(k) for k in range(40)]))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{choose('own', [str(k) for k in range(40)])}\n"}


def test_a_column_takes_the_place_of_the_call():
    rows = of_rows(["a", "a", "b", "c"], contrast=[["x", "a"], ["x", "a"], [], None])
    assert rows[:3] == [["x"], ["x"], []]
    assert sorted(rows[3]) == ["a", "a", "b"]


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        choose("own", ["a"], most=-1)
