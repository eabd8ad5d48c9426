"""Configurations made without a word on precision can be used on any device."""

from __future__ import annotations

import pytest
import torch

from treadle import SRLConfig
from treadle.training import srl_config
from treadle.training.sft_trainer import GuardedSFTConfig

CONFIGS = (SRLConfig, GuardedSFTConfig)


@pytest.mark.parametrize("config", CONFIGS)
def test_float32_where_no_device_computes_in_bfloat16(config, tmp_path, monkeypatch):
    for name in ("is_torch_bf16_gpu_available", "is_torch_xla_available"):
        monkeypatch.setattr(srl_config, name, lambda: False)
    assert config(str(tmp_path)).bf16 is False
    assert config(str(tmp_path), use_cpu=True, bf16=True).bf16 is True
    assert config(str(tmp_path), use_cpu=True).bf16 is True, "as in TRL: a CPU that was asked for"


@pytest.mark.parametrize("config", CONFIGS)
def test_bfloat16_where_a_gpu_has_it(config, tmp_path, monkeypatch):
    monkeypatch.setattr(srl_config, "is_torch_bf16_gpu_available", lambda: True)
    if not torch.cuda.is_available():  # transformers looks for itself
        monkeypatch.setattr("transformers.training_args.is_torch_bf16_gpu_available", lambda: True)
    assert config(str(tmp_path)).bf16 is True
