"""Whole plans of recipes on prepared data: the table, the verdict, and advice that holds when it is followed."""

import json
import re

import pytest
import typer
import yaml
from typer.testing import CliRunner

from treadle.cli.plan import plan
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.rows import load_rows
from treadle.data.sources.native import to_row
from treadle.errors import DataError, ModelError, RecipeError
from treadle.recipe.models import load_tokenizer

STAGES = [
    {"kind": "sft", "batch_size": 4, "micro_batch": 2, "unit": "steps"},
    {"kind": "srl", "prompts_per_step": 8, "rollouts": 4, "micro_batch": 8, "max_completion_length": 40},
]


@pytest.fixture
def recipe(expert_trajectories, tiny_folder, tmp_path):
    source = tmp_path / "world.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in expert_trajectories))
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=4))
    file = tmp_path / "recipe.yaml"
    content = {"model": str(tiny_folder), "data": str(tmp_path / "data"), "output": "run", "stages": STAGES}
    file.write_text(yaml.safe_dump({**content, "dtype": "float32"}))
    return file


def run(*arguments):
    app = typer.Typer()
    app.command()(plan)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_plan_of_a_recipe(recipe):
    found = run(recipe, "--device", "cpu", "--gpu-memory", 4, "--tflops", 0.05, "--bandwidth", 10)
    assert found.exit_code == 0, found.output
    assert found.output.count("FITS:") == 2
    for part in ("weights", "gradients", "optimizer", "activations", "KV cache", "rollout", "update"):
        assert f"| {part} |" in found.output
    tokenizer = load_tokenizer(str(recipe.parent / "tiny"))
    prompts = [row["prompt"] for row in load_rows(recipe.parent / "data")]
    lengths = [len(tokenizer.apply_chat_template(p, add_generation_prompt=True, return_dict=False)) for p in prompts]
    assert f"the longest {max(lengths):,};" in found.output
    assert "(without the tree)" not in found.output
    together = re.findall(r"\*\*together\*\* \| \| \| (\S+) \| (\S*)", found.output)
    assert float(together[1][0]) < float(together[1][1])


def test_advice_makes_it_fit(recipe):
    stage = ["stages.0.gradient_checkpointing=false", "stages.1.gradient_checkpointing=false"]
    tight = [recipe, *stage, "stages.1.micro_batch=32", "--device", "cpu", "--gpu-memory", 0.006]
    found = run(*tight)
    assert found.exit_code == 1
    part = found.output.split("## srl")[1]
    assert "DOES NOT FIT" in part
    advice = re.findall(r"^  (stages\.srl\.\S+=\S+)$", part, re.M)
    assert advice
    for line in advice:
        assert "FITS:" in run(*tight, line).output.split("## srl")[1]


def test_prompts_can_be_told_instead_of_read(recipe):
    arguments = [recipe, "data=nowhere", "--device", "cpu"]
    failed = run(*arguments)
    assert isinstance(failed.exception, DataError)
    assert "--prompt-tokens 1000" in str(failed.exception)
    told = run(*arguments, "--prompt-tokens", 300)
    assert told.exit_code == 0, told.exception
    assert "Prompts of 300 tokens, the longest 300" in told.output
    assert "Give --gpu-memory" in told.output


def test_what_is_wrong_is_named(recipe):
    def error(*arguments):
        return run(recipe, *arguments).exception

    assert isinstance(error("model=no/such", "--prompt-tokens", 10), ModelError)
    assert "--gpus 0: expected a number above 0" in str(error("--gpus", 0))
    assert "--gpu-memory -1.0: expected a number above 0" in str(error("--gpu-memory", -1))
    assert "--utilisation 2.0" in str(error("--utilisation", 2))
    assert "--sharding both: expected none or fsdp or zero3" in str(error("--sharding", "both"))
    uneven = error("--gpus", 3, "--prompt-tokens", 10)
    assert isinstance(uneven, RecipeError)
    assert "on 3" in str(uneven)


def test_a_model_without_tree_says_why(recipe):
    found = run(recipe, "stages.srl.trl.prefix_tree=false", "--device", "cpu")
    assert "Without the prefix tree: prefix_tree: false." in found.output
