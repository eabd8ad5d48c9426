"""Real expert solutions through `prepare` and `train`, with the real Qwen2.5 tokenizer and a small random model."""

from __future__ import annotations

import json

import pytest
import torch
from datasets import load_dataset
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from treadle import stages
from treadle.completion import FormatFault
from treadle.config import parse_recipe
from treadle.models import load_tokenizer
from treadle.prepare import PrepareSettings, prepare
from treadle.prepared import Prepared
from treadle.sources.columns import parse_columns

R1 = "problem=question,solution=deepseek-reasoner (question),answer=answer"
SOURCES = {"amc_aime_solutions": None, "s1k": None, "deepseek_r1_math": R1, "deepseek_r1_gsm8k": R1}
KEPT = {"amc_aime_solutions": 2700, "s1k": 190, "deepseek_r1_math": 10, "deepseek_r1_gsm8k": 25}  # at least


@pytest.fixture(scope="module")
def qwen(data, tmp_path_factory):
    """The real tokenizer beside a Qwen2 model of 5 million parameters, most of them embeddings."""
    folder = tmp_path_factory.mktemp("qwen")
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizer" / "qwen2.5")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_real_files_are_prepared_and_trained_on(data, qwen, tmp_path, name):
    settings = PrepareSettings(columns=parse_columns(SOURCES[name]) if SOURCES[name] else None, held_out=0.05)
    report = prepare(data / "math" / f"{name}.jsonl", tmp_path / "data", settings, load_tokenizer(str(qwen)))
    assert report.rows.kept >= KEPT[name]
    assert report.rows.read == report.rows.kept + sum(report.rows.dropped.values())
    assert report.prompt_tokens["max"] > report.prompt_tokens["median"] > 100
    assert all(example["prompt"].endswith("<|im_start|>assistant\n") for example in report.examples)
    rows = load_dataset("parquet", data_files=str(tmp_path / "data" / "train.parquet"), split="train")
    assert len(rows) == report.instances["train"]
    srl = {
        "kind": "srl",
        "max_steps": 3,
        "prompts_per_step": 2,
        "rollouts": 4,
        "micro_batch": 4,
        "max_completion_length": 16,
        "max_sampling_rounds": 1,
        "gradient_checkpointing": False,
    }
    recipe = parse_recipe(
        {
            "model": str(qwen),
            "data": str(tmp_path / "data"),
            "output": str(tmp_path / "run"),
            "dtype": "float32",
            "stages": [srl],
        }
    )
    stages.run(recipe, quiet=True)
    logs = [json.loads(line) for line in (tmp_path / "run" / "1-srl" / "metrics.jsonl").open()]
    steps = [log for log in logs if "loss" in log]
    assert [log["step"] for log in steps] == [1, 2, 3]
    for log in steps:  # a random model keeps no format: every completion is one of the faults
        assert sum(log[f"format/{fault}"] for fault in FormatFault) == pytest.approx(1.0)


def test_r1_reasoning_is_the_first_thought_and_its_answer_is_cut(data, tmp_path):
    prepare(data / "math" / "deepseek_r1_math.jsonl", tmp_path / "data", PrepareSettings(columns=parse_columns(R1)))
    for trajectory in Prepared(tmp_path / "data").trajectories():
        assert len(trajectory.steps[0].thought) > 500
        assert "</think>" not in "".join(step.action for step in trajectory.steps)
        assert trajectory.answer
