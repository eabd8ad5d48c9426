"""`SRLTrainer` on the prefix tree against stock TRL, which forwards every row for itself."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest
import torch
import trl.trainer.grpo_trainer
from datasets import Dataset
from peft import LoraConfig
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from tests.training.test_dynamic_sampling import only_even_prompts_vary, spy
from tests.training.test_trainer import arguments, digits
from treadle import SRLConfig, SRLTrainer
from treadle.tree import build_tree

WORDS = "take the number and add what was found before then go on "


def growing(words):
    """Prompts of five trajectories, each of which begins as the one before."""
    return [
        {
            "prompt": [{"role": "user", "content": f"problem {t} {words}" + f"step {t} {words}" * k}],
            "trajectory_id": f"trajectory {t}",
            "number": 4 * t + k,
        }
        for t in range(5)
        for k in range(4)
    ]


ROWS = growing(WORDS)
TREE = {"prefix_tree": True, "shared_rollout": False, "group_by_trajectory": False}


class SameRolloutsEachStep(TrainerCallback):
    """Draws the same completions in every trainer, whatever random numbers each takes for its own purposes."""

    def on_step_begin(self, args, state, control, **kwargs):
        torch.manual_seed(state.global_step)


def train(cls, model, tokenizer, args, rewards=digits, rows=ROWS, **more):
    trainer = cls(
        model,
        rewards,
        args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[SameRolloutsEachStep()],
        **more,
    )
    trainer.train()
    return trainer, [log for log in trainer.state.log_history if "loss" in log]


@pytest.fixture
def double_model(tiny_model, tmp_path):
    """Weights far from zero gradient, in float64, so that what differs is the method and not its rounding."""
    model = tiny_model.double()
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    return str(folder)


LORA = {"peft_config": LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)}
CASES = {
    "plain": ({}, {}, True),
    "lora with kl": ({"beta": 0.1}, LORA, True),
    "kl to a reference model": ({"beta": 0.1}, {}, True),
    "checkpointing": ({"gradient_checkpointing": True}, {}, True),
    "reentrant checkpointing": (
        {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}},
        {},
        True,
    ),
    "several iterations": ({"num_iterations": 2}, {}, True),
    # The reference's split into optimizer steps would be a random one; it takes rows as they lie, as ours does.
    "several steps per generation": ({"steps_per_generation": 4}, {}, False),
    "a loss of each sequence's own length": ({"loss_type": "grpo", "steps_per_generation": 4}, {}, False),
}


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_norm_are_those_of_stock_trl(case, double_model, tiny_tokenizer, tmp_path, monkeypatch):
    changes, more, shuffled = CASES[case]
    more = {"rows": growing("take the number and add "), **more}
    changes = {"max_steps": 5, "max_completion_length": 12, "model_init_kwargs": {"dtype": "auto"}, **changes}
    if not shuffled:
        monkeypatch.setattr(trl.trainer.grpo_trainer, "shuffle_sequence_dict", lambda batch: batch)
    torch.manual_seed(0)
    _, stock = train(GRPOTrainer, double_model, tiny_tokenizer, arguments(GRPOConfig, tmp_path, **changes), **more)
    torch.manual_seed(0)
    trainer, ours = train(
        SRLTrainer, double_model, tiny_tokenizer, arguments(SRLConfig, tmp_path, **TREE, **changes), **more
    )
    assert trainer.tree_is_used
    assert ours[0]["prefix_tree/saved"] > 1.5
    assert len(stock) == len(ours) == 5
    for a, b in zip(stock, ours, strict=True):
        for key in ("completions/mean_length", "reward"):  # absent where completions are used again
            assert b.get(key) == pytest.approx(a.get(key), abs=1e-12)
        assert a["grad_norm"] > 1e-3
        assert b["grad_norm"] == pytest.approx(a["grad_norm"], rel=1e-6)
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-6, abs=1e-7)


def tree_tokens(inputs):
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    return build_tree(ids, mask, inputs["completion_ids"].shape[1]).size


def prompts_of(inputs):
    return [
        tuple(ids[mask.bool()].tolist()) for ids, mask in zip(inputs["prompt_ids"], inputs["prompt_mask"], strict=True)
    ]


def test_micro_batches_hold_whole_groups_within_the_budget(tiny_model, tiny_tokenizer, tmp_path):
    budget = 330
    args = arguments(
        SRLConfig,
        tmp_path,
        max_steps=2,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=8,
        prefix_tree=True,
        group_by_trajectory=True,
        max_tree_tokens=budget,
    )
    trainer = SRLTrainer(
        tiny_model, digits, args, train_dataset=Dataset.from_list(ROWS), processing_class=tiny_tokenizer
    )
    seen = spy(trainer)
    trainer.train()
    assert len(seen) == 16
    for step in (seen[:8], seen[8:]):
        idle = [inputs is None for inputs in step]
        assert 0 < sum(idle) < 8
        assert idle == sorted(idle, reverse=True)  # what is skipped comes first
        used = [inputs for inputs in step if inputs is not None]
        assert all(tree_tokens(inputs) <= budget for inputs in used)
        # Eight prompts with four siblings each, none in two micro-batches; those of one trajectory side by side.
        groups = [prompts_of(inputs)[::4] for inputs in used]
        assert all(prompts_of(inputs)[i::4] == prompts_of(inputs)[::4] for inputs in used for i in range(4))
        flat = [prompt for prompts in groups for prompt in prompts]
        assert len(set(flat)) == len(flat) == 8
        numbers = [tiny_tokenizer.decode(prompt).split("problem ")[1][0] for prompt in flat]
        assert sum(a != b for a, b in pairwise(numbers)) <= 2
    log = trainer.state.log_history[0]
    used = [inputs for inputs in seen[:8] if inputs is not None]
    assert log["prefix_tree/tokens"] == pytest.approx(sum(map(tree_tokens, used)) / len(used))


def test_a_budget_that_cannot_be_kept_is_said_once(tiny_model, tiny_tokenizer, tmp_path):
    args = arguments(SRLConfig, tmp_path, max_steps=2, prefix_tree=True, max_tree_tokens=20)
    trainer = SRLTrainer(
        tiny_model, digits, args, train_dataset=Dataset.from_list(ROWS), processing_class=tiny_tokenizer
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.train()
    said = [str(w.message) for w in caught if "budget of 20" in str(w.message)]
    assert len(said) >= 1
    assert "there are 2 micro-batches" in said[0]
    assert "a larger max_tree_tokens" in said[0]
    assert len(said) == len(set(said))


def test_by_default_no_micro_batch_forwards_more_than_in_trl(tiny_model, tiny_tokenizer, tmp_path):
    args = arguments(SRLConfig, tmp_path, max_steps=3, prefix_tree=True)
    trainer = SRLTrainer(
        tiny_model, digits, args, train_dataset=Dataset.from_list(ROWS), processing_class=tiny_tokenizer
    )
    seen = spy(trainer)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        trainer.train()
    widest = max(len(p) for inputs in seen if inputs is not None for p in prompts_of(inputs))
    for inputs in filter(None, seen):
        assert tree_tokens(inputs) <= 8 * (widest + 6)


def test_a_model_that_the_tree_does_not_serve_is_trained_as_before(tiny_model, tiny_tokenizer, tmp_path):
    tiny_model.config.use_sliding_window, tiny_model.config.sliding_window = True, 16
    tiny_model.config.layer_types = ["sliding_attention", "full_attention"]
    folder = tmp_path / "sliding"
    tiny_model.save_pretrained(folder)
    _, stock = train(GRPOTrainer, str(folder), tiny_tokenizer, arguments(GRPOConfig, tmp_path))
    with pytest.warns(UserWarning, match=r"row by row: .*sliding_attention.*prefix_tree=False silences") as caught:
        trainer, ours = train(
            SRLTrainer,
            str(folder),
            tiny_tokenizer,
            arguments(SRLConfig, tmp_path, prefix_tree=True, shared_rollout=True),
        )
    assert not trainer.tree_is_used
    assert not trainer.rollout_is_shared
    ours_said = [str(w.message) for w in caught if "silences this" in str(w.message)]
    assert len(ours_said) == 2
    assert any("every row's prompt is computed for itself" in text for text in ours_said)
    for a, b in zip(stock, ours, strict=True):
        for key in ("loss", "grad_norm", "reward"):
            assert b[key] == pytest.approx(a[key], rel=1e-6, abs=1e-9)


def test_greedy_rollouts_are_those_of_stock_trl(tiny_model, tiny_tokenizer, tmp_path):
    """Greedy siblings are alike, so nothing is learnt and every step sees the same model."""
    with torch.no_grad():
        for layer in tiny_model.model.layers:  # so that what comes next depends on the prompt
            for parameter in layer.parameters():
                parameter.mul_(20)
    tiny_model.double().save_pretrained(tmp_path / "wild")
    changes = {
        "max_steps": 2,
        "generation_kwargs": {"do_sample": False},
        "shuffle_dataset": False,
        "model_init_kwargs": {"dtype": "auto"},
    }
    drawn = {}
    for cls, config, extra in ((GRPOTrainer, GRPOConfig, {}), (SRLTrainer, SRLConfig, {"shared_rollout": True})):
        found = drawn[cls] = []

        def keep(completion_ids, found=found, **kwargs):
            found += completion_ids
            return [0.0] * len(completion_ids)

        trainer = cls(
            str(tmp_path / "wild"),
            keep,
            arguments(config, tmp_path, **changes, **extra),
            train_dataset=Dataset.from_list(ROWS),
            processing_class=tiny_tokenizer,
        )
        trainer.train()
    assert trainer.rollout_is_shared
    assert drawn[GRPOTrainer] == drawn[SRLTrainer]
    assert len(set(map(tuple, drawn[SRLTrainer]))) > 1


def test_dynamic_sampling_on_the_tree_gives_the_same_step_as_without_it(double_model, tiny_tokenizer, tmp_path):
    changes = {"dynamic_sampling": True, "max_sampling_rounds": 3, "max_steps": 4}
    changes["model_init_kwargs"] = {"dtype": "auto"}
    logs = [
        train(
            SRLTrainer,
            double_model,
            tiny_tokenizer,
            arguments(SRLConfig, tmp_path, **extra, **changes),
            only_even_prompts_vary,
        )[1]
        for extra in ({}, TREE)
    ]
    for a, b in zip(*logs, strict=True):
        assert b["sampling/kept_groups"] == a["sampling/kept_groups"]
        assert b["grad_norm"] == pytest.approx(a["grad_norm"], rel=1e-6)
    assert any(log["sampling/kept_share"] < 1 for log in logs[1])


def test_the_saved_model_loads_as_any_other(tiny_folder, tiny_tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM

    trainer, _ = train(
        SRLTrainer, str(tiny_folder), tiny_tokenizer, arguments(SRLConfig, tmp_path, prefix_tree=True, max_steps=1)
    )
    trainer.save_model(str(tmp_path / "saved"))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    assert loaded.config._attn_implementation == "sdpa"
    assert "treadle" not in (tmp_path / "saved" / "config.json").read_text()
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        assert torch.allclose(loaded(ids).logits, trainer.model(ids).logits, atol=1e-5)


def test_evaluation_goes_through_the_tree_too(double_model, tiny_tokenizer, tmp_path):
    losses = []
    for cls, config, extra in ((GRPOTrainer, GRPOConfig, {}), (SRLTrainer, SRLConfig, TREE)):
        args = arguments(config, tmp_path, beta=0.1, model_init_kwargs={"dtype": "auto"}, **extra)
        trainer = cls(
            double_model,
            digits,
            args,
            train_dataset=Dataset.from_list(ROWS),
            eval_dataset=Dataset.from_list(ROWS[:4]),
            processing_class=tiny_tokenizer,
        )
        torch.manual_seed(args.seed + 104_729)  # where `treadle.training.validation` lets its own stream begin
        losses.append(trainer.evaluate()["eval_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-6, abs=1e-8)
