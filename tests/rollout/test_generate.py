"""`generate_completions` against `generate` on left-padded prompts and against exact probabilities."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from peft import LoraConfig, get_peft_model

from tests.models import FAMILIES
from tests.rollout.models import VOCAB, config_of, stock_completions, tiny_model, trajectory_prompts
from treadle.errors import ModelError
from treadle.rollout import generate_completions, sampling
from treadle.rollout.generate import row_numbers

CASES = {
    "trajectory": trajectory_prompts(0, 5, 9),
    "two trajectories, repeated": [p for s in (1, 2) for p in trajectory_prompts(s, 3, 7) for _ in range(3)],
    "one prompt": [[5, 6, 7]],
    "one token": [[9]],
    "duplicates out of order": [[5, 6, 7], [8, 9], [5, 6, 7], [5, 6], [8, 9]],
    "prefixes of each other": [[3] * n for n in (1, 4, 2, 9, 40)],
    "very different lengths": [[4, 5], [4] + list(range(2, 48)) * 3, [40]],
    "longer than the room made at a time": [[7, 8, 9], [7, 8]],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", CASES)
def test_greedy_equals_generate(case, family, dtype):
    model = tiny_model(family, dtype)
    n = 150 if case.startswith("longer") else 24
    # No end token, one that comes now and then, and many that end most rows early.
    for ends in ([VOCAB + 1], [1], list(range(2, 16))):
        config = config_of(n, do_sample=False, eos_token_id=ends)
        assert generate_completions(model, CASES[case], config) == stock_completions(model, CASES[case], config)


def test_rows_end_at_different_times():
    """The case above is not empty: rows end early, late and never, and leave the batch in between."""
    prompts = [p for s in range(6) for p in trajectory_prompts(s, 4, 6)]
    config = config_of(40, do_sample=False, eos_token_id=list(range(2, 6)))
    completions = generate_completions(tiny_model(), prompts, config)
    lengths = Counter(map(len, completions))
    assert len(lengths) > 6
    assert lengths[40] > 0
    assert min(lengths) < 8
    assert completions == stock_completions(tiny_model(), prompts, config)


@given(
    st.lists(st.lists(st.integers(2, 4), min_size=1, max_size=14), min_size=1, max_size=9),
    st.integers(1, 12),
    st.integers(1, 20),
    st.sampled_from([None, 1, 30, 90]),
)
@settings(max_examples=40, deadline=None)
def test_greedy_equals_generate_on_random_tries(prompts, n_ends, n, max_kv_tokens):
    model = tiny_model(dtype=torch.float64)
    config = config_of(n, do_sample=False, eos_token_id=list(range(2, 2 + n_ends)))
    assert generate_completions(model, prompts, config, max_kv_tokens) == stock_completions(model, prompts, config)


@pytest.mark.parametrize(
    "change",
    [
        {"repetition_penalty": 1.7},
        {"min_new_tokens": 9},
        {"no_repeat_ngram_size": 2},
        {"suppress_tokens": list(range(10, 30))},
        {"begin_suppress_tokens": list(range(10, 30))},
        {"bad_words_ids": [[11], [12, 13]]},
        {"encoder_repetition_penalty": 1.5},
        {"encoder_no_repeat_ngram_size": 2},
        {"exponential_decay_length_penalty": (3, 1.5)},
        {"forced_eos_token_id": 3},
        {"sequence_bias": [[[20], 2.0], [[21, 22], -3.0]]},
        {"eos_token_id": 3},
        {"cache_implementation": "dynamic"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_settings_are_followed_as_generate_follows_them(change):
    # Same lengths, so that padding takes no part in what `generate` counts.
    prompts = [p for s in range(4) for p in trajectory_prompts(s, 3, 8)]
    model = tiny_model("llama")
    config = config_of(20, **({"do_sample": False, "eos_token_id": [2, 3, 4]} | change))
    completions = generate_completions(model, prompts, config)
    assert completions == stock_completions(model, prompts, config)
    plain = config_of(20, do_sample=False, eos_token_id=[2, 3, 4])
    if "cache_implementation" not in change:
        assert completions != stock_completions(model, prompts, plain), "the setting made no difference"


def test_the_models_own_defaults_fill_what_the_settings_leave_open():
    model = tiny_model()
    model.generation_config.repetition_penalty = 1.8
    config = config_of(20, do_sample=False)
    config.repetition_penalty = None
    prompts = trajectory_prompts(3, 3, 8)
    assert generate_completions(model, prompts, config) == stock_completions(model, prompts, config)


def test_a_seed_gives_the_same_rows_however_they_are_batched():
    model = tiny_model(dtype=torch.float64)
    prompts = [p for s in (1, 2) for p in trajectory_prompts(s, 4, 7) for _ in range(3)]
    config = config_of(30, eos_token_id=[1, 2, 3])
    runs = [
        generate_completions(model, prompts, config, budget, torch.Generator().manual_seed(5))
        for budget in (None, 1, 100, 400)
    ]
    assert runs[0] == runs[1] == runs[2] == runs[3]
    assert len(set(map(tuple, runs[0]))) > len(prompts) // 2
    other = generate_completions(model, prompts, config, None, torch.Generator().manual_seed(6))
    assert other != runs[0]
    torch.manual_seed(9)
    by_global = generate_completions(model, prompts, config)
    torch.manual_seed(9)
    assert by_global == generate_completions(model, prompts, config)


def test_the_distributions_of_rows_are_computed_some_at_a_time(monkeypatch):
    model = tiny_model(dtype=torch.float64)
    prompts = [p for p in trajectory_prompts(1, 3, 7) for _ in range(3)]

    def drawn():
        return generate_completions(model, prompts, config_of(20), generator=torch.Generator().manual_seed(5))

    at_once = drawn()
    monkeypatch.setitem(sampling.HELD, "cpu", 2 * VOCAB)  # two rows at a time, the ninth alone
    assert drawn() == at_once


def test_a_row_with_a_seed_of_its_own_does_not_depend_on_the_others():
    model = tiny_model(dtype=torch.float64)
    prompts = [p for s in (1, 2) for p in trajectory_prompts(s, 4, 7) for _ in range(3)]
    seeds = [10**9 * i for i in range(len(prompts))]
    config = config_of(30, eos_token_id=[1, 2, 3])
    together = generate_completions(model, prompts, config, seeds=seeds)
    state = torch.get_rng_state()
    alone = [generate_completions(model, [p], config, seeds=[s])[0] for p, s in zip(prompts, seeds, strict=True)]
    assert alone == together
    assert torch.equal(torch.get_rng_state(), state)
    assert generate_completions(model, prompts[::-1], config, 100, seeds=seeds[::-1]) == together[::-1]
    three = config_of(30, eos_token_id=[1, 2, 3], num_return_sequences=3)
    siblings = generate_completions(model, prompts[::3], three, seeds=seeds)
    assert siblings == together
    assert len(set(map(tuple, together))) > len(prompts) // 2
    with pytest.raises(ModelError, match="2 seeds for 24 completions"):
        generate_completions(model, prompts, config, seeds=[1, 2])


@given(st.lists(st.integers(0, 2**70), min_size=1, max_size=5), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_numbers_of_a_row_follow_its_seed(seeds, length, more):
    numbers = row_numbers(seeds, length)
    assert numbers.shape == (len(seeds), length)
    assert bool(((numbers >= 0) & (numbers < 1)).all())
    assert torch.equal(row_numbers(seeds[::-1], length + more)[:, :length].flip(0), numbers)
    assert len({tuple(row) for row in numbers.tolist()}) == len(set(seeds))


def test_numbers_of_neighbouring_seeds_are_uniform_and_uncorrelated():
    numbers = row_numbers(range(400), 100)
    assert abs(float(numbers.mean()) - 0.5) < 5 * (1 / 12 / numbers.numel()) ** 0.5
    # Correlations of 100 numbers scatter by 0.1; their mean over 399 pairs by 0.005.
    pairs = torch.stack([torch.corrcoef(numbers[i : i + 2])[0, 1] for i in range(399)])
    assert abs(float(pairs.mean())) < 0.025
    with pytest.raises(ModelError, match="seed -1: expected 0 or more"):
        row_numbers([3, -1], 4)


@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_rows_end_with_the_first_end_token_or_at_the_limit(seed, n, n_ends):
    ends = set(range(2, 2 + n_ends))
    prompts = [p for s in (seed, seed + 1) for p in trajectory_prompts(s, 2, 3) for _ in range(2)]
    config = config_of(n, eos_token_id=sorted(ends))
    generator = torch.Generator().manual_seed(seed)
    completions = generate_completions(tiny_model(), prompts, config, generator=generator)
    assert len(completions) == len(prompts)
    for row in completions:
        assert 1 <= len(row) <= n
        assert not ends & set(row[:-1])
        assert row[-1] in ends or len(row) == n


def test_several_sequences_of_a_prompt_stand_side_by_side():
    prompts = [[5, 6, 7], [8, 9]]
    model = tiny_model()
    rows = generate_completions(model, prompts, config_of(6, num_return_sequences=3))
    assert len(rows) == 6
    greedy = config_of(6, do_sample=False)
    assert generate_completions(model, [p for p in prompts for _ in range(3)], greedy) == [
        row for row in stock_completions(model, prompts, greedy) for _ in range(3)
    ]


def test_lora_model_in_training_mode_comes_back_as_it_was():
    torch.manual_seed(0)
    lora = LoraConfig(r=4, lora_dropout=0.5, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = get_peft_model(tiny_model(), lora)
    prompts, config = trajectory_prompts(0, 4, 8), config_of(20, do_sample=False)
    expected = stock_completions(model.eval(), prompts, config)
    with model.disable_adapter():
        assert expected != stock_completions(model, prompts, config)
    model.train()
    model.get_base_model().model.norm.eval()
    before = [module.training for module in model.modules()]
    assert generate_completions(model, prompts, config) == expected
    assert [module.training for module in model.modules()] == before
    assert model.get_base_model().config._attn_implementation == "sdpa"


def test_bfloat16_and_autocast():
    prompts, config = trajectory_prompts(0, 4, 8), config_of(10, do_sample=False)
    low = tiny_model(dtype=torch.bfloat16)
    full = tiny_model()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = generate_completions(full, prompts, config)
    # The first token of each row rests on the prompt alone, and its logits lie further apart than the rounding.
    exact = generate_completions(full, prompts, config)
    for rows in (generate_completions(low, prompts, config), mixed):
        assert [row[0] for row in rows] == [row[0] for row in exact]
        assert all(len(row) <= 10 for row in rows)


def test_what_cannot_be_done_is_said():
    model = tiny_model()
    assert generate_completions(model, [], config_of(3)) == []
    with pytest.raises(ModelError, match="Prompt 1 of 2 has no tokens"):
        generate_completions(model, [[3], []], config_of(3))
    with pytest.raises(ModelError, match="num_beams=2 is not followed"):
        generate_completions(model, [[3]], config_of(3, num_beams=2))
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="probabilities are not numbers"):
        generate_completions(model, [[3]], config_of(3))
    assert model.config._attn_implementation == "sdpa"
