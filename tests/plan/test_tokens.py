"""Counts of tokens against trees that are really built, and against rows tokenised by hand."""

import random

import pytest
import torch

from treadle.data.prepared import Prepared
from treadle.plan.hardware import Hardware
from treadle.plan.tokens import load_of, measure, prompts_of
from treadle.recipe.reading import parse_recipe
from treadle.recipe.schema import RLVRStage, SFTStage, SRLStage
from treadle.tree import build_tree, cut_by_tokens

ROLLOUTS, COMPLETION = 4, 30


def trajectories():
    """Two of five growing prompts, token by token."""
    draw = random.Random(3)
    for t in range(2):
        trunk = [t + 5, *(draw.randrange(10, 500) for _ in range(300))]
        yield from (trunk[: 60 + 40 * k] for k in range(5))


def padded(prompts):
    draw, width = random.Random(4), max(map(len, prompts))
    rows, masks = [], []
    for prompt in prompts:
        for _ in range(ROLLOUTS):
            rows.append([0] * (width - len(prompt)) + prompt + [draw.randrange(500, 10**6) for _ in range(COMPLETION)])
            masks.append([0] * (width - len(prompt)) + [1] * (len(prompt) + COMPLETION))
    return torch.tensor(rows), torch.tensor(masks)


def test_the_sums_of_one_prompt_after_another():
    found = measure([[1, 2, 3], [1, 2, 3, 4, 5], [9, 9]], "by hand")
    assert (found.longest, found.mean) == (5, 10 / 3)
    assert found.distinct == (3 + 2 + 2) / 3
    assert found.pairs == (6 + 15 + 3) / 3
    assert found.distinct_pairs == (6 + (15 - 6) + 3) / 3


@pytest.mark.parametrize("micro_batch", [40, 8])
def test_tokens_of_a_step_against_real_trees(micro_batch):
    prompts = list(trajectories())
    ids_BL, mask_BL = padded(prompts)
    stage = SRLStage(
        kind="srl",
        prompts_per_step=len(prompts),
        rollouts=ROLLOUTS,
        max_completion_length=COMPLETION,
        micro_batch=micro_batch,
    )
    load = load_of(stage, measure(prompts, ""), 1, tree=True)
    budget = micro_batch * ids_BL.shape[1]
    cut = cut_by_tokens(ids_BL, mask_BL, COMPLETION, budget, len(ids_BL))
    sizes = [
        build_tree(ids_BL[p.start : p.stop], mask_BL[p.start : p.stop], COMPLETION, min_share=1).size for p in cut.parts
    ]
    assert load.padded == ids_BL.numel()
    assert load.forwarded == pytest.approx(sum(sizes), rel=0.15)
    assert load.micro_batch == pytest.approx(max(sizes), rel=0.15)
    assert load.scored == len(ids_BL) * COMPLETION


def test_rows_without_a_tree_and_on_several_devices():
    prompts = measure([[1] * 70, [1] * 100], "")
    stage = RLVRStage(kind="rlvr", prompts_per_step=8, rollouts=4, max_completion_length=50, micro_batch=2)
    load = load_of(stage, prompts, 2, tree=False)
    assert (load.rows, load.padded, load.forwarded) == (16, 16 * 150, 16 * 150)
    assert (load.micro_batch, load.micro_scored) == (2 * 150, 2 * 50)


def test_the_budget_of_a_micro_batch():
    prompts = measure([[1] * 100], "")
    settings = {"kind": "rlvr", "prompts_per_step": 64, "rollouts": 4, "max_completion_length": 50}
    # 64 prompts of 100 tokens and 256 completions of 50 are 19,200 tokens in a tree.
    limited = RLVRStage(**settings, micro_batch=2, trl={"max_tree_tokens": 1000})
    assert load_of(limited, prompts, 1, tree=True).micro_batch == 1000
    few_parts = RLVRStage(**settings, micro_batch=128, trl={"max_tree_tokens": 1000})
    # 256 rows are two micro-batches of 128, whatever the budget says.
    assert load_of(few_parts, measure([[1] * 100, [2] * 100], ""), 1, tree=True).micro_batch == 19_200 // 2


def test_sft_counts_padded_rows():
    stage = SFTStage(kind="sft", batch_size=16, micro_batch=4)
    prompts = measure([[1] * 100, [2] * 60], "")
    load = load_of(stage, prompts, 2, tree=False)
    assert (load.rows, load.padded, load.micro_batch) == (8, 800, 400)


def test_prompts_count_with_the_longest_prefix(prepared_world, tiny_folder):
    """The miniature's tokens are characters: the difference is what the steps before the last have, and line ends."""
    stage = {"kind": "rlvr", "prompts_per_step": 2, "rollouts": 4, "micro_batch": 8}
    content = {"model": str(tiny_folder), "data": str(prepared_world), "output": "runs/none", "stages": [stage]}
    plain, prefixed = (
        prompts_of((recipe := parse_recipe({**content, "stages": [{**stage, **more}]})).stages[0], recipe, Hardware())
        for more in ({}, {"prefix": "reverse"})
    )
    trajectories = list(Prepared(prepared_world).trajectories())
    given = [sum(len(step.action) + 1 for step in trajectory.steps[:-1]) for trajectory in trajectories]
    assert prefixed.mean - plain.mean == pytest.approx(sum(given) / len(given))
    assert prefixed.rests_on == f"{plain.rests_on}, with the longest prefixes"
