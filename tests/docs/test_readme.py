"""What the README shows works as it is written: its recipe, its snippet, and the command after `make quickstart`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from treadle.recipe.reading import parse_recipe
from treadle.recipe.sizes import derive_sizes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", README, re.M | re.S)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


@pytest.fixture(scope="module")
def stages():
    """The stages of the README's recipe, and of its first try."""
    recipe, first = map(yaml.safe_load, blocks("yaml"))
    assert set(first) == {"stages"}
    whole = parse_recipe(recipe).stages
    return {**{stage.kind: stage for stage in whole}, "first": parse_recipe(recipe | first).stages[0]}


def test_a_step_is_as_large_as_it_says(stages):
    sizes = {name: derive_sizes(stage, 1_000_000) for name, stage in stages.items()}
    srl, rlvr, first = (sizes[name] for name in ("srl", "rlvr", "first"))
    said = (
        f"{stages['srl'].prompts_per_step} prompts with {stages['srl'].rollouts} rollouts each, "
        f"{srl.rollouts_per_step:,} completions of up to {stages['srl'].max_completion_length:,} tokens"
    )
    text = " ".join(README.split())
    assert said in text
    assert f"one of RLVR is {rlvr.rollouts_per_step:,} completions" in text
    length = stages["first"].max_completion_length
    assert f"A first try is {first.rollouts_per_step} completions of up to {length} tokens" in text
    assert f"and {first.optimizer_steps} steps of it" in text
    assert "use_vllm" not in stages["first"].trl


def test_the_way_to_the_command_stands_before_it_is_used():
    """`make quickstart` puts it into an environment that is not on the path."""
    way = README.index("source .venv/bin/activate")
    first = re.search(r"(?:^ {3,}|`)treadle [a-z]+", README, re.M).start()
    assert README.index("make quickstart") < way < first
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^VENV \?= \.venv$", makefile, re.M)
    assert "'source $(BIN)/activate'" in makefile


@pytest.mark.filterwarnings("ignore")
def test_the_stock_trainer_trains_on_a_cpu(tiny_folder, prepared_world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (snippet,) = blocks("python")
    for shown, here in (
        ("Qwen/Qwen2.5-0.5B-Instruct", str(tiny_folder)),
        ("data/mine", str(prepared_world)),
        ('"runs/stock"', '"stock", max_steps=1, max_completion_length=8, save_strategy="no", report_to=[]'),
    ):
        assert shown in snippet
        snippet = snippet.replace(shown, here)
    exec(compile(snippet, "README.md", "exec"), {})
