"""A head that is the embedding is stored once: what a checkpoint lacks is said, and no more."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2ForCausalLM, Trainer, TrainingArguments

from treadle.miniature.pretrain import model_config
from treadle.training.resume.resumable import Resumable


class Plain(Resumable, Trainer):
    """transformers' trainer with treadle's checkpoints."""


@pytest.fixture
def restored(tmp_path, monkeypatch):
    """What is said when a tiny model with a tied head takes the weights of a checkpoint without some tensors."""

    def of(*missing):
        config = model_config(30)
        config.hidden_size, config.intermediate_size, config.num_hidden_layers = 32, 64, 1
        config.layer_types, config.tie_word_embeddings = config.layer_types[:1], True
        folder = tmp_path / "checkpoint"
        Qwen2ForCausalLM(config).save_pretrained(folder)
        file = folder / "model.safetensors"
        kept = {name: value for name, value in load_file(file).items() if name not in missing}
        assert "lm_head.weight" not in kept
        save_file(kept, file, metadata={"format": "pt"})
        model, said = Qwen2ForCausalLM(config), []
        monkeypatch.setattr("transformers.trainer.logger.warning", said.append)
        trainer = Plain(model, TrainingArguments(str(tmp_path), use_cpu=True, report_to=[]))
        trainer._load_from_checkpoint(str(folder))
        return model, kept, said

    return of


def test_a_tied_head_is_not_missing(restored):
    model, kept, said = restored()
    assert said == []
    assert torch.equal(model.lm_head.weight, kept["model.embed_tokens.weight"])


@pytest.mark.parametrize("name", ["model.norm.weight", "model.embed_tokens.weight"])
def test_what_is_missing_is_said(restored, name):
    *_, said = restored(name)
    assert len(said) == 1
    assert name in said[0]
