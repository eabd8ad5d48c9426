"""Whether rollouts can be drawn as a stage's settings say: what transformers refuses only when it generates."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from transformers import GenerationConfig

from treadle.check.results import Check, error, ok
from treadle.check.subject import Subject
from treadle.recipe.models import first_line
from treadle.recipe.schema import RLStage

NAMES = ("top_p", "top_k", "min_p", "repetition_penalty", "cache_implementation")


def settings_of(stage: RLStage) -> GenerationConfig:
    """How a stage samples, as TRL tells it to `generate`.

    Raises:
        ValueError, TypeError: transformers refuses a value.
    """
    given = {name: stage.trl[name] for name in NAMES if stage.trl.get(name) is not None}
    more = stage.trl.get("generation_kwargs") or {}
    own = {"max_new_tokens": stage.max_completion_length, "do_sample": True, "temperature": stage.temperature}
    return GenerationConfig(**own | given | more)


def sampling(subject: Subject) -> Iterator[Check]:
    """Temperature, nucleus and penalties of each stage of RL without vLLM."""
    for stage in subject.stages:
        if not isinstance(stage, RLStage) or stage.trl.get("use_vllm"):
            continue
        id = f"sampling.{stage.name}"
        try:
            settings = settings_of(stage)
            # The processors of logits check their numbers when they are made.
            subject.network._get_logits_processor(settings, input_ids_seq_length=1, device=torch.device("cpu"))
        except (ValueError, TypeError) as problem:
            yield error(id, f"stages.{stage.name}.trl: {first_line(problem)}")
        else:
            more = [f"{name} {stage.trl[name]}" for name in NAMES if stage.trl.get(name) is not None]
            yield ok(id, ", ".join([f"temperature {stage.temperature:g}", *more]))
