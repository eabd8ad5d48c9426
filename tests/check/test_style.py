"""How unlikely a text is: as the model's own logits say, computed here without the function."""

from __future__ import annotations

import math

import pytest
import torch

from tests.check.conftest import SRL
from treadle.check.style import TRACES, expert_traces, has_thoughts, surprise
from treadle.recipe.models import load_model


@pytest.fixture
def prepared(prepared_world):
    return prepared_world


def test_traces_are_steps_with_their_thoughts(subject, prepared):
    it = subject(SRL)
    experts = list(it.prepared.trajectories())
    assert all(map(has_thoughts, experts))
    traces = expert_traces(it)
    assert len(traces) == TRACES
    for (prompt, ids), expert in zip(traces, experts, strict=False):
        step = expert.steps[0]
        assert it.tokenizer.decode(ids) == f"<think>{step.thought}</think>{step.action}"
        assert it.tokenizer.decode(prompt).endswith("<|assistant|>")


def test_nats_a_token_are_those_of_the_logits(subject, prepared):
    it = subject(SRL)
    network = load_model(it.model, "float32").eval()
    texts = expert_traces(it)[:2]
    by_hand = []
    for prompt, ids in texts:
        tokens = [*prompt, *ids]
        with torch.no_grad():
            logps = network(torch.tensor([tokens])).logits[0].log_softmax(-1)
        by_hand.append(
            -sum(float(logps[place - 1, tokens[place]]) for place in range(len(prompt), len(tokens))) / len(ids)
        )
    assert surprise(network, texts) == pytest.approx(sum(by_hand) / 2, rel=1e-5)
    # A random model knows nothing of its 57 tokens.
    assert surprise(network, texts) == pytest.approx(math.log(57), rel=0.1)
    assert surprise(network, [([1, 2], [])]) is None
