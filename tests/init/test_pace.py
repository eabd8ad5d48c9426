"""How long a step takes is told by what was measured, and otherwise how to measure it."""

from __future__ import annotations

from treadle.init.pace import pace_told
from treadle.recipe.reading import parse_recipe

SRL = {"kind": "srl", "prompts_per_step": 4, "rollouts": 8, "max_completion_length": 240}


def recipe(*stages):
    return parse_recipe({"model": "m", "data": "d", "output": "o", "stages": list(stages)})


def test_a_measured_rate_gives_minutes():
    said = pace_told(recipe({"kind": "sft"}, SRL), "r.yaml", 16.0)  # 4 x 8 x 240 = 7,680; 480 s at 16 a second
    assert "a step of srl samples up to 7,680 tokens, 8.0 minutes at the 16 a second of this sample" in said


def test_without_one_it_is_said_how_to_measure_it():
    said = pace_told(recipe(SRL), "my recipe.yaml", None)
    assert "7,680 tokens, and how long that takes was not measured" in said
    assert "`treadle check 'my recipe.yaml' --sample 16`" in said
    assert pace_told(recipe({"kind": "sft"}), "r.yaml", None) == ""
