"""What a model's config alone tells: exact numbers of parameters, and the sizes of its cache and attention.

The network is built from the config on PyTorch's meta device, where tensors have shapes and no data: no weights are
read or held, and parameters, tied heads and adapters are counted, not estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from transformers import PreTrainedConfig

from treadle.errors import ModelError
from treadle.recipe.adapters import with_adapter
from treadle.recipe.models import read_config, skeleton
from treadle.recipe.parts import Lora
from treadle.tree import why_not


@dataclass(frozen=True)
class Shape:
    """Sizes of a model.

    Attributes:
        parameters: Of the base model, a tied head counted once.
        embedding, head: Of the input and output embedding; where `tied` they are the same parameters.
        layer: Of the largest layer.
        layers: Number of layers.
        inner: Of all layers and norms: neither embedding nor head.
        adapter: Of the LoRA adapter, 0 without one.
        vocabulary: Entries of the head.
        cache_width: Numbers that the keys and values of one token have, over all layers.
        attention_width: Heads times head size, over all layers.
        no_tree: Why the prefix tree does not serve the model, `None` where it does.
    """

    parameters: int
    embedding: int
    head: int
    tied: bool
    layer: int
    layers: int
    adapter: int
    vocabulary: int
    cache_width: int
    attention_width: int
    no_tree: str | None

    @property
    def inner(self) -> int:
        return self.parameters - self.embedding - (0 if self.tied else self.head)


def dense_config(model: str, trust_remote_code: bool = False) -> PreTrainedConfig:
    """The config of a folder, of a hub id, or of `miniature`.

    Raises:
        ModelError: There is none, its architecture is unknown, or it is not a causal model of text alone with dense
            layers.
    """
    config = read_config(model, trust_remote_code)
    if config.get_text_config() is not config or config.is_encoder_decoder:
        raise ModelError(
            f"{model}: found a {config.model_type} model, expected a causal language model of text alone; take the "
            "config of its language model"
        )
    experts = getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None) or 0
    if experts > 1:
        raise ModelError(
            f"{model}: found {experts} experts a layer; expected a dense model. What a mixture of experts holds "
            "depends on where its router sends the tokens, which no config tells: measure a step instead"
        )
    return config


def build(config: PreTrainedConfig, lora: Lora | None, dtype: torch.dtype, trust_remote_code: bool = False) -> Any:
    """The network on the meta device, with its adapter as in training.

    Raises:
        ModelError: transformers has no causal language model for the config, or the adapter finds no target, see
            `treadle.recipe.adapters.with_adapter`.
    """
    network = skeleton(config, dtype, trust_remote_code)
    return network if lora is None else with_adapter(network, lora)


def shape_of(model: str, lora: Lora | None = None, trust_remote_code: bool = False) -> Shape:
    """The sizes of a model, with the adapter's.

    Raises:
        ModelError: See `dense_config` and `build`.
    """
    return _shape(model, None if lora is None else lora.model_dump_json(), trust_remote_code)


@lru_cache(maxsize=16)
def _shape(model: str, lora: str | None, trusted: bool) -> Shape:
    config = dense_config(model, trusted)
    network = build(config, None, torch.float32, trusted)
    adapter = None if lora is None else Lora.model_validate_json(lora)
    adapted = None if adapter is None else build(config, adapter, torch.float32, trusted)
    embedding, head = network.get_input_embeddings().weight, network.get_output_embeddings().weight
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    groups = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    stacks = [m for m in network.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == config.num_hidden_layers]
    layers = stacks[0] if stacks else [network]
    return Shape(
        parameters=sum(p.numel() for p in network.parameters()),
        embedding=embedding.numel(),
        head=head.numel(),
        tied=embedding is head,
        layer=max(sum(p.numel() for p in layer.parameters()) for layer in layers),
        layers=config.num_hidden_layers,
        adapter=0 if adapted is None else sum(p.numel() for p in adapted.parameters() if p.requires_grad),
        vocabulary=head.shape[0],
        cache_width=2 * groups * head_size * config.num_hidden_layers,
        attention_width=config.num_attention_heads * head_size * config.num_hidden_layers,
        no_tree=why_not(network),
    )
