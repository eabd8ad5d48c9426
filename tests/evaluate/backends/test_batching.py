"""Batches against a count of their distinct prefixes by a set."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from tests.evaluate.backends.models import llama
from treadle.evaluate.backends.batching import CACHE_BYTES_ON_CPU, batches, cache_budget

ROWS = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=8), st.sampled_from([3, 7])), min_size=0, max_size=14
)


def cost(prompts, limits, batch, shared, copied):
    if shared:
        prefixes = {tuple(prompts[i][:n]) for i in batch for n in range(1, len(prompts[i]) + 1)}
        return (1 + copied) * len(prefixes) + sum(limits[i] for i in batch)
    return len(batch) * (max(len(prompts[i]) for i in batch) + limits[batch[0]])


@given(ROWS, st.integers(1, 60), st.integers(1, 6), st.sampled_from([(True, 0.0), (True, 1.5), (False, 0.0)]))
def test_every_row_once_within_budget_and_equal_limits(rows, budget, most, how):
    prompts, limits = [p for p, _ in rows], [n for _, n in rows]
    found = list(batches(prompts, limits, budget, most, *how))
    assert sorted(i for batch in found for i in batch) == list(range(len(rows)))
    for batch in found:
        assert len(batch) <= most
        assert len({limits[i] for i in batch}) == 1
        assert len(batch) == 1 or cost(prompts, limits, batch, *how) <= budget


def test_a_budget_is_used_up():
    # Eight samples of a prompt of 10 tokens with 5 each: 50 tokens when it is held once, 65 when one and a half as many
    # are held beside it, 120 when it is padded.
    prompts, limits = [list(range(10))] * 8, [5] * 8
    assert [len(b) for b in batches(prompts, limits, 50, 64, shared=True)] == [8]
    assert [len(b) for b in batches(prompts, limits, 49, 64, shared=True)] == [7, 1]
    assert [len(b) for b in batches(prompts, limits, 65, 64, shared=True, copied=1.5)] == [8]
    assert [len(b) for b in batches(prompts, limits, 64, 64, shared=True, copied=1.5)] == [7, 1]
    assert [len(b) for b in batches(prompts, limits, 60, 64, shared=False)] == [4, 4]


def test_samples_of_a_prompt_stand_together():
    prompts = [[1, 2], [3], [1, 2], [3], [1, 5]]
    assert list(batches(prompts, [4] * 5, 10**6, 2, shared=True)) == [[0, 2], [4, 1], [3]]


def test_cache_budget_counts_keys_and_values_of_all_layers(tiny_tokenizer):
    # 2 layers x 2 heads x 8 numbers x 8 bytes, for keys and for values.
    assert cache_budget(llama(tiny_tokenizer)) == CACHE_BYTES_ON_CPU // 512
