"""Dynamic sampling against hand-made rewards: which groups are trained on, what is computed on them, what waits."""

from __future__ import annotations

import copy
import json
from collections import Counter

import pytest
import torch
from datasets import Dataset

from tests.conftest import make_tiny_model
from tests.training.test_trainer import ROWS, arguments, train
from treadle import SRLConfig, SRLTrainer
from treadle.errors import RecipeError, TrainingFault


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
    sizes = [len(batch["advantages"]) for batch in seen if batch is not None]
    assert all(size <= 8 for size in sizes)
    assert sum(sizes) < 32


def test_a_step_without_any_signal_changes_nothing(tiny_model, tiny_tokenizer, tmp_path):
    before = {name: p.clone() for name, p in tiny_model.named_parameters()}
    args = arguments(SRLConfig, tmp_path, dynamic_sampling=True, max_sampling_rounds=2, weight_decay=0.0)

    def almost_alike(completions, **kwargs):
        return [1e-3 * (i % 2) for i in range(len(completions))]

    _, logs = train(SRLTrainer, tiny_model, tiny_tokenizer, args, rewards=almost_alike)
    assert [log["sampling/kept_groups"] for log in logs] == [0.0] * 3
    assert [log["grad_norm"] for log in logs] == [0.0] * 3
    for name, parameter in tiny_model.named_parameters():
        assert torch.equal(parameter, before[name]), name


def spread_by_number(completions, number, **kwargs):
    """Prompt n's rewards are 0 and n / 1000 by turns: their population standard deviation is n / 2000."""
    return [n / 1000 * (i % 2) for i, n in enumerate(number)]


def trained(model, tokenizer, folder, reward, rows=ROWS, **changes):
    """Train; returns trainer, logs of the steps and the micro-batches."""
    args = arguments(SRLConfig, folder, dynamic_sampling=True, log_rollouts=True, **changes)
    trainer = SRLTrainer(model, reward, args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    seen = spy(trainer)
    trainer.train()
    return trainer, [log for log in trainer.state.log_history if "loss" in log], seen


def rollouts_of(folder):
    return [json.loads(line) for line in (folder / "rollouts.jsonl").open()]


def test_fill_takes_the_best_of_the_rest(tiny_model, tiny_tokenizer, tmp_path):
    """The threshold keeps prompts 9 to 11 (0.0045 and more); of the others 8 has the widest spread."""
    rows = [ROWS[i] for i in (2, 11, 8, 0, 9, 10, 3, 5)]
    settings = {"max_steps": 1, "gradient_accumulation_steps": 4, "sampling_threshold": 0.0042}
    settings |= {"max_sampling_rounds": 1, "shuffle_dataset": False}
    for when_short, numbers in (("fill", [2, 11, 8, 9, 10, 3, 5, 0]), ("train", [11, 9, 10])):
        _, (log,), seen = trained(
            tiny_model, tiny_tokenizer, tmp_path / when_short, spread_by_number, rows, when_short=when_short, **settings
        )
        assert (log["sampling/missing_groups"], log["sampling/kept_groups"]) == (5.0, 3.0)
        assert log["sampling/filled_groups"] == (5.0 if when_short == "fill" else 0.0)
        used = {tiny_tokenizer.decode(ids).strip() for batch in seen for ids in batch["prompt_ids"]}
        assert {int(text.split("next ")[1][:3]) for text in used} == set(numbers)
        advantages = torch.cat([batch["advantages"] for batch in seen])
        assert len(advantages) == 4 * len(numbers)
        assert (advantages == 0).sum() == (4 if when_short == "fill" else 0)  # prompt 0: all alike


def test_poor_groups_are_not_learned_from(tiny_model, tiny_tokenizer, tmp_path):
    """Best rewards are n / 1000: of the prompts with a spread above 0.0042 only 10 and 11 reach the floor."""
    rows = [ROWS[i] for i in (2, 11, 8, 0, 9, 10, 3, 5)]
    settings = {"max_steps": 1, "gradient_accumulation_steps": 4, "sampling_threshold": 0.0042}
    settings |= {"max_sampling_rounds": 1, "shuffle_dataset": False, "sampling_floor": 0.01}
    for when_short, groups in (("fill", 8), ("train", 2)):
        folder = tmp_path / when_short
        _, (log,), seen = trained(
            tiny_model, tiny_tokenizer, folder, spread_by_number, rows, when_short=when_short, **settings
        )
        assert (log["sampling/kept_groups"], log["sampling/dropped/all_poor"]) == (2.0, 1 / 8)
        reasons = {r["number"]: r["dropped"] for r in rollouts_of(folder)}
        low = dict.fromkeys((2, 8, 3, 5), "low_spread")
        assert reasons == {**low, 0: "all_wrong", 9: "all_poor", 10: None, 11: None}
        advantages = torch.cat([batch["advantages"] for batch in seen]).view(-1, 4)
        assert len(advantages) == groups
        assert (advantages == 0).all(1).sum() == (2 if when_short == "fill" else 0)  # prompts 0 and 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling_floor": 1.5}, r"sampling_floor=1.5: above 1, the highest"),
        ({"sampling_floor": -1.5}, r"sampling_floor=-1.5: below -1"),
        ({"sampling_floor": 0.6, "reward_weights": [0.5]}, "above 0.5"),
    ],
)
def test_a_floor_that_no_reward_reaches_is_refused_before_a_model_is_loaded(changes, message, tiny_tokenizer, tmp_path):
    with pytest.raises(RecipeError, match=message):
        SRLTrainer("no/such-model", None, arguments(SRLConfig, tmp_path, dynamic_sampling=True, **changes))


def test_a_floor_wants_a_number_and_dynamic_sampling(tmp_path):
    with pytest.raises(RecipeError, match=r"sampling_floor='data': expected a number .*Prepared\(FOLDER\)\.floor"):
        arguments(SRLConfig, tmp_path, dynamic_sampling=True, sampling_floor="data")
    with pytest.raises(RecipeError, match="set dynamic_sampling=True, or leave it out"):
        arguments(SRLConfig, tmp_path, dynamic_sampling=False, sampling_floor=0.2)


def test_of_ones_own_rewards_the_range_is_not_known(tiny_model, tiny_tokenizer, tmp_path):
    def up_to_ten(completions, number, **kwargs):
        return [float(n) * (i % 2) for i, n in enumerate(number)]

    trained(tiny_model, tiny_tokenizer, tmp_path, up_to_ten, ROWS[:4], sampling_floor=3.0, max_steps=1)
    assert {r["number"] for r in rollouts_of(tmp_path) if r["kept"]} == {3}


def test_stop_when_short_says_what_was_dropped(tiny_model, tiny_tokenizer, tmp_path):
    with pytest.raises(TrainingFault, match=r"step 1: 2 of 4 groups carry .* \(dropped: all_wrong 2\).*when_short"):
        trained(
            tiny_model,
            tiny_tokenizer,
            tmp_path,
            only_even_prompts_vary,
            shuffle_dataset=False,
            max_sampling_rounds=1,
            when_short="stop",
        )
    assert [r["dropped"] for r in rollouts_of(tmp_path)] == [None, "all_wrong", None, "all_wrong"]


def nothing_varies_before_the_third_generation(completions, number, log_metric=None, **kwargs):
    nothing_varies_before_the_third_generation.calls += 1
    log_metric("calls", float(nothing_varies_before_the_third_generation.calls))
    return [float(nothing_varies_before_the_third_generation.calls > 2 and i % 2) for i in range(len(completions))]


@pytest.mark.parametrize("tree", [True, False])
@pytest.mark.parametrize("iterations", [1, 2])
def test_a_generation_without_signal_changes_no_weight_and_costs_no_forward(
    tiny_folder, tiny_tokenizer, tmp_path, tree, iterations
):
    """Neither momentum nor decay may move weights where nothing was kept; the data goes on, and the steps count."""
    nothing_varies_before_the_third_generation.calls = 0
    forwards, weights = Counter(), []

    class Counting(SRLTrainer):
        def _get_per_token_logps_and_entropies(self, *asked, **kwargs):
            forwards[self.state.global_step] += 1
            return super()._get_per_token_logps_and_entropies(*asked, **kwargs)

        def training_step(self, *asked, **kwargs):
            weights.append(next(self.model.parameters()).detach().clone())
            return super().training_step(*asked, **kwargs)

    args = arguments(
        SRLConfig,
        tmp_path,
        dynamic_sampling=True,
        log_rollouts=True,
        prefix_tree=tree,
        num_iterations=iterations,
        beta=0.1,
        weight_decay=0.1,
        learning_rate=0.01,
        max_steps=4 * iterations,
        max_sampling_rounds=1,
    )
    _, logs = train(
        Counting, str(tiny_folder), tiny_tokenizer, args, rewards=nothing_varies_before_the_third_generation
    )
    steps = len(logs)
    assert steps == 4 * iterations
    empty = [log["sampling/empty_generations"] for log in logs if "sampling/empty_generations" in log]
    assert empty == [1.0, 1.0, 0.0, 0.0]
    assert [log["calls"] for log in logs if "calls" in log] == [1.0, 2.0, 3.0, 4.0]
    assert min(forwards) == 2 * iterations
    per_step = len(weights) // steps
    by_step = weights[::per_step]
    for step in range(2 * iterations):
        assert torch.equal(by_step[step], by_step[step + 1])
    assert not torch.equal(by_step[2 * iterations], by_step[2 * iterations + 1])
    assert all(log["reward"] == 0 for log in logs[: 2 * iterations] if "reward" in log)
    prompts = [r["number"] for r in rollouts_of(tmp_path)]
    assert len(set(prompts[: len(ROWS)])) == len(ROWS)


@pytest.mark.parametrize("tree", [True, False])
def test_dropped_groups_cost_no_log_prob_passes(tiny_folder, tiny_tokenizer, tmp_path, tree):
    """Old log-probs (two iterations) and reference log-probs (KL) of the 4 kept groups of each generation, no more."""
    passes = Counter()

    class Counting(SRLTrainer):
        def _get_per_token_logps_and_entropies(self, model, input_ids, *more, **kwargs):
            if not torch.is_grad_enabled():
                passes["reference" if model is self.ref_model else "old"] += len(input_ids)
            return super()._get_per_token_logps_and_entropies(model, input_ids, *more, **kwargs)

    args = arguments(
        SRLConfig,
        tmp_path,
        dynamic_sampling=True,
        prefix_tree=tree,
        beta=0.1,
        num_iterations=2,
        max_steps=4,
        max_sampling_rounds=20,
    )
    _, logs = train(Counting, str(tiny_folder), tiny_tokenizer, args, rewards=only_even_prompts_vary)
    assert len(logs) == 4
    assert sum(log["sampling/rounds"] for log in logs if "sampling/rounds" in log) > 2
    assert passes == {"old": 2 * 4 * 4, "reference": 2 * 4 * 4}


def test_metrics_count_every_prompt_that_was_sampled(tiny_model, tiny_tokenizer, tmp_path):
    _, logs, _ = trained(
        tiny_model, tiny_tokenizer, tmp_path, only_even_prompts_vary, max_steps=2, max_sampling_rounds=20
    )
    rollouts = rollouts_of(tmp_path)
    for step, log in enumerate(logs):
        groups = [r for r in rollouts if r["global_step"] == step]
        dropped = [r for r in groups if r["dropped"] == "all_wrong"]
        assert len(groups) - len(dropped) == 4 == log["sampling/kept_groups"]
        assert log["sampling/dropped/all_wrong"] == pytest.approx(len(dropped) / len(groups))
        assert log["sampling/kept_share"] == pytest.approx(4 / len(groups))
        assert log["sampling/extra_rollouts_per_kept_group"] == pytest.approx(len(dropped) * 4 / 4)
        rewards = [reward for r in groups for reward in r["rewards"]]
        assert log["reward"] == pytest.approx(sum(rewards) / len(rewards))
        assert log["frac_reward_zero_std"] == pytest.approx(len(dropped) / len(groups))
        phases = [log[f"seconds/{phase}"] for phase in ("rollout", "reward", "update")]
        assert all(seconds > 0 for seconds in phases)
        assert sum(phases) == pytest.approx(log["step_time"], rel=0.2, abs=0.02)


def two_in_three_vary(completions, number, **kwargs):
    return [float(n % 3 > 0 and i % 4 == 0) for i, n in enumerate(number)]


SURPLUS = {"refill": "full", "max_steps": 4, "max_sampling_rounds": 20, "gradient_accumulation_steps": 4}


def test_surplus_groups_are_trained_on_in_the_next_step(tiny_model, tiny_tokenizer, tmp_path):
    """A full refill brings more than is missing; what is left over stands in for prompts of the next generation."""
    _, logs, seen = trained(tiny_model, tiny_tokenizer, tmp_path, two_in_three_vary, **SURPLUS)
    groups = Counter(r["global_step"] for r in rollouts_of(tmp_path) if r["kept"])
    waited = 0
    for step, log in enumerate(logs):
        assert log["sampling/waited_groups"] == waited
        waited = waited + groups[step] - 8
        assert log["sampling/surplus_groups"] == waited
        assert log["sampling/kept_groups"] == 8
        assert log["sampling/thrown_away_groups"] == log["sampling/expired_groups"] == 0
    assert any(log["sampling/waited_groups"] for log in logs)
    rows = [len(batch["advantages"]) for batch in seen if batch is not None]
    assert sum(rows) == 4 * 8 * 4

    _, wasteful, _ = trained(
        tiny_model, tiny_tokenizer, tmp_path / "off", two_in_three_vary, **SURPLUS, max_staleness=0
    )
    assert sum(log["sampling/thrown_away_groups"] for log in wasteful) > 0
    assert all(log["sampling/waited_groups"] == 0 for log in wasteful)
    assert len(rollouts_of(tmp_path / "off")) > len(rollouts_of(tmp_path))


def test_old_log_probs_of_waiting_groups_are_those_of_the_policy_that_sampled(tiny_model, tiny_tokenizer, tmp_path):
    """Against a forward of a copy of the weights of that step; groups of this step are on-policy."""
    copies = []

    args = arguments(SRLConfig, tmp_path, dynamic_sampling=True, prefix_tree=True, learning_rate=0.05, **SURPLUS)
    trainer = SRLTrainer(
        tiny_model, two_in_three_vary, args, train_dataset=Dataset.from_list(ROWS), processing_class=tiny_tokenizer
    )
    collect = trainer.parts.sampling.collect

    def copying(*asked):
        copies.append(copy.deepcopy(trainer.model.state_dict()))
        return collect(*asked)

    trainer.parts.sampling.collect = copying
    seen = spy(trainer)
    trainer.train()
    logs = [log for log in trainer.state.log_history if "loss" in log]
    stale = next(step for step, log in enumerate(logs) if log["sampling/waited_groups"])
    waited = int(logs[stale]["sampling/waited_groups"])
    naive = make_tiny_model(len(tiny_tokenizer)).eval()
    batches = [b for b in seen[4 * stale : 4 * stale + 4] if b is not None]
    found = [row for batch in batches for row in zip(*(batch[k] for k in KEYS), strict=True)]
    for number, (prompt, prompt_mask, completion, mask, old) in enumerate(found):
        naive.load_state_dict(copies[stale - 1 if number < waited * 4 else stale])
        ids = torch.cat([prompt[prompt_mask.bool()], completion[mask.bool()]])[None]
        with torch.no_grad():
            logps = naive(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        length = int(mask.sum())
        assert torch.allclose(old[:length], logps[-length:], atol=1e-5)


KEYS = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "old_per_token_logps")


def test_surplus_groups_grow_too_old(tiny_model, tiny_tokenizer, tmp_path):
    """Groups were put by two generations ago: with `max_staleness=1` they are thrown away and counted."""
    args = arguments(SRLConfig, tmp_path, dynamic_sampling=True, max_steps=1)
    trainer = SRLTrainer(
        tiny_model, only_even_prompts_vary, args, train_dataset=Dataset.from_list(ROWS), processing_class=tiny_tokenizer
    )
    donor, _, _ = trained(
        tiny_model, tiny_tokenizer, tmp_path / "donor", two_in_three_vary, **{**SURPLUS, "max_steps": 1}
    )
    surplus = donor.parts.sampling.surplus
    assert surplus
    trainer.parts.sampling.surplus, trainer.parts.sampling.generation = surplus, 2
    trainer.train()
    log = trainer.state.log_history[0]
    assert log["sampling/expired_groups"] == len(surplus)
    assert log["sampling/waited_groups"] == 0


def test_prompts_without_a_signal_rest_on_request(tiny_model, tiny_tokenizer, tmp_path):
    """Twelve passes over eight prompts: those whose completions are all wrong come up as often and are taken less."""
    rows, settings = ROWS[:8], {"max_steps": 24, "max_sampling_rounds": 1, "num_train_epochs": 12}
    visits = {}
    for name, rest_after in (("all alike", None), ("resting", 2)):
        _, logs, _ = trained(
            tiny_model,
            tiny_tokenizer,
            tmp_path / name,
            only_even_prompts_vary,
            rows,
            rest_after=rest_after,
            **settings,
        )
        visits[name] = Counter(r["number"] % 2 for r in rollouts_of(tmp_path / name))
        assert visits[name].total() == 96
    assert visits["all alike"] == {0: 48, 1: 48}
    assert visits["resting"][1] < 30
    assert logs[-1]["sampling/resting/silent"] == 4
    assert logs[-1]["sampling/passed_over/silent"] > 0


def test_tools_and_images_are_refused(tiny_model, tiny_tokenizer, tmp_path):
    rows = Dataset.from_list([{**row, "images": []} for row in ROWS])
    args = arguments(SRLConfig, tmp_path, dynamic_sampling=True)
    with pytest.raises(RecipeError, match="with tools, environments or images set dynamic_sampling=False"):
        SRLTrainer(tiny_model, only_even_prompts_vary, args, train_dataset=rows, processing_class=tiny_tokenizer)
