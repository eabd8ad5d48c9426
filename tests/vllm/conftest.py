"""One vLLM server of a tiny random model, for all tests of this folder: a start takes longer than all of them."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tests.evaluate.backends.models import SHAPE
from tests.vllm.serving import serving

BLOCK, BLOCKS = 32, 32
"""Tokens of a block of the cache, the fewest on a CPU, and blocks: room for a few of the prompts that are sent."""
LENGTH = 1024
NAME = "tiny"


class Served(NamedTuple):
    """A server's address, and the folder of the model that it serves as `NAME`."""

    url: str
    folder: str


@pytest.fixture(scope="session")
def served(tiny_tokenizer, tmp_path_factory) -> Served:
    python = os.environ.get("VLLM_PYTHON")
    if not python:
        pytest.skip("needs vLLM in an environment of its own: make vllm-test")
    folder = tmp_path_factory.mktemp("vllm") / "tiny"
    torch.manual_seed(0)
    # On a CPU vLLM has kernels for heads of 32 and more.
    shape = {**SHAPE, "hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
    shape["max_position_embeddings"] = LENGTH
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tiny_tokenizer), **shape))
    # Its own settings would forbid most tokens, and vLLM takes them for its defaults.
    model.generation_config.repetition_penalty, model.generation_config.top_k = 4.0, 2
    model.generation_config.do_sample = True
    model.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    options = ["--served-model-name", NAME, "--dtype", "float32", "--enforce-eager", "--max-model-len", LENGTH]
    options += ["--block-size", BLOCK, "--num-gpu-blocks-override", BLOCKS + 1, "--max-num-seqs", 4]
    with serving(python, str(folder), *options, log=folder.parent / "log") as server:
        yield Served(server.url, str(folder))
