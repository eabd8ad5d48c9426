"""The prefix cache of a vLLM server whose room is short, on step prompts in the orders of `treadle.training`."""

from __future__ import annotations

import json
import urllib.request

import torch
from datasets import Dataset

from tests.vllm.conftest import BLOCK, BLOCKS, NAME
from treadle.rollout.vllm_cache import hit_rate, read_counts
from treadle.training.prompt_order import shuffled, trajectories_of

TRAJECTORIES, STEPS = 16, 6


def post(url, payload=None):
    body = json.dumps(payload).encode() if payload else b""
    urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=120).close()


def found(url, prompts):
    """Share of the prompts' tokens that an emptied cache held."""
    post(f"{url}/reset_prefix_cache")
    before = read_counts(url)
    post(f"{url}/v1/completions", {"model": NAME, "prompt": prompts, "max_tokens": 1})
    return hit_rate(before, read_counts(url))


def test_trunk_order_finds_all_that_steps_share_and_a_shuffle_less(served):
    """Prompt k of a trajectory is k blocks and a token, and begins with the blocks of the prompt before."""
    tokens = torch.randint(3, 15, (TRAJECTORIES, STEPS * BLOCK + 1), generator=torch.Generator().manual_seed(0))
    rows = Dataset.from_dict(
        {
            "trajectory": [t for t in range(TRAJECTORIES) for _ in range(STEPS)],
            "step": [s for _ in range(TRAJECTORIES) for s in range(STEPS)],
        }
    )
    prompts = [tokens[row["trajectory"], : (row["step"] + 1) * BLOCK + 1].tolist() for row in rows]
    assert TRAJECTORIES * STEPS > 2 * BLOCKS, "the cache holds a part of what differs"
    rates = []
    for trajectory_N in (trajectories_of(rows), None):
        order = shuffled(len(rows), trajectory_N, torch.Generator().manual_seed(1))
        rates.append(found(served.url, [prompts[number] for number in order]))
    all_tokens = sum(map(len, prompts))
    # Of prompts of 1 to STEPS blocks, in this order, all but the last block of each has been there before.
    assert rates[0] == sum(range(STEPS)) * BLOCK * TRAJECTORIES / all_tokens
    assert rates[1] < rates[0]
