"""Thoughts in a recipe: targets of fine-tuning, prompts, what a dry run says, and what a model is saved with."""

from __future__ import annotations

import json

import pytest

from tests.chat.byte_tokenizer import END, byte_tokenizer
from tests.models import random_model
from treadle.chat.chat import Chat
from treadle.chat.settings import ChatSettings, read_settings
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import RecipeError
from treadle.recipe import stages
from treadle.recipe.identity import identity
from treadle.recipe.reading import parse_recipe
from treadle.recipe.schema import SFTStage, SRLStage
from treadle.recipe.shown import Shown
from treadle.recipe.speaking import recipe_chat
from treadle.recipe.training_data import training_rows
from treadle.trajectory import Step, Trajectory

OTHER = ["<|begin_of_thought|>", "<|end_of_thought|>"]
STEPS = (Step("1. first", thought="hm"), Step("2. second"), Step("3. third", thought="ah"))


@pytest.fixture
def data(tmp_path):
    source = tmp_path / "t.jsonl"
    trajectories = [Trajectory(f"t{i}", f"problem {i}", STEPS, "7", "math", True) for i in range(2)]
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in trajectories))
    prepare(source, tmp_path / "data", PrepareSettings(held_out=0, targets="all"))
    return Prepared(tmp_path / "data")


BOX = "The final answer is \\boxed{7}."


def trained_on(data, template, stage, pair=None, special=(), **variables):
    """The texts of a stage's rows as the model is trained on them, from the user's text on."""
    chat = Chat(byte_tokenizer(template, special), ChatSettings(variables).changed(thought_tags=pair))
    rows = training_rows(SFTStage(kind="sft", **stage), data, Shown().with_tags(chat.thought_tags))
    found = []
    for row in rows:
        ids = chat.prompt(row["prompt"]) + chat.answer(row["completion"][0]["content"])
        found.append(chat.tokenizer.decode(ids).rpartition("assistant" if "qwen" in template else "Assistant｜>")[2])
    return found


@pytest.mark.parametrize(
    ("template", "head"),
    [
        ("deepseek_r1_distill", "<think>\n"),
        ("qwen3_5_think", "\n<think>\n"),
        ("qwen2_5", "\n<think>"),
        ("qwen3", "\n<think>"),
    ],
)
def test_a_thought_is_opened_once(data, template, head):
    end = "<|endoftext|>" if template.startswith("deepseek") else END
    steps = trained_on(data, template, {"unit": "steps", "target": "traces"})[:3]
    plain = head if head.endswith("\n") else head.removesuffix("<think>")
    without = f"{plain}</think>2. second" if plain.endswith("<think>\n") else f"{plain}2. second"
    kept = [text.removesuffix(end).removesuffix(END) for text in steps]
    assert kept == [f"{head}hm</think>1. first", without, f"{head}ah</think>3. third"]
    (whole, _) = trained_on(data, template, {"target": "traces"})
    assert whole.removesuffix(end).removesuffix(END) == (
        f"{head}hm</think>1. first\n2. second\n<think>ah</think>3. third\n{BOX}"
    )
    (actions, _) = trained_on(data, template, {"target": "actions"})
    closed = f"{plain}</think>" if plain.endswith("<think>\n") else plain
    assert actions.removesuffix(end).removesuffix(END) == f"{closed}1. first\n2. second\n3. third\n{BOX}"


def test_after_a_closed_block_the_action_stands_alone(data):
    texts = trained_on(data, "qwen3", {"unit": "steps"}, enable_thinking=False)
    assert texts[0] == f"\n<think>\n\n</think>\n\n1. first{END}"


def test_other_tags_are_in_targets_and_prompts(data):
    for special in ((), tuple(OTHER)):
        texts = trained_on(data, "qwen2_5", {"unit": "steps", "target": "traces"}, OTHER, special)
        assert texts[0] == f"\n{OTHER[0]}hm{OTHER[1]}1. first{END}"
    tags = ChatSettings().changed(thought_tags=OTHER)
    shown = Shown().with_tags(Chat(byte_tokenizer(), tags).thought_tags)
    for stage in (SRLStage(kind="srl"), SRLStage(kind="srl", unit="solution")):
        prompt = training_rows(stage, data, shown)[0]["prompt"][-1]["content"]
        assert f"between {OTHER[0]} and {OTHER[1]}" in prompt
        assert "think>" not in prompt
        assert "between <think> and </think>" in training_rows(stage, data)[0]["prompt"][-1]["content"]


SRL = {
    "kind": "srl", "max_steps": 1, "prompts_per_step": 2, "rollouts": 2, "micro_batch": 4, "max_completion_length": 4,
    "gradient_checkpointing": False, "dynamic_sampling": False, "allow_no_change": True,
}  # fmt: skip
SFT = {"kind": "sft", "max_steps": 1, "batch_size": 2, "micro_batch": 2, "gradient_checkpointing": False}


@pytest.fixture
def recipe(data, tmp_path):
    def made(tokenizer, stage, **changes):
        folder = tmp_path / "model"
        random_model(vocab_size=len(tokenizer), max_position_embeddings=4096).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        content = {"model": str(folder), "data": str(data.folder), "output": str(tmp_path / "run"), "dtype": "float32"}
        return parse_recipe({**content, "stages": [stage], **changes})

    return made


def test_a_dry_run_says_what_is_unlike_the_papers_format(recipe):
    def said(tokenizer, stage=SRL, **changes):
        (size,) = stages.check(recipe(tokenizer, stage, **changes))
        return size.thoughts

    assert said(byte_tokenizer()) == ""
    assert "opens the thought: completions begin within it, without <think>" in said(byte_tokenizer("deepseekv3"))
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    asked = said(byte_tokenizer("qwen3"), **off)
    assert "closes the thought in the prompt: completions are actions without thoughts, though prompts ask" in asked
    assert "ask" not in said(byte_tokenizer("qwen3"), **off, prompts={"think": False})
    assert "special tokens, which treadle keeps" in said(byte_tokenizer(special=("<think>", "</think>")))
    assert said(byte_tokenizer(), thought_tags=OTHER) == f"thoughts stand between {OTHER[0]} and {OTHER[1]}"
    assert "completions are actions" in said(byte_tokenizer("qwen3"), SFT, **off)


def test_a_dry_run_says_where_nothing_teaches_the_format(recipe):
    def said(*kinds, tokenizer=None, **changes):
        named = [recipe(byte_tokenizer(), kind).stages[0] for kind in kinds]
        loaded = recipe(tokenizer or byte_tokenizer(), kinds[0], **changes)
        return [size.untaught[:22] for size in stages.check(loaded.model_copy(update={"stages": named}))]

    hint = "a completion without <"
    assert said(SRL) == [hint]
    assert said({**SRL, "think_tags": "optional"}) == [""]
    assert said({**SRL, "unit": "solution"}) == [""]
    assert said(SFT, SRL, {**SRL, "name": "more"}) == ["", hint, ""]
    assert said({**SFT, "target": "traces"}, SRL) == ["", ""]
    assert said(SRL, tokenizer=byte_tokenizer("deepseekv3")) == [""], "the template opens the thought"


def test_what_cannot_be_had_stops_before_anything_is_trained(recipe):
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    with pytest.raises(RecipeError, match=r"stages\.sft: target: traces, but the chat template ends prompts with an"):
        stages.check(recipe(byte_tokenizer("qwen3"), {**SFT, "target": "traces"}, **off))
    with pytest.raises(RecipeError, match=r'puts <think> at the end of prompts.*set thought_tags: \["<think>", "</th'):
        stages.check(recipe(byte_tokenizer("deepseekv3"), SRL, thought_tags=OTHER))
    for wrong in (["<a>", "<a>"], ["", "</a>"], ["<a>"], "<a>"):
        with pytest.raises(RecipeError, match="thought_tags"):
            recipe(byte_tokenizer(), SRL, thought_tags=wrong)
    with pytest.raises(RecipeError, match="thought_tags"):
        recipe(byte_tokenizer(), {**SRL, "trl": {"thought_tags": OTHER}})


def test_a_model_is_saved_with_its_tags_and_the_next_run_takes_them(recipe, tmp_path):
    first = recipe(byte_tokenizer(), SRL, thought_tags=OTHER)
    model = stages.run(first, quiet=True)
    assert read_settings(str(model)).thought_tags == tuple(OTHER)
    line = json.loads((tmp_path / "run" / "1-srl" / "rollouts.jsonl").open().readline())
    assert f"between {OTHER[0]} and {OTHER[1]}" in line["prompt"][-1]["content"]
    later = first.model_copy(update={"model": str(model), "thought_tags": None})
    assert recipe_chat(later).thought_tags.pair == tuple(OTHER)
    assert recipe_chat(later.model_copy(update={"thought_tags": ("<a>", "</a>")})).thought_tags.pair == ("<a>", "</a>")


def test_other_tags_are_another_run(recipe):
    def mark(**changes):
        made = recipe(byte_tokenizer(), SRL, **changes)
        return identity(made, 0, "digest", recipe_chat(made).describe())

    assert mark(thought_tags=OTHER) != mark()
    assert mark(thought_tags=["<think>", "</think>"]) == mark()


def test_guards_read_completions_as_the_reward_does(recipe, tmp_path):
    from treadle.recipe.arguments import trainer_config
    from treadle.recipe.sizes import derive_sizes

    made = recipe(byte_tokenizer(), {**SRL, "think_tags": "lenient", "argument_order": "expert_first"})
    config = trainer_config(made.stages[0], made, tmp_path, derive_sizes(made.stages[0], 6))
    assert (config.think_tags, config.argument_order, config.autojunk) == ("lenient", "expert_first", False)
