"""`TreeLogps` against one forward for each row, in one process and in several simulated ones."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch

from tests.training.simulated import alone, in_processes
from tests.tree.naive import gradient, in_float64, naive_logps, padded, step_rows, tiny_model
from treadle.training.logps import TreeLogps, token_budget, why_no_tree
from treadle.tree import build_tree, use_tree_attention


@pytest.fixture
def models():
    """The same weights with plain attention and with the tree's."""
    plain, tree = (in_float64(tiny_model()) for _ in range(2))
    use_tree_attention(tree)
    return plain, tree


def made(metrics=None, most=None, temperature=1.0, processes=None, autocast=nullcontext):
    metrics = defaultdict(list) if metrics is None else metrics
    return TreeLogps(temperature, most, processes or alone(), autocast, metrics)


ROWS = step_rows()
SCORED = [bool(completion) for _, completion in ROWS]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize(("rows", "most"), [(None, None), (2, None), (2, 30)])
def test_log_probs_and_entropies_are_those_of_each_row_alone(models, rows, most, temperature):
    plain, tree = models
    ids, mask, kept = padded(ROWS)
    with torch.no_grad():
        logps, entropies = made(most=most, temperature=temperature)(tree, ids, mask, kept, rows, entropies=True)
        expected, expected_entropies = naive_logps(plain, ROWS, temperature)
    assert logps.shape == entropies.shape == (len(ROWS), kept)
    there = mask[:, -kept:].bool()
    assert torch.allclose(logps[there], expected[there], atol=1e-10)
    assert torch.allclose(entropies[there], expected_entropies[there], atol=1e-10)
    assert made()(tree, ids, mask, kept)[1] is None


def test_the_gradient_is_that_of_each_row_alone(models):
    plain, tree = models
    ids, mask, kept = padded(ROWS)
    weight_BC = torch.randn(len(ROWS), kept, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight_BC *= mask[:, -kept:]
    (made()(tree, ids, mask, kept)[0] * weight_BC).sum().backward()
    (naive_logps(plain, ROWS)[0] * weight_BC).sum().backward()
    expected = gradient(plain)
    assert expected.abs().max() > 1e-2
    assert torch.allclose(gradient(tree), expected, atol=1e-10)


def test_only_forwards_with_a_gradient_are_counted(models):
    _, tree = models
    ids, mask, kept = padded(ROWS)
    metrics = defaultdict(list)
    logps = made(metrics)
    with torch.no_grad():
        logps(tree, ids, mask, kept, 2)
    assert metrics == {}
    logps(tree, ids, mask, kept)
    size = build_tree(ids, mask, kept).size
    tokens = sum(len(prompt) + len(completion) for prompt, completion in ROWS)
    assert metrics == {"prefix_tree/tokens": [size], "prefix_tree/saved": [tokens / size]}


def counted(forwards):
    """An autocast that counts forwards."""

    @contextmanager
    def autocast():
        forwards.append(True)
        yield

    return autocast


def test_no_forward_holds_more_than_the_budget(models):
    _, tree = models
    ids, mask, kept = padded(ROWS)
    assert token_budget(None, ids.shape[1], 2) == 2 * ids.shape[1]
    assert token_budget(30, ids.shape[1], 2) == 30
    forwards = {}
    for most in (10**6, 80, 1):
        forwards[most] = []
        with torch.no_grad():
            made(most=most, autocast=counted(forwards[most]))(tree, ids, mask, kept, 2)
    # Where the budget is hopeless every row that is scored is a forward; empty ones cost nothing.
    assert len(forwards[10**6]) == 1 < len(forwards[80]) < len(forwards[1]) <= len(ROWS)
    assert len(forwards[1]) >= sum(SCORED)


def test_processes_forward_as_often_as_the_one_with_most(models):
    """The first has all rows, the second one of them, the third those without completion."""
    plain, tree = models
    ids, mask, kept = padded(ROWS)
    empty = ~torch.tensor(SCORED)
    batches = [(ids, mask, kept), padded(ROWS[:1]), (ids[empty], mask[empty], kept)]

    def work(processes):
        forwards = []
        logps = made(most=80, processes=processes, autocast=counted(forwards))
        with torch.no_grad():
            return logps(tree, *batches[processes.index], 2)[0], len(forwards)

    found = in_processes(3, work)
    assert len({forwards for _, forwards in found}) == 1
    assert found[0][1] > 1
    with torch.no_grad():
        expected, _ = naive_logps(plain, ROWS)
    for (logps, _), (_, of_rows, width) in zip(found[:2], batches, strict=False):
        there = of_rows[:, -width:].bool()
        assert torch.allclose(logps[there], expected[: len(logps), :width][there], atol=1e-10)
    assert found[2][0].shape == (empty.sum(), kept)


def settings(**changes):
    return SimpleNamespace(**{"cast_lm_head_to_fp32": False, "use_liger_kernel": False} | changes)


@pytest.mark.parametrize(
    ("changes", "aux", "reason"),
    [
        ({}, False, None),
        ({"cast_lm_head_to_fp32": True}, False, "cast_lm_head_to_fp32"),
        ({"use_liger_kernel": True}, False, "use_liger_kernel"),
        ({}, True, "router_aux_loss_coef=0"),
    ],
)
def test_what_keeps_the_tree_away_is_named(changes, aux, reason):
    found = why_no_tree(tiny_model(), settings(**changes), aux)
    assert found is None if reason is None else reason in found


def test_a_model_that_the_tree_does_not_serve_is_named():
    found = why_no_tree(tiny_model("mistral", sliding_window=8), settings(), False)
    assert "sliding" in found
