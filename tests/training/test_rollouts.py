"""Completions through shared prefixes or as TRL generates them, with tiny models; and a server's prefix cache."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from trl import GRPOConfig

from tests.rollout.models import config_of, stock_completions, tiny_model, trajectory_prompts
from tests.rollout.test_vllm_cache import server  # noqa: F401, a fixture
from treadle.training.rollouts import PrefixCache, SharedRollout, whole_network, why_not_shared

GREEDY = config_of(6, do_sample=False)
PROMPTS = [prompt for prompt in trajectory_prompts(0, steps=3, step_length=7) for _ in range(2)]


@pytest.mark.parametrize("max_kv_tokens", [None, 1, 40])
def test_shared_completions_are_those_of_generate(max_kv_tokens):
    model, open_now = tiny_model(), []

    @contextmanager
    def network():
        open_now.append(True)
        with torch.no_grad():
            yield model
        open_now.pop()

    completions, logps = SharedRollout(GREEDY, network, max_kv_tokens)(PROMPTS)
    assert completions == stock_completions(model, PROMPTS, GREEDY)
    assert logps is None
    assert open_now == []


def test_less_may_be_cached_between_rollouts():
    rollout = SharedRollout(GREEDY, lambda: nullcontext(tiny_model()), None)
    with torch.no_grad():
        before = rollout(PROMPTS)
        rollout.max_kv_tokens = 1
        assert rollout(PROMPTS) == before


def spread(zero_stage=None, fsdp=None):
    """What an accelerator tells of how it spreads the model."""
    plugin = None if zero_stage is None else SimpleNamespace(zero_stage=zero_stage)
    return SimpleNamespace(state=SimpleNamespace(fsdp_plugin=fsdp, deepspeed_plugin=plugin))


@pytest.mark.parametrize(
    ("accelerator", "gathers", "reason"),
    [
        (spread(), False, None),
        (spread(fsdp=object()), True, "under FSDP"),
        (spread(zero_stage=3), False, "under ZeRO-3 without ds3_gather_for_generation"),
        (spread(zero_stage=3), True, None),
        (spread(zero_stage=2), False, None),
    ],
)
def test_prefixes_are_shared_where_processes_need_not_forward_alike(accelerator, gathers, reason):
    found = why_not_shared(tiny_model(), GREEDY, accelerator, gathers)
    assert found is None if reason is None else found.startswith(reason)


def test_what_the_rollout_cannot_do_is_named():
    found = why_not_shared(tiny_model(), config_of(6, num_beams=2), Accelerator(cpu=True), True)
    assert "num_beams" in found


def test_the_network_of_a_rollout_is_whole_and_without_gradient(tmp_path):
    args = GRPOConfig(str(tmp_path), use_cpu=True, bf16=False, gradient_checkpointing=False)
    model, accelerator, order = tiny_model(), Accelerator(cpu=True), []

    @contextmanager
    def summoned():
        order.append("whole")
        yield
        order.append("again in parts")

    with whole_network(model, accelerator, args, {}, summoned()) as network:
        assert network is model
        assert not torch.is_grad_enabled()
        assert order == ["whole"]
    assert order == ["whole", "again in parts"]
    assert torch.is_grad_enabled()


def told(queries, hits):
    return 200, f"vllm:prefix_cache_queries_total {queries}\nvllm:prefix_cache_hits_total {hits}\n"


def test_the_hit_rate_is_that_of_the_generation(server):  # noqa: F811
    url, answers = server
    answers["/metrics"] = told(100, 50)
    metrics = defaultdict(list)

    def generate():
        answers["/metrics"] = told(300, 200)
        return [[1]], None

    assert PrefixCache(url).around(generate, metrics) == ([[1]], None)
    assert metrics == {"vllm/prefix_cache_hit_rate": [0.75]}


def test_a_server_that_does_not_tell_is_asked_once_and_adds_nothing(server):  # noqa: F811
    url, answers = server
    metrics = defaultdict(list)

    def generate():
        answers["/metrics"] = told(300, 200)
        return [[1]], [[-0.5]]

    assert PrefixCache(url).around(generate, metrics) == ([[1]], [[-0.5]])
    assert PrefixCache(None).around(generate, metrics) == ([[1]], [[-0.5]])
    assert metrics == {}
