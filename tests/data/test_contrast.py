"""Which other experts' actions a step is held against."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import Step, Trajectory
from treadle.data.contrast import Contrasts, Other, form_of, pool_of, texts_of
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.rows import load_rows
from treadle.data.sources.native import to_row

FORM = ("math", "lines")


def trajectory(name: str, *actions: str, form: str = "lines") -> Trajectory:
    return Trajectory(name, f"problem {name}", tuple(map(Step, actions)), "1", meta={"form": form})


POOL = tuple(Other(f"t{n}", FORM if n % 4 else ("math", "other"), f"action {n}") for n in range(40))


def test_half_are_siblings_and_the_rest_other_trajectories_of_the_form():
    found = Contrasts(POOL, 8).of(trajectory("own", *(f"own {n}" for n in range(9))), 3)
    assert len(found) == len(set(found)) == 8
    assert sum(text.startswith("own") for text in found) == 4
    assert "own 2" not in found
    assert all(int(text.split()[1]) % 4 for text in found if text.startswith("action"))


def test_without_siblings_none_is_of_the_own_trajectory():
    found = Contrasts(POOL, 8, siblings=False).of(trajectory("own", "a", "b", "c"), 1)
    assert len(found) == 8
    assert all(text.startswith("action") for text in found)


@given(
    steps=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12),
    pool=st.lists(st.tuples(st.sampled_from(["own", "x", "y"]), st.sampled_from("abcxyz")), max_size=12),
    most=st.integers(0, 10),
    seed=st.integers(0, 3),
    siblings=st.booleans(),
)
def test_what_is_chosen_exists_is_never_the_own_text_and_is_as_many_as_there_are(steps, pool, most, seed, siblings):
    own = trajectory("own", *steps)
    chosen = Contrasts(tuple(Other(t, FORM, a) for t, a in pool), most, seed, siblings)
    for step, action in enumerate(steps, 1):
        found = chosen.of(own, step)
        assert found == chosen.of(own, step)
        near = [text for text in steps if text != action] if siblings else []
        far = [text for name, text in pool if name != "own" and text != action]
        assert len(found) == min(most, len(near) + len(far))
        assert not Counter(found) - Counter(near + far)  # each as often as it is there, at most


def test_another_seed_step_or_trajectory_draws_others():
    own = trajectory("own", *(f"own {n}" for n in range(9)))
    other = trajectory("other", *(f"own {n}" for n in range(9)))
    draws = [Contrasts(POOL, 8, seed).of(t, step) for seed in (0, 1) for t in (own, other) for step in (1, 2)]
    assert len({tuple(draw) for draw in draws}) == len(draws)


@pytest.fixture
def prepared(tmp_path) -> Prepared:
    rows = [trajectory(f"t{n}", *(f"{n}: step {k}" for k in range(1, 5))) for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(to_row(row)) + "\n" for row in rows))
    prepare(tmp_path / "rows.jsonl", tmp_path / "data", PrepareSettings(targets="all", held_out=5))
    return Prepared(tmp_path / "data")


def test_the_pool_is_of_training_trajectories_alone(prepared):
    pool = pool_of(prepared, seed=0)
    held_out = {t.id for t in prepared.trajectories("heldout")}
    assert len(pool) == 25 * 4
    assert {other.trajectory for other in pool} == {t.id for t in prepared.trajectories()}
    assert not held_out & {other.trajectory for other in pool}
    assert {other.form for other in pool} == {form_of(t) for t in prepared.trajectories()}
    assert len(pool_of(prepared, seed=0, most=10)) == 10
    assert pool_of(prepared, seed=0, most=10) != pool_of(prepared, seed=1, most=10)
    assert sorted(texts_of((*pool, *pool))) == sorted({other.action for other in pool})


def test_rows_have_the_column_on_request(prepared):
    assert "contrast" not in load_rows(prepared.folder)[0]
    for split in ("train", "heldout"):
        rows = load_rows(prepared.folder, split, contrasts=6)
        for row in rows:
            assert len(row["contrast"]) == 6
            name = row["trajectory_id"].removeprefix("t")
            assert sum(text.startswith(f"{name}: ") for text in row["contrast"]) == 3
            assert row["expert_action"] not in row["contrast"]
        assert rows[0] == load_rows(prepared.folder, split, contrasts=6)[0]
