"""Which settings of a stage's folder differ, named as a recipe's keys are."""

from __future__ import annotations

import pytest

from treadle.errors import RecipeError
from treadle.recipe.identity import identity, what_differs
from treadle.recipe.reading import parse_recipe

MARK = {
    "model": "base",
    "content": "1f",
    "lora": None,
    "stages": [{"name": "srl", "kind": "srl", "trl": {}}, {"name": "rlvr", "kl": 0.0, "trl": {"loss_type": "dapo"}}],
}


def test_keys_are_those_of_the_command_line():
    now = {
        **MARK,
        "content": "2e",
        "lora": {"r": 16},
        "stages": [MARK["stages"][0], {"name": "rlvr", "kl": 0.1, "trl": {"loss_type": "grpo"}}],
    }
    assert what_differs(MARK, now).splitlines() == [
        "  content of data: '1f' there, '2e' now",
        "  stages.rlvr.kl: 0.0 there, 0.1 now",
        "  stages.rlvr.trl.loss_type: 'dapo' there, 'grpo' now",
        "  lora.r: None there, 16 now",
    ]


def test_a_key_of_another_version_is_named_where_nothing_else_differs():
    assert what_differs({**MARK, "old": None}, MARK) == "  another version of treadle has no old"


def test_what_is_no_record_says_so():
    assert what_differs(None, MARK) == "  stage.json does not say with which settings"


def test_how_long_a_process_waits_for_the_others_is_no_part_of_a_run():
    content = {"model": "m", "data": "d", "output": "o", "stages": [{"kind": "srl"}]}
    plain, short = parse_recipe(content), parse_recipe({**content, "wait_seconds": 5})
    assert (plain.wait_seconds, short.wait_seconds) == (1800, 5)
    assert identity(plain, 0, "digest") == identity(short, 0, "digest")
    with pytest.raises(RecipeError, match=r"trl.ddp_timeout: set it by the recipe's own key wait_seconds"):
        parse_recipe({**content, "stages": [{"kind": "srl", "trl": {"ddp_timeout": 5}}]})
