"""The likelihood of prefixes, against log-probs computed row by row by torch."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_tiny_model
from tests.training.simulated import alone, in_processes
from treadle import tree
from treadle.training.groups import padded
from treadle.training.guards.memory import halves
from treadle.training.logps import TreeLogps
from treadle.training.micro_batches import add_empty_rows, select_rows, trim
from treadle.training.prefixes.loss import PrefixLoss

WEIGHT = 0.3
# Prompts, how many of their last tokens are the expert's, completions: two siblings, another, and two without prefix.
ROWS = [
    ([5, 6, 7, 8, 9, 10], 3, [11, 12]),
    ([5, 6, 7, 8, 9, 10], 3, [13]),
    ([5, 6, 20], 2, [21, 22, 23]),
    ([5, 9], 0, [8]),
    ([5, 6, 7, 8], 0, [9, 9, 9, 9]),
]


@pytest.fixture(scope="module")
def model():
    return make_tiny_model(40).double().eval()


def batch_of(rows):
    prompts, counts, completions = zip(*rows, strict=True)
    tokens_B = torch.tensor(counts)
    return {
        "prompt_ids": padded(prompts, 0, True, torch.long),
        "prompt_mask": padded([[1] * len(ids) for ids in prompts], 0, True, torch.long),
        "completion_ids": padded(completions, 0, False, torch.long),
        "completion_mask": padded([[1] * len(ids) for ids in completions], 0, False, torch.long),
        "prefix_tokens": tokens_B,
        "prefix_tokens_in_batch": tokens_B.sum(),
    }


def by_rows(model):
    """Log-probs as stock TRL computes them: the padded batch through the model."""

    def logps(ids_BL, mask_BL, kept):
        position_BL = (mask_BL.cumsum(1) - 1).clamp(min=0)
        logits = model(ids_BL, attention_mask=mask_BL, position_ids=position_BL).logits[:, -kept - 1 : -1]
        return logits.log_softmax(-1).gather(2, ids_BL[:, -kept:, None])[..., 0] * mask_BL[:, -kept:], None, None

    return logps


def by_tree(model):
    own = make_tiny_model(40).double().eval()
    own.load_state_dict(model.state_dict())
    tree.use_tree_attention(own)
    scores = TreeLogps(1.0, None, alone(), nullcontext, {"prefix_tree/tokens": [], "prefix_tree/saved": []})
    return own, lambda *asked: (*scores(own, *asked), None)


def part_of(processes=None, metrics=None):
    metrics = {"prefix/nll": []} if metrics is None else metrics
    return PrefixLoss(WEIGHT, None, processes or alone(), metrics)


def total(part, logps, batch, share=1.0):
    """A loss that is the mean of all log-probs of completions, weighted by their place, with the term."""

    def compute():
        ids_BL = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
        mask_BL = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
        found = part.around_logps(logps, ids_BL, mask_BL, batch["completion_ids"].shape[1])[0]
        return (found * batch["completion_mask"] * torch.arange(1, found.shape[1] + 1)).sum()

    return part.around_loss(compute, batch, share)


def by_hand(model, rows, weight=WEIGHT, of=None):
    """The same without padding: one forward a row. `of`: prefix tokens of the generation, by default of these rows."""
    own, prefix = torch.zeros((), dtype=torch.double), torch.zeros((), dtype=torch.double)
    for prompt, count, completion in rows:
        ids_T = torch.tensor(prompt + completion)
        logps_T = model(ids_T[None]).logits[0, :-1].log_softmax(-1).gather(1, ids_T[1:, None])[:, 0]
        border = len(prompt) - 1
        own = own + (logps_T[border:] * torch.arange(1, len(completion) + 1)).sum()
        prefix = prefix + logps_T[border - count : border].sum()
    return own - weight * prefix / (of or max(1, sum(count for _, count, _ in rows)))


def gradient(network, loss):
    network.zero_grad()
    loss.backward()
    return torch.cat([p.grad.reshape(-1).clone() for p in network.parameters()])


def test_the_term_is_the_mean_over_the_tokens_of_prefixes(model):
    expected = by_hand(model, ROWS)
    assert abs(expected - by_hand(model, ROWS, weight=0)) > 0.1
    wanted = gradient(model, expected)
    tree_model, tree_logps = by_tree(model)
    for network, logps in ((model, by_rows(model)), (tree_model, tree_logps)):
        metrics = {"prefix/nll": []}
        loss = total(part_of(metrics=metrics), logps, batch_of(ROWS))
        assert torch.allclose(loss, expected, rtol=1e-9)
        assert torch.allclose(gradient(network, loss), wanted, rtol=1e-6, atol=1e-9)
        nll = (by_hand(model, ROWS, 1) - by_hand(model, ROWS, 0)).item()
        assert metrics["prefix/nll"] == [pytest.approx(nll)]


rows = st.lists(
    st.lists(st.integers(1, 39), min_size=1, max_size=6).flatmap(
        lambda prompt: st.tuples(
            st.just(prompt), st.integers(0, len(prompt) - 1), st.lists(st.integers(1, 39), min_size=1, max_size=4)
        )
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=15)
@given(rows, st.integers(1, 5))
def test_parts_of_a_batch_add_up(model, some, border):
    """Micro-batches, the halves that a shortage of memory makes of them, and rows that fill them up."""
    batch, of = batch_of(some), sum(count for _, count, _ in some)
    border = min(border, len(some) - 1)
    parts = [trim(select_rows(batch, torch.arange(len(some)) < border))]
    parts += halves(select_rows(batch, torch.arange(len(some)) >= border))
    found = sum(total(part_of(), by_rows(model), add_empty_rows(part, 1)) for part in parts)
    assert torch.allclose(found, by_hand(model, some, of=of or 1), rtol=1e-8, atol=1e-8)


def test_of_several_updates_each_has_its_share(model):
    """The denominator is the generation's, and the loss one optimizer step's."""
    found = total(part_of(), by_rows(model), batch_of(ROWS), share=0.5)
    assert torch.allclose(found, by_hand(model, ROWS, weight=2 * WEIGHT), rtol=1e-9)


def test_processes_share_the_denominator(model):
    """Gradients are averaged over processes."""
    shares = [ROWS[:1], ROWS[1:]]

    def work(processes):
        batch = batch_of(shares[processes.index])
        batch["prefix_tokens_in_batch"] = processes.gather(batch["prefix_tokens"].sum()).sum()
        metrics = {"prefix/nll": []}
        loss = total(part_of(processes, metrics), by_rows(model), batch)
        return loss.detach(), metrics["prefix/nll"]

    losses, told = zip(*in_processes(2, work), strict=True)
    of = sum(count for _, count, _ in ROWS)
    plain = [by_hand(model, share, weight=0) for share in shares]
    terms = [by_hand(model, share, 1.0, of) - own for share, own in zip(shares, plain, strict=True)]
    for loss, own, term in zip(losses, plain, terms, strict=True):
        assert torch.allclose(loss, own + 2 * WEIGHT * term, rtol=1e-9)
    assert told[0] == told[1] == [pytest.approx(sum(terms).item())]


def test_nothing_is_changed_where_no_likelihood_is_asked_for():
    part = PrefixLoss(0.0, None, alone(), {})
    assert part.tokens([]) is None
    loss = torch.ones(())
    assert part.around_loss(lambda: loss, {}, 1.0) is loss
    scores, ids_BL = (torch.ones(1, 1), None, None), torch.ones(1, 2)
    assert part.around_logps(lambda *asked: scores, ids_BL, ids_BL, 1) is scores
