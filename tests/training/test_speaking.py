"""The trainer's prompts and where its completions end, with a base model's tokenizer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from transformers import GenerationConfig
from trl import GRPOTrainer

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer, system, user
from tests.models import random_model
from treadle.chat.chat import Chat
from treadle.chat.settings import ChatSettings
from treadle.training.speaking import chat_of
from treadle.training.srl_config import SRLConfig
from treadle.training.trainer import SRLTrainer


def trainer_of(tokenizer, folder, chat=None, **settings):
    model = random_model(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, pad_token_id=0)
    rows = Dataset.from_list([{"prompt": [user("q")], "expert_action": "a"}] * 4)
    config = SRLConfig(
        str(folder),
        report_to=[],
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        num_generations=2,
        per_device_train_batch_size=2,
        max_completion_length=40,
        dynamic_sampling=False,
        **settings,
    )
    return SRLTrainer(model, None, config, train_dataset=rows, processing_class=tokenizer, chat=chat)


@pytest.fixture(scope="module")
def base_tokenizer():
    """As of Qwen2.5's base models: turns end with one token, texts with another."""
    return byte_tokenizer(TEMPLATES["qwen2_5"])


@pytest.mark.parametrize("shared", [True, False])
def test_completions_end_where_the_template_ends_a_turn(shared, base_tokenizer, tmp_path):
    trainer = trainer_of(base_tokenizer, tmp_path, shared_rollout=shared)
    end = base_tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert set(trainer.eos_token_ids) == {end, base_tokenizer.eos_token_id}
    assert set(trainer.model.generation_config.eos_token_id) == {end, base_tokenizer.eos_token_id}
    network = trainer.model
    with torch.no_grad():  # one that writes the end of turn whatever it reads: all tokens look along its direction
        network.model.embed_tokens.weight[:, 0] = 100
        network.model.norm.weight.zero_()[0] = 1
        network.lm_head.weight.zero_()[end, 0] = 100
    prompts, _, _ = trainer._tokenize_prompts([[user("q")], [user("longer")]])
    assert trainer._generate_single_turn(prompts, None, {}, 1)[0] == [[end], [end]]


def test_prompts_are_those_of_evaluation_and_of_trl(base_tokenizer, tmp_path):
    prompts = [[user("q")], [system("rules"), user("q")]]
    trainer = trainer_of(base_tokenizer, tmp_path)
    found, images, fields = trainer._tokenize_prompts(prompts)
    assert (images, fields) == (None, {})
    assert found == GRPOTrainer._tokenize_prompts(trainer, prompts)[0] == Chat(base_tokenizer).prompts(prompts)
    moved = trainer_of(base_tokenizer, tmp_path, Chat(base_tokenizer, ChatSettings(system_role="user")))
    assert moved._tokenize_prompts(prompts)[0][1] == Chat(base_tokenizer).prompt([user("rules\n\nq")])


def test_trls_own_setting_of_the_template_is_kept(tmp_path):
    tokenizer = byte_tokenizer(TEMPLATES["qwen3"])
    trainer = trainer_of(tokenizer, tmp_path, chat_template_kwargs={"enable_thinking": False})
    (ids,) = trainer._tokenize_prompts([[user("q")]])[0]
    assert tokenizer.decode(ids).endswith("<think>\n\n</think>\n\n")
    assert trainer._tokenize_prompts(["plain text"])[0] == [tokenizer("plain text")["input_ids"]]


def test_vllm_is_told_where_turns_end(base_tokenizer):
    """Without an engine: what TRL hands to vLLM's `SamplingParams`."""
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(unwrap_model=lambda model: model),
        model=SimpleNamespace(generation_config=GenerationConfig(eos_token_id=[base_tokenizer.eos_token_id])),
        eos_token_ids=[base_tokenizer.eos_token_id],
        use_vllm=True,
        vllm_generation=SimpleNamespace(generation_kwargs={"stop_token_ids": [7], "seed": 1}),
        args=SimpleNamespace(thought_tags=None),
        chat_template_kwargs={},
        tools=None,
        environment_factories=None,
        _is_vlm=False,
    )
    chat_of(trainer, base_tokenizer, None)
    end = base_tokenizer.convert_tokens_to_ids("<|im_end|>")
    stops = [7, base_tokenizer.eos_token_id, end]
    assert trainer.vllm_generation.generation_kwargs == {"stop_token_ids": stops, "seed": 1}
    assert trainer.eos_token_ids == stops[1:]


def test_end_tokens_of_ones_own_stay_with_a_trainer(base_tokenizer, tmp_path):
    trainer = trainer_of(base_tokenizer, tmp_path, generation_kwargs={"eos_token_id": 7})
    assert trainer.generation_config.eos_token_id == 7


def test_without_a_chat_template_prompts_are_plain_texts(tmp_path):
    trainer = trainer_of(byte_tokenizer(None), tmp_path)
    assert trainer.parts.chat is None
    assert trainer._tokenize_prompts(["ab"])[0] == [trainer.processing_class("ab")["input_ids"]]
