"""Sizes of a first try: by hand, and within what data and positions allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.check.measured import Demonstrations
from treadle.init.found import Found, Lengths
from treadle.init.sizes import room, settings_of
from treadle.recipe.parts import Lora
from treadle.recipe.reading import parse_recipe
from treadle.recipe.sizes import derive_sizes


def values(kind, found, lora=None, paper=False, micro_batch=8):
    return {one.key: one.value for one in settings_of(kind, found, lora, paper, micro_batch)}


def test_a_first_try_of_srl(found):
    assert values("srl", found()) == {
        "prompts_per_step": 16,
        "rollouts": 8,
        "max_completion_length": 512,  # twice 130 is above 256
        "max_steps": 20,
        "micro_batch": 8,
        "learning_rate": 5e-7,
        "validate_every": 10,
    }


def test_the_papers_sizes(found):
    assert "max_steps" not in values("srl", found(), paper=True)
    assert values("srl", found(), paper=True)["prompts_per_step"] == 512
    assert values("rlvr", found(), paper=True)["prompts_per_step"] == 128
    few = settings_of("srl", found(instances=300), None, True, 8)
    assert (few[0].value, few[0].why) == (256, "the paper: 512; there are 300 rows")


def test_the_learning_rate_goes_by_what_is_trained(found):
    assert values("rlvr", found(parameters=135_000_000))["learning_rate"] == 2e-5
    assert values("rlvr", found(), lora=Lora())["learning_rate"] == pytest.approx(10 * 5e-7)


def test_without_held_out_rows_nothing_is_validated(found):
    assert "validate_every" not in values("srl", found(held_out=0))
    assert "validate_every" not in values("rlvr", found(held_out_answers=0))
    assert "validate_every" in values("srl", found(held_out_answers=0))


def test_room_is_what_positions_leave(found):
    assert room("rlvr", found()) == 2048
    assert room("rlvr", found(positions=1_000)) == 800
    why = {one.key: one.why for one in settings_of("rlvr", found(positions=1_000), None, False, 8)}
    assert why["max_completion_length"] == "what the model's 1,000 positions leave after the longest prompt of 200"
    assert room("srl", found(positions=None, steps=Lengths(700, 10))) == 256


@given(
    st.integers(1, 5_000),
    st.integers(1, 5_000),
    st.sampled_from([1, 2, 4, 8]),
    st.booleans(),
    st.integers(1, 4_000),
    st.integers(0, 4_000),
)
def test_sizes_are_those_of_a_recipe_that_divides_and_fits(instances, answers, micro_batch, paper, prompt, expert):
    lengths = Lengths(prompt, expert)
    many = Demonstrations(answers)
    found = Found(10**9, 4_096, "", True, instances, answers, 3, 3, False, many, lengths, lengths)
    for kind, rows in (("srl", instances), ("rlvr", answers)):
        content = {"kind": kind, **values(kind, found, None, paper, micro_batch)}
        recipe = parse_recipe({"model": "m", "data": "d", "output": "o", "stages": [content]})
        derive_sizes(recipe.stages[0], rows)  # which raises where they do not
        assert prompt + recipe.stages[0].max_completion_length <= 4_096
