"""Shared fixtures: real components on tiny models, no network, real data where it is present."""

from __future__ import annotations

import os

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import gc
import json
import random
from pathlib import Path

import pytest
import torch
from hypothesis import settings as hypothesis_settings
from transformers import Qwen2ForCausalLM
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from tests import processes
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.domains.registry import VARIABLE
from treadle.miniature import world
from treadle.miniature.pretrain import model_config
from treadle.miniature.tokenizer import build_tokenizer

torch.set_num_threads(1)
hypothesis_settings.register_profile("treadle", deadline=None, max_examples=60)
hypothesis_settings.load_profile("treadle")

ROOT = processes.ROOT
DATA = Path(os.environ.get("TREADLE_DATA", ROOT.parent / "shared" / "data"))


LONG = (
    *("tests/distributed", "tests/kills", "tests/miniature", "tests/training", "tests/recipe", "tests/test_real_data"),
    *("tests/hostile", "tests/rollout", "tests/tree/test_logps", "tests/plan", "tests/evaluate"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that none is left to one worker at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """What is imported stays: every trainer collects garbage when it begins, and looked through all of it."""
    get_checkpoint_conversion_mapping("qwen2")  # a thousand patterns, compiled when a process loads its first model
    gc.collect()
    gc.freeze()
    gc.set_threshold(30_000, 20, 100)  # with the usual numbers four files of tests took 3% longer
    processes.serve()


@pytest.fixture
def no_domains(monkeypatch) -> None:
    """No domain but treadle's own, whatever the test names; afterwards it is as before."""
    monkeypatch.setenv(VARIABLE, "")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real third-party data, see the README's section on tests."""
    if not (DATA / "math").is_dir():
        pytest.skip(f"real data not found in {DATA}; set TREADLE_DATA to the folder that holds it")
    return DATA


@pytest.fixture(scope="session")
def tiny_tokenizer():
    return build_tokenizer()


@pytest.fixture
def tiny_model(tiny_tokenizer):
    return make_tiny_model(len(tiny_tokenizer))


def make_tiny_model(vocabulary: int) -> Qwen2ForCausalLM:
    """A random Qwen2 of 20,000 parameters that speaks the miniature's characters."""
    torch.manual_seed(0)
    config = model_config(vocabulary)
    config.hidden_size, config.intermediate_size, config.num_hidden_layers = 32, 64, 2
    config.layer_types = config.layer_types[:2]
    return Qwen2ForCausalLM(config)


@pytest.fixture
def tiny_folder(tiny_model, tiny_tokenizer, tmp_path) -> Path:
    """The tiny model saved as users save theirs."""
    folder = tmp_path / "tiny"
    tiny_model.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def expert_trajectories():
    """Twenty expert trajectories of the miniature world."""
    return [world.expert_trajectory(world.make_problem(random.Random(f"test/{i}")), f"problem-{i}") for i in range(20)]


@pytest.fixture
def prepared_world(expert_trajectories, tmp_path) -> Path:
    """These prepared, all steps as targets, four trajectories held out."""
    source = tmp_path / "world.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in expert_trajectories))
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=4))
    return tmp_path / "data"
