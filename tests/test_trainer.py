"""`SRLTrainer` against stock TRL, and dynamic sampling against hand-made rewards."""

from __future__ import annotations

import inspect
import json

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from treadle import SRLConfig, SRLTrainer
from treadle.errors import RecipeError
from treadle.srl_config import accumulation_steps

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
    logps = inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters
    assert list(logps)[:6] == ["self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size"]


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


def spy(trainer):
    """Collects the micro-batches that the trainer trains on."""
    seen = []
    original = trainer.compute_loss

    def compute_loss(model, inputs, *args, **kwargs):
        seen.append(inputs)
        return original(model, inputs, *args, **kwargs)

    trainer.compute_loss = compute_loss
    return seen


def only_even_prompts_vary(completions, number, **kwargs):
    """Groups of odd prompts are all alike; those of even prompts have one right completion of four."""
    return [float(n % 2 == 0 and i % 4 == 0) for i, n in enumerate(number)]


def test_groups_without_signal_are_dropped_and_refilled(tiny_model, tiny_tokenizer, tmp_path):
    args = arguments(SRLConfig, tmp_path, max_steps=2, dynamic_sampling=True, log_rollouts=True, max_sampling_rounds=20)
    trainer = SRLTrainer(
        tiny_model,
        only_even_prompts_vary,
        args,
        train_dataset=Dataset.from_list(ROWS),
        processing_class=tiny_tokenizer,
    )
    seen = spy(trainer)
    trainer.train()
    logs = [log for log in trainer.state.log_history if "loss" in log]
    assert [log["sampling/kept_groups"] for log in logs] == [4.0, 4.0]
    rollouts = [json.loads(line) for line in (tmp_path / "rollouts.jsonl").open()]
    assert all(r["kept"] == (r["number"] % 2 == 0) for r in rollouts)
    assert sum(r["kept"] for r in rollouts) == 8
    assert {r["global_step"] for r in rollouts} == {0, 1}
    assert all(len(r["completions"]) == len(r["rewards"]) == 4 for r in rollouts)
    # (1 - 1/4) and (0 - 1/4) over the sample deviation 0.5 of [1, 0, 0, 0], as TRL scales.
    advantages = torch.cat([batch["advantages"] for batch in seen]).view(-1, 4)
    expected = torch.tensor([0.75, -0.25, -0.25, -0.25]) / 0.5001
    assert torch.allclose(advantages, expected.expand_as(advantages), atol=1e-5)
    assert advantages.shape == (8, 4)


def test_when_the_cap_is_hit_it_trains_on_what_there_is(tiny_model, tiny_tokenizer, tmp_path):
    rows = [row for row in ROWS if row["number"] % 2] + ROWS[:2]
    args = arguments(SRLConfig, tmp_path, max_steps=2, dynamic_sampling=True, max_sampling_rounds=1)
    trainer = SRLTrainer(
        tiny_model, only_even_prompts_vary, args, train_dataset=Dataset.from_list(rows), processing_class=tiny_tokenizer
    )
    seen = spy(trainer)
    trainer.train()
    for log in trainer.state.log_history[:2]:
        assert log["sampling/rounds"] == 1
    sizes = [len(batch["advantages"]) for batch in seen]
    assert all(size <= 8 for size in sizes)
    assert sum(sizes) < 32


@pytest.mark.parametrize("when_short", ["train", "fill"])
def test_a_step_without_any_signal_changes_nothing(tiny_model, tiny_tokenizer, tmp_path, when_short):
    before = {name: p.clone() for name, p in tiny_model.named_parameters()}
    args = arguments(
        SRLConfig, tmp_path, dynamic_sampling=True, max_sampling_rounds=2, when_short=when_short, weight_decay=0.0
    )

    def almost_alike(completions, **kwargs):
        return [1e-3 * (i % 2) for i in range(len(completions))]

    _, logs = train(SRLTrainer, tiny_model, tiny_tokenizer, args, rewards=almost_alike)
    assert [log["sampling/kept_groups"] for log in logs] == [0.0] * 3
    assert [log["grad_norm"] for log in logs] == [0.0] * 3
    for name, parameter in tiny_model.named_parameters():
        assert torch.equal(parameter, before[name]), name


def test_fill_restores_the_full_batch_with_zero_advantages(tiny_model, tiny_tokenizer, tmp_path):
    args = arguments(SRLConfig, tmp_path, max_steps=1, dynamic_sampling=True, max_sampling_rounds=1, when_short="fill")
    trainer = SRLTrainer(
        tiny_model,
        only_even_prompts_vary,
        args,
        train_dataset=Dataset.from_list([ROWS[0], ROWS[1], ROWS[3], ROWS[5]]),
        processing_class=tiny_tokenizer,
    )
    seen = spy(trainer)
    trainer.train()
    advantages = torch.cat([batch["advantages"] for batch in seen])
    assert len(advantages) == 16
    assert (advantages != 0).sum() == 4


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


def test_refill_continues_where_it_stopped(tiny_model, tiny_tokenizer, tmp_path):
    args = arguments(
        SRLConfig, tmp_path, dynamic_sampling=True, max_sampling_rounds=3, save_strategy="steps", save_steps=1
    )
    full, _ = train(SRLTrainer, tiny_model, tiny_tokenizer, args, rewards=only_even_prompts_vary)
    saved = torch.load(tmp_path / "checkpoint-2" / "shared_state.pt")
    assert 0 < saved["drawn"] <= full._refill.drawn
    resumed = SRLTrainer(
        tiny_model, only_even_prompts_vary, args, train_dataset=Dataset.from_list(ROWS), processing_class=tiny_tokenizer
    )
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert resumed._refill.drawn == full._refill.drawn
    assert resumed.state.global_step == 3


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
        ({"when_short": "stop"}, "expected 'train' or 'fill'"),
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
