"""LoRA adapters: peft's configuration, and whether a model has what they are to be put on.

peft looks for targets by name and adapts those that it finds. A list of which some exist would be followed in part,
and an adapter on an embedding that is also the head could not be merged into one matrix that serves both.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel

from treadle.errors import ModelError
from treadle.recipe.models import first_line
from treadle.recipe.parts import Lora


def lora_config(lora: Lora) -> LoraConfig:
    """peft's configuration of a recipe's adapter."""
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        task_type="CAUSAL_LM",
    )


def with_adapter(skeleton: PreTrainedModel, lora: Lora) -> PeftModel:
    """A model on the meta device with its adapter, as it is trained.

    Args:
        skeleton: Without weights, see `treadle.recipe.models.skeleton`; it is changed.

    Raises:
        ModelError: The adapter finds no target, or one on which it would not be trained or could not be published.
    """
    where = f"lora.target_modules={lora.target_modules!r}"
    tied = skeleton.get_output_embeddings() is not None and _is_tied(skeleton)
    kinds = _kinds(skeleton)
    _refuse_unknown(skeleton, lora.target_modules, where, kinds)
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # peft's, of what is refused below
            adapted = get_peft_model(skeleton, lora_config(lora))
    except (ValueError, re.error) as error:
        raise ModelError(f"{where}: {first_line(error)}; the model has {', '.join(kinds)}, or all-linear") from error
    base = adapted.get_base_model()
    if isinstance(base.get_output_embeddings(), BaseTunerLayer):
        raise ModelError(
            f"{where}: log-probabilities are computed from the head's own weight, so an adapter on it would not be "
            f"trained; leave out {_name_of(base, base.get_output_embeddings())}"
        )
    if tied and isinstance(base.get_input_embeddings(), BaseTunerLayer):
        name = _name_of(base, base.get_input_embeddings())
        raise ModelError(
            f"{where}: the model's head is its embedding (tie_word_embeddings), so what is trained on {name} alone "
            f"cannot be merged into it; leave out {name}"
        )
    return adapted


def _refuse_unknown(model: PreTrainedModel, targets: str | list[str], where: str, kinds: list[str]) -> None:
    """A list of which some exist would be followed in part; a string is a pattern or `all-linear`."""
    if isinstance(targets, str):
        return
    names = [name for name, _ in model.named_modules()]
    unknown = [t for t in targets if not any(name == t or name.endswith(f".{t}") for name in names)]
    if unknown:
        raise ModelError(f"{where}: the model has no module {unknown[0]}; expected some of {', '.join(kinds)}")


def _is_tied(model: PreTrainedModel) -> bool:
    return model.get_input_embeddings().weight is model.get_output_embeddings().weight


def _kinds(model: PreTrainedModel) -> list[str]:
    """Names of the modules that an adapter is put on: the layers' matrices."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    linear = [name for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and m not in ends]
    return sorted({name.rpartition(".")[2] for name in linear})


def _name_of(model: Any, wanted: Any) -> str:
    return next(name.rpartition(".")[2] for name, module in model.named_modules() if module is wanted)
