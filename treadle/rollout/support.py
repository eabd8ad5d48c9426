"""Which models and generation settings the shared-prompt rollout serves, with the reason where it does not."""

from __future__ import annotations

from typing import Any

from transformers import GenerationConfig, PreTrainedModel

from treadle.tree import support

# Settings of `GenerationConfig` that change what is generated and are not followed here, with their neutral values.
NOT_FOLLOWED: dict[str, tuple[Any, ...]] = {
    "num_beams": (None, 1),
    "num_beam_groups": (None, 1),
    "penalty_alpha": (None, 0),
    "dola_layers": (None,),
    "prompt_lookup_num_tokens": (None, 0),
    "assistant_early_exit": (None,),
    "constraints": (None,),
    "force_words_ids": (None,),
    "guidance_scale": (None, 1),
    "watermarking_config": (None,),
    "token_healing": (None, False),
    "stop_strings": (None,),
    "max_time": (None,),
    "cache_implementation": (None, "dynamic", "static", "hybrid"),
}


def unwrap(model: Any) -> Any:
    """The transformers model inside a PEFT model; any other is returned as it is."""
    return (
        model if isinstance(model, PreTrainedModel) or not hasattr(model, "get_base_model") else model.get_base_model()
    )


def why_not(model: Any, generation_config: GenerationConfig | None = None) -> str | None:
    """Why `generate_completions` cannot serve a model with these settings; `None` if it can.

    Args:
        model: A causal language model of transformers, or a PEFT model around one.
        generation_config: Settings of the generation, or `None` to judge the model alone.
    """
    return support.why_not(model, _ROLLOUT) or (
        _why_not_config(unwrap(model), generation_config) if generation_config else None
    )


def _learned_tokens(model: Any) -> str | None:
    peft = getattr(model, "active_peft_config", None)
    if getattr(peft, "is_prompt_learning", False):
        return f"{peft.peft_type} puts learned tokens before the prompt"
    return None


def _window_of_all(model: PreTrainedModel) -> str | None:
    """The sliding window of a model whose layers are all of one kind; where they are not, their types tell."""
    return support.sliding_window(model) if getattr(model.config, "layer_types", None) is None else None


_NOT_PLAIN = support.setting(
    "attention_chunk_size", "attn_logit_softcapping", "num_kv_shared_layers", "mamba_d_state", "ssm_cfg"
)
_ROLLOUT = support.Use(
    inner=unwrap,
    name=lambda model: model.config.model_type,
    stranger="is not a model of transformers",
    learned=_learned_tokens,
    obstacles=(
        (lambda model: not model.can_generate(), "has no head for next tokens"),
        (support.has_encoder, "is an encoder-decoder"),
        (lambda model: model.config.get_text_config() is not model.config, "is multimodal"),
        (lambda model: not model._can_set_attn_implementation(), support.NO_INTERFACE),
        (
            lambda model: not model._supports_logits_to_keep(),
            "has no logits_to_keep: logits of all prompt tokens would be computed",
        ),
        (support.has_sinks, "has attention sinks"),
        (support.other_layers, "has layers of type {}; only full attention is served"),
        (_window_of_all, "has a sliding window of {} tokens"),
        (_NOT_PLAIN, "has {}; only plain full attention is served"),
        (
            support.length_dependent_rope,
            "has rotary embeddings of type {}, which depend on the length of the batch",
        ),
        (lambda model: not model._supports_attention_backend, "does not hand on to its attention what a step is given"),
    ),
)


def _why_not_config(base: Any, config: GenerationConfig) -> str | None:
    # What the settings leave open comes from the model, as in `generate`.
    for name, neutral in NOT_FOLLOWED.items():
        value = getattr(config, name, None)
        value = getattr(base.generation_config, name, None) if value is None else value
        if value not in neutral:
            return f"{name}={value!r} is not followed"
    if config.max_new_tokens is None and base.generation_config.max_new_tokens is None:
        return "max_new_tokens is not set"
    return None
