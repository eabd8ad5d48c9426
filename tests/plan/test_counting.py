"""What is counted on fake tensors against what real ones hold: autograd's saved tensors, and the allocator."""

from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM
from trl.trainer.utils import add_fused_lm_head

from treadle.plan.counting import Count, Work, count_forward, count_update
from treadle.plan.model import build
from treadle.recipe.parts import Lora
from treadle.tree import build_tree, tree_scores, use_tree_attention
from treadle.tree.attention import packed_mask

PROMPT, COMPLETION, ROWS = 200, 100, 8
TOKENS, SCORED = PROMPT + ROWS * COMPLETION - 1, ROWS * COMPLETION


def work(folder, **changes):
    settings = {
        "model": folder,
        "lora": None,
        "weights": torch.float32,
        "compute": torch.float32,
        "tokens": TOKENS,
        "scored": SCORED,
        "checkpointing": False,
        "device": "cpu",
    }
    return Work(**(settings | changes))


def real_network(plan: Work):
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(plan.model), dtype=plan.weights)
    if plan.lora is not None:
        from peft import LoraConfig, get_peft_model

        network = get_peft_model(network, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    network.train()
    use_tree_attention(network)
    if plan.checkpointing:
        network.gradient_checkpointing_enable({"use_reentrant": False})
        if plan.lora is not None:
            network.enable_input_require_grads()
    return network


def batch():
    """One prompt with eight rollouts that share nothing but it."""
    prompt = torch.randint(5, 1000, (1, PROMPT)).expand(ROWS, -1)
    completion = torch.randint(1000, 2000, (ROWS, COMPLETION))
    completion[:, 0] = torch.arange(ROWS)
    ids_BL = torch.cat([prompt, completion], 1)
    return ids_BL, torch.ones_like(ids_BL)


def forward(network, plan):
    ids_BL, mask_BL = batch()
    tree = build_tree(ids_BL, mask_BL, COMPLETION)
    assert abs(tree.size - TOKENS) < ROWS + 1
    with torch.autocast("cpu", plan.compute, enabled=plan.compute != torch.float32):
        return tree_scores(network, ids_BL, mask_BL, COMPLETION, compute_entropy=True, tree=tree)[0]


CASES = {
    "float32": {},
    "checkpointing": {"checkpointing": True},
    "autocast": {"compute": torch.bfloat16},
    "autocast, checkpointing": {"compute": torch.bfloat16, "checkpointing": True},
    "lora": {"lora": Lora(r=8).model_dump_json()},
    "lora in bfloat16, checkpointing": {
        "lora": Lora(r=8).model_dump_json(),
        "weights": torch.bfloat16,
        "compute": torch.bfloat16,
        "checkpointing": True,
    },
}


@pytest.mark.parametrize("case", CASES)
def test_activations_against_what_autograd_saves(config_folder, case):
    plan = work(config_folder(), **CASES[case])
    network = real_network(plan)
    own = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    saved = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = forward(network, plan)  # while it lives no storage's address is used again
    assert kept.requires_grad
    assert count_update(plan).held == pytest.approx(sum(saved.values()), rel=0.15)


@pytest.mark.parametrize("case", CASES)
def test_peak_against_the_allocator(config_folder, case):
    plan = work(config_folder(), **CASES[case])
    network = real_network(plan)
    forward(network, plan).sum().backward()  # gradients are there, as in every micro-batch but the first
    measured = allocated_peak(lambda: forward(network, plan).sum().backward())
    assert count_update(plan).peak == pytest.approx(measured, rel=0.15)


def test_a_forward_without_gradients(config_folder):
    plan = work(config_folder(), compute=torch.bfloat16)
    network = real_network(plan)
    ids_1T = torch.randint(5, 1000, (1, TOKENS))
    chain = build_tree(ids_1T, torch.ones_like(ids_1T), TOKENS - 1)

    @torch.no_grad()
    def run():
        with torch.autocast("cpu", torch.bfloat16):
            network.model(
                input_ids=chain.input_ids_1T, position_ids=chain.position_ids_1T, attention_mask=packed_mask(chain),
                use_cache=False, tree=chain,
            )  # fmt: skip

    run()
    assert count_forward(plan).peak == pytest.approx(allocated_peak(run), rel=0.15)


def test_a_tied_head_and_a_longer_batch(config_folder):
    folder = config_folder(tie_word_embeddings=True)
    short, long = count_update(work(folder)), count_update(work(folder, tokens=2 * TOKENS, scored=2 * SCORED))
    assert isinstance(short, Count)
    assert 0 < short.held < short.peak
    assert long.held == pytest.approx(2 * short.held, rel=0.1)
    assert build(AutoConfig.from_pretrained(folder), None, torch.float32).lm_head.weight.device.type == "meta"


def allocated_peak(run) -> int:
    """The most bytes that PyTorch's own allocator holds at a time during `run`, beyond what it held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


def test_the_formula_of_a_layer(config_folder):
    """Floats that a token leaves in a layer, added up by hand (docs/plan.md)."""
    hidden, query, key, inner, heads, layers = 64, 64, 32, 192, 4, 4
    layer = 6 * hidden + 3 * query + 2 * key + 4 * inner + heads + 2
    ends = 3 * hidden + 1  # the last norm
    expected = 4 * (TOKENS * (layers * layer + ends) + SCORED * (hidden + 4))
    assert count_update(work(config_folder())).held == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_padded_rows_as_trl_forwards_them(config_folder, checkpointing):
    rows, width = 6, 300
    plan = work(config_folder(), tokens=rows * width, rows=rows, checkpointing=checkpointing)
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(plan.model), attn_implementation="sdpa")
    add_fused_lm_head(network, outputs=("log_probs", "entropy"))
    network.train()
    if checkpointing:
        network.gradient_checkpointing_enable({"use_reentrant": False})
    ids_BL, mask_BL = torch.randint(5, 2000, (rows, width)), torch.ones(rows, width, dtype=torch.long)
    mask_BL[1:, :100] = 0

    def run():
        outputs = network(input_ids=ids_BL, attention_mask=mask_BL, labels=ids_BL, fused_lm_head=True)
        outputs.log_probs.sum().backward()

    run()
    found, measured = count_update(plan), allocated_peak(run)
    assert found.peak == pytest.approx(measured, rel=0.15)
    # On CUDA TRL's kernels hold a tile of logits and no copies of it.
    assert count_update(replace(plan, device="cuda")).peak < found.peak
