"""Fine-tuning through the prefix tree against TRL's own forward."""

from __future__ import annotations

import copy

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from trl.trainer.utils import add_fused_lm_head

from tests.rollout.models import VOCAB, tiny_model
from treadle.training.sft_tree import parted, use_tree_for_labels

TOKENS = st.integers(3, VOCAB - 1)
# A shared beginning, an own rest, and for each token whether it has a label.
ROWS = st.lists(
    st.tuples(st.integers(0, 30), st.lists(st.tuples(TOKENS, st.booleans()), min_size=1, max_size=12)),
    min_size=1,
    max_size=5,
)
SHARED = [3 + i * 7 % (VOCAB - 3) for i in range(30)]


def batch(rows, left):
    """Padded ids, mask and labels; some labels are left out in between, as of a turn of the user."""
    width = max(n + len(own) for n, own in rows)
    ids, mask = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(2))
    labels = torch.full((len(rows), width), -100)
    for row, (n, own) in enumerate(rows):
        where = slice(width - n - len(own), width) if left else slice(0, n + len(own))
        ids[row, where] = torch.tensor(SHARED[:n] + [t for t, _ in own])
        mask[row, where] = 1
        labels[row, where] = torch.tensor([-100] * n + [t if counts else -100 for t, counts in own])
        labels[row, where.start] = -100  # TRL predicts it from padding where rows are padded on the left
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


@pytest.fixture(scope="module")
def models():
    stock = tiny_model(dtype=torch.float64)
    add_fused_lm_head(stock, outputs=("log_probs", "entropy", "is_top1"))
    ours = copy.deepcopy(stock)
    use_tree_for_labels(ours)
    return stock, ours


def outcome(model, inputs, n):
    model.zero_grad()
    out = model(**inputs, fused_lm_head=True, num_items_in_batch=n)
    out.loss.backward()
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()]
    sums = [out.log_probs.sum(), out.entropy.sum(), out.is_top1.sum(), out.label_mask.sum()]
    return out.loss.detach(), torch.stack([x.detach().double() for x in sums]), grads


@given(ROWS, st.booleans(), st.sampled_from([None, 7]))
@settings(max_examples=25, deadline=None)
def test_loss_metrics_and_gradients_are_those_of_trl(models, rows, left, n):
    inputs = batch(rows, left)
    (loss, sums, grads), (our_loss, our_sums, our_grads) = (outcome(model, inputs, n) for model in models)
    # TRL sums the logits' statistics in float32, whatever the model's dtype.
    torch.testing.assert_close(our_loss.double(), loss.double(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(our_sums, sums, rtol=1e-5, atol=1e-4)
    for ours, theirs in zip(our_grads, grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_other_forwards_are_what_they_were(models):
    stock, ours = models
    inputs = batch([(20, [(5, True)]), (3, [(6, True), (7, False)])], left=False)
    assert torch.equal(ours(**inputs).loss, stock(**inputs).loss)
    positions = torch.arange(inputs["input_ids"].shape[1])[None].expand_as(inputs["input_ids"])
    with_positions = {**inputs, "position_ids": positions, "fused_lm_head": True}
    assert ours(**with_positions).log_probs.shape == stock(**with_positions).log_probs.shape


def test_a_row_is_parted_at_its_first_label():
    ids = torch.tensor([[5, 6, 7, 8, 0], [9, 3, 4, 0, 0], [5, 6, 0, 0, 0]])
    mask = (ids > 0).long()
    labels = torch.tensor([[-100, -100, 7, -100, -100], [9, 3, 4, -100, -100], [-100] * 5])
    ids_BM, mask_BM, scored_BC = parted(ids, mask, labels)
    assert ids_BM.tolist() == [[5, 6, 7, 8], [0, 9, 3, 4], [5, 6, 0, 0]]
    assert mask_BM.tolist() == [[1, 1, 1, 1], [0, 1, 1, 1], [1, 1, 0, 0]]
    assert scored_BC.tolist() == [[True, False], [True, True], [False, False]]
