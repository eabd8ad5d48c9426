"""Real expert solutions through `prepare` and `train`, with the real Qwen2.5 tokenizer and a small random model."""

from __future__ import annotations

import json

import pytest
from transformers import AutoTokenizer

from tests.models import random_model
from treadle import ReadReport, load_rows, read_trajectories
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.columns import parse_columns
from treadle.recipe import stages
from treadle.recipe.models import load_tokenizer
from treadle.recipe.reading import parse_recipe
from treadle.scoring.completion import FormatFault

R1 = "problem=question,solution=deepseek-reasoner (question),answer=answer"
SOURCES = {"amc_aime_solutions": None, "s1k": None, "deepseek_r1_math": R1, "deepseek_r1_gsm8k": R1}
KEPT = {"amc_aime_solutions": 2700, "s1k": 190, "deepseek_r1_math": 10, "deepseek_r1_gsm8k": 25}  # at least


@pytest.fixture(scope="module")
def qwen(data, tmp_path_factory):
    """The real tokenizer beside a Qwen2 model of 5 million parameters, most of them embeddings."""
    folder = tmp_path_factory.mktemp("qwen")
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizer" / "qwen2.5")
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    model = random_model(vocab_size=len(tokenizer), max_position_embeddings=32768, tie_word_embeddings=True, **ends)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(qwen):
    return load_tokenizer(str(qwen))


@pytest.mark.parametrize("name", SOURCES)
def test_real_files_are_prepared_and_trained_on(data, qwen, tokenizer, tmp_path, name):
    settings = PrepareSettings(columns=parse_columns(SOURCES[name]) if SOURCES[name] else None, held_out=0.05)
    report = prepare(data / "math" / f"{name}.jsonl", tmp_path / "data", settings, tokenizer)
    assert report.rows.kept >= KEPT[name]
    assert report.rows.read == report.rows.kept + sum(report.rows.dropped.values())
    prompts = report.distributions["prompt, tokens"]
    assert prompts["max"] > prompts["median"] > 100
    assert all(example["prompt"].endswith("<|im_start|>assistant\n") for example in report.examples)
    assert len(load_rows(tmp_path / "data")) == report.instances["train"]
    train_and_check(qwen, tmp_path)


def train_and_check(model, folder, max_steps=2, rollouts=4):
    srl = {
        "kind": "srl",
        "max_steps": max_steps,
        "prompts_per_step": 2,
        "rollouts": rollouts,
        "micro_batch": rollouts,
        "max_completion_length": 16,
        "max_sampling_rounds": 1,
        "gradient_checkpointing": False,
        "allow_no_change": True,  # so few rollouts may well earn the same
    }
    recipe = parse_recipe(
        {
            "model": str(model),
            "data": str(folder / "data"),
            "output": str(folder / "run"),
            "dtype": "float32",
            "stages": [srl],
        }
    )
    stages.run(recipe, quiet=True)
    logs = [json.loads(line) for line in (folder / "run" / "1-srl" / "metrics.jsonl").open()]
    steps = [log for log in logs if "loss" in log]
    assert [log["step"] for log in steps] == list(range(1, max_steps + 1))
    for log in steps:  # a random model keeps no format: every completion is one of the faults
        assert sum(log[f"format/{fault}"] for fault in FormatFault) == pytest.approx(1.0)


AGENTS = {  # rows read and kept of each file or folder
    "swe_smith_messages.jsonl": (3, 3),
    "swe_smith_xml.jsonl": (2, 2),
    "swe_agent": (6, 6),
    "nebius_swe_agent.jsonl": (2, 2),
    "swe_gym_openhands.jsonl": (2, 2),
    "openhands_sdk": (4, 4),
    "mini_swe_agent.traj.json": (1, 1),
}


def test_agents_of_every_kind_are_prepared_together(data, tokenizer, tmp_path):
    settings = PrepareSettings(context=2, observation_tokens=300, held_out=3)
    report = prepare(data / "trajectories", tmp_path / "data", settings, tokenizer)
    assert report.rows.read == 30 + sum(read for read, _ in AGENTS.values())
    assert report.rows.dropped["no_trajectory"] == 30  # openhands_swebench.json has patches only
    kept = sum(kept for _, kept in AGENTS.values())
    assert report.rows.kept == kept - report.rows.dropped["too_few_steps"]  # two logs begin and end with one call
    assert report.curated["observations shortened to --observation-tokens"] > 50
    sides = {split: {t.repo for t in Prepared(tmp_path / "data").trajectories(split)} for split in ("train", "heldout")}
    assert not (sides["train"] & sides["heldout"]) - {None}
    for trajectory in Prepared(tmp_path / "data").trajectories():
        for step in trajectory.steps:
            assert len(tokenizer(step.observation or "")["input_ids"]) <= 300


def test_an_agent_is_trained_on_what_it_saw(data, qwen, tokenizer, tmp_path):
    source = data / "trajectories" / "swe_smith_messages.jsonl"
    settings = PrepareSettings(context=2, observation_tokens=100, max_action_chars=300, held_out=0)
    prepare(source, tmp_path / "data", settings, tokenizer)
    train_and_check(qwen, tmp_path, max_steps=1, rollouts=2)
    rollout = json.loads((tmp_path / "run" / "1-srl" / "rollouts.jsonl").open().readline())
    assert [m["role"] for m in rollout["prompt"]] == ["system", "user"]
    assert "You have access to the following functions" in rollout["prompt"][0]["content"]
    assert rollout["expert_action"].startswith("<function=")


@pytest.mark.parametrize("name", AGENTS)
def test_real_agent_trajectories_are_kept(data, name):
    report = ReadReport()
    trajectories = list(read_trajectories(data / "trajectories" / name, report=report))
    assert (report.read, report.kept) == AGENTS[name]
    assert {t.domain for t in trajectories} == {"agent"}
    assert all(t.problem and t.steps for t in trajectories)


def test_r1_reasoning_is_the_first_thought_and_its_answer_is_cut(data, tmp_path):
    prepare(data / "math" / "deepseek_r1_math.jsonl", tmp_path / "data", PrepareSettings(columns=parse_columns(R1)))
    for trajectory in Prepared(tmp_path / "data").trajectories():
        assert len(trajectory.steps[0].thought) > 500
        assert "</think>" not in "".join(step.action for step in trajectory.steps)
        assert trajectory.answer
