"""A step of verl's whole trainer by `run.sh`, on a CPU with given completions, and the same of treadle's trainer.

All settings are the export's but those in `CPU`; what verl lacks on a CPU is in `on_cpu`.
"""

from __future__ import annotations

import json
import re
from itertools import count

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer
from tests.export.job import exported, rows_of
from tests.export.verl.processes import needs_verl, run_verl
from tests.models import random_model
from treadle.chat.chat import Chat
from treadle.cli.main import app
from treadle.data.prepared import Prepared
from treadle.export.verl.engine import VERL
from treadle.recipe.build import build_trainer
from treadle.recipe.training_data import training_rows
from treadle.scoring.rewards import srl_reward

pytestmark = needs_verl

STAGE = {
    "kind": "srl",
    "prompts_per_step": 4,
    "rollouts": 4,
    "micro_batch": 4,
    "max_steps": 1,
    "learning_rate": 1e-3,
    "clip_high": 0.28,
    "validate_every": 1,
    "validation": "answers",
}
CPU = (
    "trainer.device=cpu",
    "actor_rollout_ref.actor.strategy=fsdp2",  # `fsdp` wants its parameters on a GPU (sync_module_states)
    "+actor_rollout_ref.model.override_config.attn_implementation=sdpa",
    "actor_rollout_ref.actor.fsdp_config.use_torch_compile=False",
    "actor_rollout_ref.rollout.name=given",
    # verl counts GPUs, and asks for more processors than there are; processes that wait cost memory
    "+ray_kwargs.ray_init.num_gpus=1",
    "ray_kwargs.ray_init.num_cpus=16",
    "+ray_kwargs.ray_init.include_dashboard=False",
    "transfer_queue.backend.SimpleStorage.num_data_storage_units=1",
    "actor_rollout_ref.rollout.agent.num_workers=1",
    "reward.num_workers=1",
    "data.dataloader_num_workers=0",
)


@pytest.fixture(scope="module")
def trained(expert_trajectories, tmp_path_factory):
    """Folder, recipe, and completions by prompt, of an export whose `run.sh` has run."""
    folder = tmp_path_factory.mktemp("step")
    tokenizer = byte_tokenizer(TEMPLATES["qwen2_5"])
    random_model(vocab_size=len(tokenizer), max_position_embeddings=4096).save_pretrained(folder / "model")
    recipe, out = exported(folder, tokenizer, expert_trajectories, VERL, STAGE, dtype="float32")
    given = completions(out, Chat(tokenizer))
    told = {" ".join(map(str, prompt)): ids for prompt, ids in given.items()}
    (folder / "given.json").write_text(json.dumps(told))
    logged = ("trainer.logger=[console,file]", f"trainer.rollout_data_dir={folder}/rollouts")
    run_verl(
        ["bash", str(out / "run.sh"), *CPU, *logged],
        seconds=1800,
        VERL_PLATFORM="cpu",
        VERL_USE_EXTERNAL_MODULES="tests.export.verl.on_cpu",
        VERL_FILE_LOGGER_PATH=str(folder / "metrics.jsonl"),
        GIVEN=str(folder / "given.json"),
    )
    return folder, recipe, given


def completions(out, chat):
    """Four for each prompt, whose thoughts are numbers: first letters of what is right; every second time alike."""
    given, number = {}, count()
    for name in ("train", "validation"):
        rows = rows_of(out, name)
        for place, (row, prompt) in enumerate(zip(rows, chat.prompts([row["prompt"] for row in rows]), strict=True)):
            truth = row["reward_model"]["ground_truth"]
            cuts = [3] * 4 if place % 2 else [1, 3, 3 + place % 4, 9]
            actions = [truth[:cut] for cut in cuts] if name == "train" else [f"\\boxed{{{truth}}}"] * 4
            texts = [f"<think>{next(number)}</think>{action}" for action in actions]
            ids = chat.tokenizer(texts, add_special_tokens=False)["input_ids"]
            given[tuple(prompt)] = [[*each, chat.end[-1]] for each in ids]
    return given


def trained_on(folder):
    """Numbers of the rows that verl made its step of, and its rows of completions."""
    dumped = [json.loads(line) for line in (folder / "rollouts" / "1.jsonl").read_text().splitlines()]
    numbers = {int(re.search(r"<think>(\d+)</think>", row["output"])[1]) // 4 for row in dumped}
    return sorted(numbers), dumped


def metrics_of(folder):
    (line,) = (folder / "metrics.jsonl").read_text().splitlines()
    return json.loads(line)["data"]


@pytest.fixture(scope="module")
def ours(trained):
    """treadle's trainer after its step of the same groups."""
    folder, recipe, given = trained
    (stage,) = recipe.stages
    kept, _ = trained_on(folder)
    stage = stage.model_copy(update={"validate_every": None, "sampling_floor": None})
    rows = training_rows(stage, Prepared(recipe.data)).select(kept)
    trainer = build_trainer(stage, recipe, recipe.model, rows, folder / "ours", [])
    asked = {prompt: iter(ids) for prompt, ids in given.items()}
    trainer.parts.shared_rollout = lambda prompts: ([next(asked[tuple(ids)]) for ids in prompts], None)
    trainer.train()
    return trainer


def test_verl_trains_on_the_groups_that_treadle_keeps(trained):
    folder = trained[0]
    kept, dumped = trained_on(folder)
    assert len(kept) == 4
    assert not [number for number in kept if number % 2]
    assert len(dumped) == 16
    rewards = srl_reward([row["output"] for row in dumped], [row["gts"] for row in dumped])
    assert [row["score"] for row in dumped] == pytest.approx(rewards)
    metrics = metrics_of(folder)
    assert metrics["training/sampling/kept_groups"] == 4
    assert metrics["training/sampling/dropped/low_spread"] > 0
    assert metrics["training/sampling/rounds"] > 1
    assert metrics["val-core/treadle/answer/reward/mean@1"] == 1
    assert metrics["val-aux/treadle/answer/truncated/mean@1"] == 0


def by_hand(dumped, divisor):
    """The loss of one policy, old and new: the mean of advantages over tokens, which are the letters and an end."""
    scores_PG = np.array([row["score"] for row in dumped]).reshape(4, 4)
    spread_P1 = scores_PG.std(1, ddof=1, keepdims=True)
    advantages_PG = (scores_PG - scores_PG.mean(1, keepdims=True)) / (spread_P1 + divisor)
    tokens_PG = np.array([len(row["output"]) + 1 for row in dumped]).reshape(4, 4)
    return -(advantages_PG * tokens_PG).sum() / tokens_PG.sum()


def test_loss_and_gradient_are_treadles(trained, ours):
    metrics, log, (_, dumped) = metrics_of(trained[0]), ours.state.log_history[0], trained_on(trained[0])
    assert metrics["actor/loss"] == pytest.approx(by_hand(dumped, 1e-6), rel=1e-5)
    assert log["loss"] == pytest.approx(by_hand(dumped, 1e-4), rel=1e-5)
    assert metrics["actor/grad_norm"] == pytest.approx(log["grad_norm"], rel=2e-3)  # that of the divisors
    assert metrics["actor/lr"] == log["learning_rate"] == 1e-3


def test_weights_are_treadles(trained, ours):
    folder = trained[0]
    before, verls = (load_file(path / "model.safetensors") for path in (folder / "model", folder / "out/1-srl/model"))
    after = ours.model.state_dict()
    assert set(verls) == set(after) == set(before)
    assert {tensor.dtype for tensor in verls.values()} == {torch.float32}
    moved = torch.cat([(after[name] - before[name]).flatten() for name in before])
    apart = torch.cat([(after[name] - verls[name]).flatten() for name in before])
    assert moved.abs().max() == pytest.approx(1e-3, rel=1e-3)  # AdamW's first step is the learning rate
    assert apart.norm() < 0.01 * moved.norm()


def test_treadle_evaluates_what_verl_trained(trained, tmp_path):
    folder = trained[0]
    words = ["evaluate", str(folder / "out/1-srl/model"), "--data", str(folder / "data"), "--limit", "2"]
    words += ["--mode", "whole", "--max-new-tokens", "4", "-o", str(tmp_path / "scores")]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
