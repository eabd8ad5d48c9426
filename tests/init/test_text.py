"""The file says what the recipe says, whatever is in names and reasons."""

from __future__ import annotations

from treadle.files.yaml_reading import parse_yaml
from treadle.init.sizes import Setting, settings_of
from treadle.init.text import recipe_text
from treadle.recipe.reading import parse_recipe


def test_what_is_read_of_it_is_the_recipe_and_nothing_of_its_comments(found):
    top = [Setting("model", "a/b"), Setting("data", "no # comment"), Setting("output", "o", "of: [runs")]
    top.append(Setting("prompts", {"think": False}))
    stage = [Setting("kind", "srl"), *settings_of("srl", found(), None, False, 4)]
    content = {setting.key: setting.value for setting in top}
    recipe = parse_recipe({**content, "stages": [{setting.key: setting.value for setting in stage}]})
    names = ["treadle", "init", "-o", "a\nseed: 1"]
    told = "Why\nseed: 2", "1 GiB\nseed: 3", names, "a\nseed: 4", " --device cpu --gpu-memory 7.5"
    text = recipe_text(recipe, found(), top, [("steps", stage)], *told)
    assert parse_recipe(parse_yaml(text, "text")) == recipe
    assert recipe.seed == 0
    assert "#   treadle plan 'a seed: 4' --device cpu --gpu-memory 7.5   # memory" in text
    assert "model: a/b\ndata: 'no # comment'\noutput: o  # of: [runs\nprompts: {think: false}\nstages:\n" in text
    assert "  # steps\n  - kind: srl\n    prompts_per_step: 16  # the paper: 512\n" in text
