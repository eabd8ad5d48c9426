"""`SRLTrainer` against stock TRL."""

from __future__ import annotations

import inspect

import pytest
from datasets import Dataset
from transformers import Trainer
from trl import GRPOConfig, GRPOTrainer

from treadle import SRLConfig, SRLTrainer
from treadle.errors import RecipeError
from treadle.training.srl_config import accumulation_steps

ROWS = [{"prompt": [{"role": "user", "content": f"next {i:03d}"}], "number": i} for i in range(12)]


ADDITIONS = ("dynamic_sampling", "log_rollouts", "prefix_tree", "shared_rollout", "group_by_trajectory")


def digits(completions, **kwargs):
    """A reward that differs between random completions: the share of digits."""
    texts = [c[0]["content"] for c in completions]
    return [sum(ch.isdigit() for ch in text) / (len(text) + 1) for text in texts]


def arguments(cls, folder, **changes):
    settings = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "num_generations": 4,
        "max_completion_length": 6,
        "max_steps": 3,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "seed": 3,
        "disable_tqdm": True,
    }
    if cls is SRLConfig:
        settings |= dict.fromkeys(ADDITIONS, False) | {"prompts_per_step": None}
    return cls(**(settings | changes))


def train(cls, model, tokenizer, args, rewards=digits, rows=ROWS):
    trainer = cls(model, rewards, args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    trainer.train()
    return trainer, [log for log in trainer.state.log_history if "loss" in log]


def test_seams_exist_in_this_trl():
    """What `SRLTrainer` overrides or calls; a new TRL that changes them must be looked at by a person."""
    expected = {
        "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
        "_generate": ["self", "prompts"],
        "_generate_and_score_completions": ["self", "inputs"],
        "_prepare_inputs": ["self", "generation_batch"],
        "_get_train_sampler": ["self", "dataset"],
        "_generate_single_turn": [
            "self",
            "prompt_ids",
            "images",
            "multimodal_fields",
            "num_generations",
            "has_tool_images",
        ],
    }
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(GRPOTrainer, name)).parameters) == parameters
    source = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert source.index(") = self._generate(prompts)") < source.index("rewards_per_func = self._calculate_rewards(")
    told = source[: source.index(") = self._generate(prompts)")].rsplit("(", 1)[1]
    assert [name.strip() for name in told.split(",") if name.strip()] == [
        "prompt_ids_list",
        "completion_ids_list",
        "tool_mask_list",
        "completions",
        "sampling_per_token_logps_list",
        "extra_fields",
        "images",
        "tool_images",
    ]
    logps = inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters
    assert list(logps)[:6] == ["self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size"]


def test_seams_exist_in_this_transformers():
    """What `SRLTrainer` and its bases override, and what the loop hands them."""
    expected = {
        "_clip_grad_norm": ["self", "model"],
        "_get_grad_norm": ["self", "model", "grad_norm"],
        "_save_checkpoint": ["self", "model", "trial"],
        "_get_output_dir": ["self", "trial"],
        "_load_optimizer_and_scheduler": ["self", "checkpoint"],
        "_load_rng_state": ["self", "checkpoint"],
        "_determine_best_metric": ["self", "metrics", "trial"],
        "_finalize_training": ["self", "trial", "num_train_samples", "start_time"],
        "prediction_step": ["self", "model", "inputs", "prediction_loss_only", "ignore_keys"],
    }
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(Trainer, name)).parameters) == parameters
    loop = inspect.signature(Trainer._run_epoch).parameters
    read = {"train_dataloader", "epoch", "epochs_trained", "resume_from_checkpoint", "steps_trained_in_current_epoch"}
    assert read <= set(loop)
    assert "self._run_epoch(\n                model=model," in inspect.getsource(Trainer._inner_training_loop)


@pytest.mark.parametrize("changes", [{}, {"beta": 0.1, "num_iterations": 2}, {"loss_type": "dr_grpo"}])
def test_without_additions_it_is_the_stock_trainer(tiny_folder, tiny_tokenizer, tmp_path, changes):
    _, stock = train(GRPOTrainer, str(tiny_folder), tiny_tokenizer, arguments(GRPOConfig, tmp_path, **changes))
    _, ours = train(SRLTrainer, str(tiny_folder), tiny_tokenizer, arguments(SRLConfig, tmp_path, **changes))
    assert len(stock) == len(ours) == 3
    for a, b in zip(stock, ours, strict=True):
        assert "reward" in stock[0]
        for key in a.keys() & {"loss", "grad_norm", "reward"}:
            assert b[key] == pytest.approx(a[key], rel=1e-6, abs=1e-9)


def test_with_all_groups_kept_the_update_is_the_stock_one(tiny_folder, tiny_tokenizer, tmp_path):
    """The first step sees the same rollouts; only their order in micro-batches differs."""
    _, stock = train(GRPOTrainer, str(tiny_folder), tiny_tokenizer, arguments(GRPOConfig, tmp_path, max_steps=1))
    args = arguments(SRLConfig, tmp_path, max_steps=1, dynamic_sampling=True, sampling_threshold=0.0)
    _, ours = train(SRLTrainer, str(tiny_folder), tiny_tokenizer, args)
    assert ours[0]["sampling/kept_share"] == 1.0
    for key in ("loss", "grad_norm"):
        assert ours[0][key] == pytest.approx(stock[0][key], rel=1e-4, abs=1e-7)


def test_faults_are_counted_and_truncation_reaches_the_reward(tiny_model, tiny_tokenizer, tmp_path):
    rows = [{**row, "expert_action": "a"} for row in ROWS]
    args = arguments(SRLConfig, tmp_path, max_steps=1)
    _, logs = train(SRLTrainer, tiny_model, tiny_tokenizer, args, rewards=None, rows=rows)
    shares = {key: value for key, value in logs[0].items() if key.startswith("format/")}
    assert len(shares) == 6
    assert sum(shares.values()) == pytest.approx(1.0)  # a random model keeps no format
    assert shares["format/truncated"] == pytest.approx(logs[0]["completions/clipped_ratio"])
    assert logs[0]["reward"] == -1.0
    assert "thought_tokens" in logs[0]


def test_config_defaults_and_arithmetic(tmp_path):
    config = SRLConfig(str(tmp_path), use_cpu=True, bf16=False)
    assert (config.num_generations, config.temperature, config.beta, config.learning_rate) == (8, 1.0, 0.0, 5e-7)
    assert config.gradient_accumulation_steps * config.per_device_train_batch_size == 512 * 8
    assert accumulation_steps(32, 8, 64, processes=2) == 2
    with pytest.raises(RecipeError, match="set prompts_per_step=4 or"):
        accumulation_steps(5, 8, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"when_short": "wait"}, "expected 'train' or 'fill' or 'stop'"),
        ({"refill": "half"}, "expected 'missing' or 'expected' or 'full'"),
        ({"max_staleness": -1}, "max_staleness=-1: expected at least 0"),
        ({"max_sampling_rounds": 0}, "expected at least 1"),
        ({"think_tags": "loose"}, "think_tags='loose': expected 'strict' or 'lenient' or 'optional'"),
        ({"argument_order": "any"}, "argument_order='any': expected 'model_first' or 'expert_first'"),
        (
            {"prompts_per_step": 4, "gradient_accumulation_steps": 7},
            "gradient_accumulation_steps=7, but prompts_per_step",
        ),
        ({"dynamic_sampling": True, "loss_type": "grpo"}, "set when_short='fill'"),
    ],
)
def test_wrong_settings_name_the_remedy(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        arguments(SRLConfig, tmp_path, **changes)
