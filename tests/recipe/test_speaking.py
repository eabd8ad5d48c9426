"""How a recipe's model is spoken to: the same in each of its stages, kept beside what it trained, and refused early."""

from __future__ import annotations

import json

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer
from tests.models import random_model
from tests.recipe.test_stages import SFT, SRL
from treadle.chat import chat as rendering
from treadle.chat.rows import tokenised
from treadle.chat.settings import read_file, write_file
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import DataError, ModelError, OutputError, RecipeError
from treadle.recipe import stages
from treadle.recipe.models import load_chat
from treadle.recipe.reading import load_recipe, parse_recipe
from treadle.recipe.speaking import recipe_chat
from treadle.recipe.training_data import training_rows
from treadle.trajectory import Step, Trajectory

AGENT_SFT = {**SFT, "unit": "steps", "max_steps": 1, "batch_size": 2, "warmup_ratio": 0.0}
AGENT_SRL = {**SRL, "max_steps": 1}


@pytest.fixture
def make(tmp_path):
    """A recipe of a tiny model with a template, on an agent's steps with a system message."""

    def made(template, *some_stages, **changes):
        folder = tmp_path / "base"
        if not folder.is_dir():
            tokenizer = byte_tokenizer(template)
            random_model(vocab_size=len(tokenizer), max_position_embeddings=4096).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            rows = [
                Trajectory(
                    f"t{i}", f"fix {i}", (Step("ls", observation="a"), Step("cat a")), None, "agent", True, system=s
                )
                for i, s in enumerate([None] * 3 + ["RULES"])
            ]
            (tmp_path / "t.jsonl").write_text("".join(json.dumps(to_row(t)) + "\n" for t in rows))
            prepare(tmp_path / "t.jsonl", tmp_path / "data", PrepareSettings(targets="all", held_out=0))
        places = {"model": str(folder), "data": str(tmp_path / "data"), "output": str(tmp_path / "run")}
        return parse_recipe({**places, "dtype": "float32", "stages": list(some_stages), **changes})

    return made


@pytest.fixture
def today(monkeypatch):
    """Sets the day that it is."""
    real = rendering.datetime

    def on(day):
        class Date(real.date):
            @classmethod
            def today(cls):
                return real.date.fromisoformat(day)

        monkeypatch.setattr(rendering.datetime, "date", Date)

    return on


def test_a_base_model_ends_its_turns_in_every_stage_and_when_it_is_loaded(make, tmp_path):
    final = stages.run(make(TEMPLATES["qwen2_5"], AGENT_SFT, AGENT_SRL), quiet=True)
    tokenizer = AutoTokenizer.from_pretrained(final)
    wanted = {tokenizer.convert_tokens_to_ids(text) for text in ("<|im_end|>", "<|endoftext|>")}
    for model in (tmp_path / "run" / "1-sft" / "model", final):
        assert set(AutoModelForCausalLM.from_pretrained(model).generation_config.eos_token_id) == wanted
    assert tokenizer.eos_token == "<|endoftext|>"


def test_a_system_message_goes_the_same_way_in_all_stages_and_after(make):
    final = stages.run(make(TEMPLATES["gemma"], AGENT_SFT, AGENT_SRL), quiet=True)
    assert {"chat_template_kwargs": {}, "system_role": "user"}.items() <= read_file(str(final)).items()
    messages = [{"role": "system", "content": "RULES"}, {"role": "user", "content": "fix"}]
    assert "<start_of_turn>user\nRULES\n\nfix<end_of_turn>" in load_chat(str(final)).prompt_text(messages)


@pytest.mark.parametrize("stage", [AGENT_SFT, AGENT_SRL], ids=["sft", "srl"])
def test_it_can_be_refused_before_anything_runs(make, stage, tmp_path):
    for call in (stages.check, stages.run):
        with pytest.raises(ModelError, match="refuses or drops a system message"):
            call(make(TEMPLATES["gemma"], stage, system_role="template"))
    assert not (tmp_path / "run").exists()
    with pytest.raises(RecipeError, match="system_role: found 'assistant'"):
        make(TEMPLATES["gemma"], stage, system_role="assistant")


def test_a_template_that_refuses_the_prompts_stops_the_run_before_it_begins(make, tmp_path):
    refuses = "{% for m in messages %}{% if 'RULES' in m.content %}{{ raise_exception('no rules') }}{% endif %}"
    refuses += "{{ m.content }}{% endfor %}"
    with pytest.raises(ModelError, match=r"the roles system, user \(no rules\)"):
        stages.check(make(refuses, AGENT_SRL))
    broken = tmp_path / "base" / "chat_template.jinja"
    broken.write_text("{% for m in messages %}")
    for call in (stages.check, stages.run):
        with pytest.raises(ModelError, match="the chat template cannot be read, line 1"):
            call(make(refuses, AGENT_SRL))


def test_variables_of_the_template_are_kept_with_the_model_and_change_the_run(make, tmp_path):
    recipe = make(TEMPLATES["qwen3"], AGENT_SFT, chat_template_kwargs={"enable_thinking": False})
    write_file(tmp_path / "base", {"other": "part"})
    final = stages.run(recipe, quiet=True)
    expected = {"other": "part", "chat_template_kwargs": {"enable_thinking": False}, "system_role": "template"}
    assert expected.items() <= read_file(str(final)).items()
    with pytest.raises(OutputError, match="made by another recipe"):
        stages.run(make(TEMPLATES["qwen3"], AGENT_SFT), quiet=True)
    closed = "<think>\n\n</think>\n\n"
    question = [{"role": "user", "content": "q"}]
    assert load_chat(str(final)).prompt_text(question).endswith(closed)
    assert not load_chat(str(final), None, {}).prompt_text(question).endswith(closed)
    rows = tmp_path / "next"
    stages.run(make(TEMPLATES["qwen3"], AGENT_SRL, model=str(final), output=str(rows)), quiet=True)
    assert json.loads((rows / "1-srl" / "stage.json").read_text())["chat"] == {
        "chat_template_kwargs": {"enable_thinking": False}
    }


def test_they_are_set_for_the_whole_recipe_and_not_for_training_alone(make):
    for trl in ({"chat_template_kwargs": {}}, {"chat_template_kwargs": None}):
        with pytest.raises(RecipeError, match=r"set it by the recipe's own key chat_template_kwargs \(beside"):
            make(TEMPLATES["qwen3"], {**AGENT_SRL, "trl": trl})
    with pytest.raises(ModelError, match="has no variable 'enable'"):
        stages.check(make(TEMPLATES["qwen3"], AGENT_SRL, chat_template_kwargs={"enable": 1}))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("chat_template_path", "own key tokenizer"),
        ("eos_token", "own key tokenizer"),
        ("assistant_only_loss", "leave it out; nothing but the assistant's turn"),
    ],
)
def test_what_trl_would_change_of_the_rendering_is_refused(make, key, words):
    with pytest.raises(RecipeError, match=words):
        make(TEMPLATES["qwen3"], {**AGENT_SFT, "trl": {key: True}})


def test_a_run_keeps_the_date_on_which_it_began(make, today, tmp_path):
    today("2026-11-28")
    recipe = make(TEMPLATES["llama3_2"], AGENT_SFT, {**AGENT_SFT, "name": "more"})
    stages.run(recipe, quiet=True)
    last = tmp_path / "run" / "2-more" / "model"
    last.rename(tmp_path / "aside")  # as if the second stage had still to be run, on the next day
    today("2026-11-29")
    assert stages.run(recipe, quiet=True) == last
    for number, name in enumerate(("sft", "more"), 1):
        folder = tmp_path / "run" / f"{number}-{name}"
        assert json.loads((folder / "stage.json").read_text())["chat"] == {"date": "2026-11-28"}
        assert read_file(str(folder / "model"))["date"] == "2026-11-28"
    assert str(load_recipe(tmp_path / "run" / "recipe.yaml").date) == "2026-11-28"
    weights = [(folder / "model.safetensors").read_bytes() for folder in (tmp_path / "aside", last)]
    assert weights[0] == weights[1]
    # Another run from here speaks to the model as before; a recipe may say otherwise.
    later = make(TEMPLATES["llama3_2"], AGENT_SFT, model=str(last), output=str(tmp_path / "later"))
    stages.run(later, quiet=True)
    assert json.loads((tmp_path / "later" / "1-sft" / "stage.json").read_text())["chat"] == {"date": "2026-11-28"}
    with pytest.raises(OutputError, match="made by another recipe"):
        stages.run(later.model_copy(update={"date": rendering.datetime.date(2026, 11, 30)}), quiet=True)


def test_rows_that_max_length_cuts_are_said_and_none_left_is_an_error(make, tmp_path, capfd):
    longest = max(len(ids) for ids in _sft_ids(make(TEMPLATES["qwen2_5"], AGENT_SFT)))
    stages.run(make(TEMPLATES["qwen2_5"], {**AGENT_SFT, "max_length": longest - 1}), quiet=True)
    said = f"sft: 1 of 8 rows are longer than max_length {longest - 1} and are cut; the longest has {longest} tokens\n"
    assert said in capfd.readouterr().out
    short = make(TEMPLATES["qwen2_5"], {**AGENT_SFT, "max_length": 20}, output=str(tmp_path / "other"))
    with pytest.raises(DataError, match=rf"=20 leaves none of the 8 rows.*Set stages.sft.max_length={longest}"):
        stages.run(short, quiet=True)


def _sft_ids(recipe):
    return tokenised(training_rows(recipe.stages[0], Prepared(recipe.data)), recipe_chat(recipe))["input_ids"]
