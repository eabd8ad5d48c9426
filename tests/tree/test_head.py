"""Scores from hidden states against log_softmax of all logits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from treadle.tree import head as head_module
from treadle.tree.head import score


def plain_scores(head, hidden, labels, temperature):
    table = torch.log_softmax(head(hidden) / temperature, -1)
    chosen = table[torch.arange(len(labels)), labels]
    return chosen, -(table.exp() * table).sum(-1), chosen == table.max(-1).values


def example(rows, bias=True, vocabulary=23, size=6):
    torch.manual_seed(rows)
    head = nn.Linear(size, vocabulary, bias=bias, dtype=torch.float64)
    return head, torch.randn(rows, size, dtype=torch.float64) * 2, torch.randint(vocabulary, (rows,))


def assert_same(head, hidden, labels, temperature, entropy):
    parameters = [p for p in head.parameters() if p.requires_grad]
    results = []
    for function in (score, plain_scores):
        own = hidden.clone().requires_grad_()
        options = (entropy,) if function is score else ()
        chosen, entropies, top = function(head, own, labels, temperature, *options)
        weights = torch.arange(1.0, len(labels) + 1, dtype=torch.float64)
        total = (chosen * weights).sum() + (0.7 * (entropies * weights.flip(0)).sum() if entropy else 0)
        gradients = torch.autograd.grad(total, [own, *parameters])
        results.append([chosen, entropies if entropy else chosen, top.double(), *gradients])
    for found, expected in zip(*results, strict=True):
        assert torch.allclose(found, expected, atol=1e-11)


@pytest.fixture(params=[1, 3, 256])
def rows_a_piece(request, monkeypatch):
    monkeypatch.setitem(head_module.LOGITS_HELD, "cpu", 0)
    monkeypatch.setattr(head_module, "ROWS_HELD", request.param)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("entropy", [True, False])
def test_linear_heads(rows_a_piece, bias, temperature, entropy):
    assert_same(*example(10, bias), temperature, entropy)


@pytest.mark.parametrize("entropy", [True, False])
def test_frozen_heads_get_no_gradient(entropy):
    head, hidden, labels = example(7)
    head.requires_grad_(False)
    assert_same(head, hidden, labels, 0.8, entropy)


def test_heads_with_lora_and_hooks_are_called_as_modules(rows_a_piece):
    head, hidden, labels = example(10, bias=False)
    model = nn.Sequential(head)
    inject_adapter_in_model(LoraConfig(r=2, target_modules=["0"], init_lora_weights=False), model)
    assert_same(model[0].double(), hidden, labels, 0.6, True)
    assert_same(model[0].double(), hidden, labels, 1.0, False)
    hooked, hidden, labels = example(10)
    hooked.register_forward_hook(lambda module, inputs, output: 2 * output)
    assert_same(hooked, hidden, labels, 1.0, True)


def test_the_entropy_alone_has_a_gradient():
    head, hidden, labels = example(5)
    found, expected = (
        torch.autograd.grad(function(head, hidden, labels, 0.9, *options)[1].sum(), head.weight)[0]
        for function, options in ((score, (True,)), (plain_scores, ()))
    )
    assert torch.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("lora", [False, True])
def test_no_rows_give_a_connected_nothing(lora):
    head, hidden, labels = example(0)
    if lora:
        head.register_forward_hook(lambda module, inputs, output: output)
    hidden.requires_grad_()
    chosen, entropies, top = score(head, hidden, labels, 1.0, True)
    assert chosen.shape == entropies.shape == top.shape == (0,)
    (chosen.sum() + entropies.sum()).backward()
    assert hidden.grad.shape == hidden.shape
    assert head.weight.grad.abs().sum() == 0


@given(st.integers(1, 12), st.floats(0.2, 3.0), st.booleans())
def test_any_number_of_rows_and_temperature(rows, temperature, entropy):
    assert_same(*example(rows), temperature, entropy)


def test_half_precision_is_scored_in_float32():
    head, hidden, labels = example(12)
    exact = plain_scores(head, hidden, labels, 1.0)
    found = score(head.bfloat16(), hidden.bfloat16(), labels, 1.0, True)
    for a, b in zip(found[:2], exact[:2], strict=True):
        assert a.dtype == torch.float32
        assert (a - b).abs().max() < 0.1
    found[0].sum().backward()
    assert head.weight.grad.dtype == torch.bfloat16
