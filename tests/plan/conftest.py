"""A small Qwen2 whose config lies in a folder, large enough that its tensors outweigh what Python adds."""

import pytest
from transformers import Qwen2Config

SIZES = {
    "vocab_size": 2000,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}


@pytest.fixture
def config_folder(tmp_path):
    def make(**changes):
        folder = tmp_path / "-".join(["config", *map(str, changes.values())])
        Qwen2Config(**(SIZES | changes)).save_pretrained(folder)
        return str(folder)

    return make
