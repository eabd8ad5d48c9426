"""Values under `trl:` that TRL or transformers would refuse only in the middle of a run."""

from pathlib import Path

import pytest

from treadle.errors import RecipeError
from treadle.recipe.arguments import trainer_config
from treadle.recipe.reading import parse_recipe
from treadle.recipe.sizes import derive_sizes


def config(kind, **trl):
    content = {"model": "m", "data": "d", "output": "o", "dtype": "float32", "stages": [{"kind": kind, "trl": trl}]}
    recipe = parse_recipe(content)
    return trainer_config(recipe.stages[0], recipe, Path("o"), derive_sizes(recipe.stages[0], 10_000))


@pytest.mark.parametrize(
    ("kind", "trl", "message"),
    [
        ("srl", {"top_k": "x"}, r"stages.srl: trl.top_k: found 'x', expected a whole number"),
        ("srl", {"repetition_penalty": "x"}, "trl.repetition_penalty: found 'x', expected a number"),
        ("srl", {"adam_epsilon": [1]}, r"trl.adam_epsilon: found \[1\], expected a number"),
        ("srl", {"shuffle_dataset": "x"}, "trl.shuffle_dataset: found 'x', expected true or false"),
        ("srl", {"max_kv_tokens": 1.5}, "trl.max_kv_tokens: found 1.5, expected a whole number or null"),
        ("srl", {"entropy_coef": "x"}, "trl.entropy_coef: found 'x', expected a number"),
        ("srl", {"adam_beta1": 3}, "stages.srl: Invalid beta parameter at index 0: 3"),
        ("sft", {"adam_beta1": 3}, "stages.sft: Invalid beta parameter at index 0: 3"),
        ("sft", {"optim_args": "x"}, "stages.sft: "),
        ("sft", {"pad_to_multiple_of": 0}, "trl.pad_to_multiple_of: found 0, expected at least 1"),
        ("srl", {"dataloader_num_workers": -1}, "trl.dataloader_num_workers: found -1, expected at least 0"),
        ("srl", {"remove_unused_columns": True}, "takes the columns away that rewards read"),
        ("srl", {"use_transformers_continuous_batching": True}, "set prefix_tree=False"),
        ("srl", {"accelerator_config": "no_such_file"}, "stages.srl: .*no_such_file"),
        ("srl", {"parallelism_config": {"a": 1}}, "stages.srl: "),
        ("sft", {"use_cpu": "maybe"}, "trl.use_cpu: found 'maybe', expected true or false"),
    ],
)
def test_impossible_values_are_one_line_before_anything_is_loaded(kind, trl, message):
    with pytest.raises(RecipeError, match=message) as failed:
        config(kind, **trl)
    assert "\n" not in str(failed.value)


def test_numbers_that_yaml_reads_as_texts_are_numbers():
    found = config("srl", adam_epsilon="1e-7", top_k="5", use_cpu=True)
    assert (found.adam_epsilon, found.top_k, found.use_cpu) == (1e-7, 5, True)
