"""The trainer of each stage, made once before any model is loaded, on a model without weights.

TRL and transformers compare settings with the model, the tokenizer, the data and one another where a trainer is made:
for a large model minutes after the start, for a later stage days. Here a trainer is made on PyTorch's meta device, with
its output in a folder that is removed again, and raises what it would raise then.

Not rehearsed are what costs as much as the run itself (vLLM's engine, the reference model of `kl`), trackers
(`treadle.recipe.machine`), and a trainer that several processes share.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel

from treadle.chat.chat import Chat
from treadle.chat.rows import tokenised
from treadle.recipe.adapters import with_adapter
from treadle.recipe.arguments import trainer_config
from treadle.recipe.build import make_trainer
from treadle.recipe.models import read_config, skeleton
from treadle.recipe.schema import AnyStage, Recipe, SFTStage
from treadle.recipe.sizes import Sizes

_SHARED = ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP")
ROWS = 8
"""Of an SFT stage, which have to be tokens."""


def can_rehearse() -> bool:
    """Whether one process trains alone, with the whole model."""
    return os.environ.get("WORLD_SIZE", "1") == "1" and not any(os.environ.get(name) == "true" for name in _SHARED)


def rehearse(stage: AnyStage, recipe: Recipe, sizes: Sizes, rows: Dataset, chat: Chat) -> None:
    """Make the trainer of a stage, on a model without weights; random numbers stay as they were.

    Args:
        rows: As the stage is given them; they stand in for the rows that it is validated on, too.

    Raises:
        RecipeError: Making it raises `ValueError` or `ImportError`.
    """
    if not len(rows):  # which is said elsewhere
        return
    with TemporaryDirectory(prefix="treadle-") as folder, _same_random_numbers():
        config = trainer_config(stage, recipe, Path(folder), sizes)
        if config.deepspeed_plugin is not None:
            return
        config.report_to = []
        if isinstance(stage, SFTStage):
            rows = tokenised(rows.select(range(min(ROWS, len(rows)))), chat)
        else:
            config.use_vllm, config.sync_ref_model = False, False
            config.beta = 0.0
        held_out = rows if stage.validate_every else None
        make_trainer(stage, recipe, config, _network(recipe), chat, rows, held_out)


def _network(recipe: Recipe) -> PreTrainedModel | Any:
    """The model that is trained, with its adapter, which stays on the meta device when it is moved."""
    trust = recipe.trust_remote_code
    network: Any = skeleton(read_config(recipe.model, trust), trust_remote_code=trust)
    if recipe.lora:
        network = with_adapter(network, recipe.lora)
    network.to = lambda *device, **options: network
    return network


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Making a trainer seeds all of them, and the adapter of the first stage draws before that."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
