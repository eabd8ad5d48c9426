from __future__ import annotations

import pytest

from treadle.errors import RecipeError
from treadle.recipe.schema import SRLStage
from treadle.recipe.sizes import derive_sizes


def test_derived_sizes_by_hand():
    # 100 prompts, 20 a step: 5 steps a pass, 3 passes; 20 * 8 = 160 completions in micro-batches of 32.
    stage = SRLStage(kind="srl", prompts_per_step=20, micro_batch=32, epochs=3, max_completion_length=10)
    sizes = derive_sizes(stage, 100)
    assert (sizes.accumulation, sizes.optimizer_steps, sizes.rollouts_per_step) == (5, 15, 160)
    assert sizes.new_tokens_per_step == 1600
    assert "100 rows, 20 a step x rollouts = 160 completions" in sizes.describe()


@pytest.mark.parametrize(
    ("settings", "rows", "message"),
    [
        ({"prompts_per_step": 5, "micro_batch": 32}, 100, "set prompts_per_step=4 or a micro-batch that divides 40"),
        (
            {"prompts_per_step": 128, "micro_batch": 8},
            100,
            "takes 128 prompts, but the data has 100; set prompts_per_step=100",
        ),
        ({"prompts_per_step": 60, "micro_batch": 8, "updates_per_rollout": 2}, 100, "set prompts_per_step=50"),
    ],
)
def test_impossible_arithmetic_gives_the_fitting_value(settings, rows, message):
    with pytest.raises(RecipeError, match=message):
        derive_sizes(SRLStage(kind="srl", **settings), rows)
