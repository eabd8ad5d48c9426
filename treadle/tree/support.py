"""Whether a model can be computed as one of treadle's uses asks; if not, why.

The tree asks that a token's output depends on the tokens before it through plain full attention and rotary (or no)
positions alone, and that logits are the output embedding of the last hidden state. What can be read off a model is
checked here, before training; what a layer asks of its attention is checked again in each forward
(`treadle.tree.attention`). The rollout with shared prefixes (`treadle.rollout.support`) asks for other things.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedModel

LENGTH_DEPENDENT_ROPE = ("dynamic", "longrope")
"""Rotary positions whose frequencies depend on the longest sequence of a batch."""
NO_INTERFACE = "does not take its attention from transformers' AttentionInterface"
_LOGIT_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling", "output_multiplier", "lm_head_multiplier")
_PARTS_BESIDE_TEXT = ("vision_config", "audio_config", "vq_config", "speech_config", "encoder_config")

Find = Callable[[PreTrainedModel], Any]
"""What a model has that stands in the way, for the sentence about it; anything false if it has not."""


class Use(NamedTuple):
    """What a model is asked for, and what is said of one that cannot do it.

    Args:
        inner: The Hugging Face model inside wrappers.
        name: What that model is called.
        stranger: Said where there is no such model inside.
        learned: Says of the model with its wrappers why its PEFT method is in the way.
        obstacles: What may be in the way, in this order, with what is said; `{}` stands for what was found.
    """

    inner: Callable[[Any], Any]
    name: Callable[[PreTrainedModel], str]
    stranger: str
    learned: Callable[[Any], str | None]
    obstacles: tuple[tuple[Find, str], ...]


def why_not(model: Any, use: Use | None = None) -> str | None:
    """Why a model cannot be used so, as the end of a sentence, or None.

    Args:
        use: Log-probabilities through the prefix tree, where nothing else is given.
    """
    use = use or _TREE
    inner = use.inner(model)
    if not isinstance(inner, PreTrainedModel):
        return f"{type(inner).__name__} {use.stranger}"
    if learned := use.learned(model):
        return learned
    for find, words in use.obstacles:
        if found := find(inner):
            return f"{use.name(inner)} {words.format(found)}"
    return None


def causal_lm(model: torch.nn.Module) -> torch.nn.Module:
    """The Hugging Face model inside wrappers: PEFT, data parallelism, `torch.compile`."""
    while not isinstance(model, PreTrainedModel):
        inner = model.get_base_model() if hasattr(model, "get_base_model") else _unwrapped(model)
        if inner is None:
            break
        model = inner
    return model


def has_encoder(model: PreTrainedModel) -> bool:
    return model.config.is_encoder_decoder


def has_sinks(model: PreTrainedModel) -> bool:
    return any(parameter.rpartition(".")[2] == "sinks" for parameter, _ in model.named_parameters())


def other_layers(model: PreTrainedModel) -> str:
    """Kinds of layers that are not full attention."""
    return ", ".join(sorted(set(getattr(model.config, "layer_types", None) or ()) - {"full_attention"}))


def sliding_window(model: PreTrainedModel) -> str | None:
    window = getattr(model.config, "sliding_window", None)
    return None if window is None else str(window)


def length_dependent_rope(model: PreTrainedModel) -> str | None:
    """The type of rotary positions whose frequencies depend on the longest sequence of a batch."""
    rope = getattr(model.config, "rope_parameters", None)
    kind = rope.get("rope_type") if isinstance(rope, dict) else None
    return kind if kind in LENGTH_DEPENDENT_ROPE else None


def setting(*keys: str) -> Find:
    """Finds the first of the config's `keys` that is set to something, as `key=value`."""

    def find(model: PreTrainedModel) -> str | None:
        return next((f"{key}={value}" for key in keys if (value := getattr(model.config, key, None))), None)

    return find


def _learned_tokens(model: torch.nn.Module) -> str | None:
    while model is not None:
        for config in (getattr(model, "peft_config", None) or {}).values():
            if config.is_prompt_learning or config.is_adaption_prompt:
                return f"PEFT's {config.peft_type.value} puts learned tokens into the attention"
        model = _unwrapped(model)
    return None


def _unwrapped(model: torch.nn.Module) -> torch.nn.Module | None:
    """What `torch.compile` (`_orig_mod`) or data parallelism (`module`) has wrapped."""
    return model._modules.get("_orig_mod") or model._modules.get("module")


def _parts_beside_text(model: PreTrainedModel) -> str | None:
    parts = [part for part in _PARTS_BESIDE_TEXT if getattr(model.config, part, None) is not None]
    if parts or model.config.get_text_config() is not model.config:
        return ", ".join(parts) or "its text model is only a part"
    return None


def _chunks(model: PreTrainedModel) -> str | None:
    size = getattr(model.config, "attention_chunk_size", None)
    return None if size is None or hasattr(model.config, "layer_types") else str(size)


def _other_positions(model: PreTrainedModel) -> bool:
    config = model.config
    return getattr(config, "alibi", False) or getattr(config, "position_embedding_type", "rotary") == "absolute"


def _no_rotary(model: PreTrainedModel) -> bool:
    parts = (name.rpartition(".")[2] for name, _ in model.named_modules())
    return not getattr(model.config, "rope_parameters", None) or not any(part.startswith("rotary") for part in parts)


def _rope_of_sections(model: PreTrainedModel) -> str | None:
    rope = model.config.rope_parameters
    return str(rope.get("rope_type")) if "mrope_section" in rope else None


def _no_head(model: PreTrainedModel) -> bool:
    return model.get_output_embeddings() is None or model.base_model is model


def _changed_logits(model: PreTrainedModel) -> str | None:
    values = ((key, getattr(model.config, key, None)) for key in _LOGIT_CHANGES)
    return next((f"{key}={value}" for key, value in values if value not in (None, 1, 1.0)), None)


_MORE_THAN_POSITION = "has rotary positions that depend on more than the token's own ({})"
_TREE = Use(
    inner=causal_lm,
    name=lambda model: type(model).__name__,
    stranger="is not a Hugging Face model",
    learned=_learned_tokens,
    obstacles=(
        (_parts_beside_text, "is multimodal ({})"),
        (has_encoder, "has an encoder"),
        (lambda model: not getattr(model.config, "is_causal", True), "attends to later tokens (is_causal=False)"),
        (lambda model: model._is_stateful, "is recurrent: a layer's state depends on all tokens packed before"),
        (lambda model: not model._supports_attention_backend, NO_INTERFACE),
        (other_layers, "has layers of other kinds than full attention ({})"),
        (sliding_window, "attends within a sliding window of {} tokens"),
        (_chunks, "attends within chunks of {} tokens"),
        (setting("attn_logit_softcapping"), "caps its attention scores ({})"),
        (has_sinks, "has attention sinks"),
        (setting("attention_dropout"), "drops attention weights at random ({})"),
        (_other_positions, "has positions that are not rotary"),
        (_no_rotary, "has no rotary positions"),
        (length_dependent_rope, _MORE_THAN_POSITION),
        (_rope_of_sections, _MORE_THAN_POSITION),
        (_no_head, "has no head for next tokens"),
        (_changed_logits, "changes its logits after the head ({})"),
    ),
)
