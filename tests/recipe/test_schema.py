from __future__ import annotations

from treadle.recipe.reading import parse_recipe

MINIMAL = {"model": "m", "data": "d", "output": "o", "stages": [{"kind": "srl"}, {"kind": "rlvr"}]}


def test_defaults_are_the_papers():
    recipe = parse_recipe(MINIMAL)
    srl, rlvr = recipe.stages
    assert (srl.prompts_per_step, srl.rollouts, srl.temperature, srl.kl) == (512, 8, 1.0, 0.0)
    assert (srl.learning_rate, srl.max_grad_norm, srl.epochs, srl.warmup_ratio) == (5e-7, 1.0, 30, 0.0)
    assert rlvr.prompts_per_step == 128
    sft = parse_recipe({**MINIMAL, "stages": [{"kind": "sft"}]}).stages[0]
    assert (sft.batch_size, sft.learning_rate, sft.scheduler, sft.warmup_ratio, sft.epochs) == (
        64,
        5e-6,
        "cosine",
        0.3,
        3,
    )


def test_stages_get_their_kind_as_name():
    assert [s.name for s in parse_recipe(MINIMAL).stages] == ["srl", "rlvr"]
