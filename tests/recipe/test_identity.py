"""Which settings of a stage's folder differ, named as a recipe's keys are."""

from __future__ import annotations

from treadle.recipe.identity import what_differs

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
