"""Log-probabilities and gradients through the tree against each row forwarded alone, unpadded, with plain attention."""

import copy
import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from trl.trainer.utils import add_fused_lm_head

import treadle
from tests.models import FAMILIES
from tests.tree.naive import VOCABULARY, gradient, in_float64, naive_logps, padded, step_rows, tiny_model
from treadle.errors import DataError, ModelError
from treadle.tree import build_tree, tree_scores, use_tree_attention

ALL = sorted(FAMILIES)


def weighted(logps, entropies):
    """A loss in which every token and entropy has its own weight."""
    generator = torch.Generator().manual_seed(1)
    one, two = (torch.randn(logps.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return (logps.double() * one).sum() + (0 if entropies is None else 0.3 * (entropies.double() * two).sum())


def both(plain, rows, *, temperature=1.0, entropy=True, min_share=4, tree_model=None):
    """(log-probs, entropies, gradient) of the rows forwarded one by one, and of the tree."""
    model = copy.deepcopy(plain) if tree_model is None else tree_model
    use_tree_attention(model)
    expected = naive_logps(plain, rows, temperature)
    weighted(expected[0], expected[1] if entropy else None).backward()
    batch = padded(rows)
    found = tree_scores(model, *batch, temperature, entropy, tree=build_tree(*batch, min_share))
    weighted(*found).backward()
    return (*expected, gradient(plain)), (*found, gradient(model))


def assert_equal(plain, rows, atol, rtol, **options):
    expected, found = both(plain, rows, **options)
    assert found[0].shape == expected[0].shape
    assert (found[0] - expected[0]).abs().max() < atol
    if found[1] is not None:
        assert (found[1] - expected[1]).abs().max() < atol
    assert (found[2] - expected[2]).norm() < rtol * expected[2].norm()


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("tied", [False, True])
def test_float64(family, groups, tied):
    model = in_float64(tiny_model(family, num_key_value_heads=groups, tie_word_embeddings=tied))
    assert_equal(model, step_rows(), 1e-10, 1e-10)


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("tied", [False, True])
def test_float32(family, groups, tied):
    model = tiny_model(family, num_key_value_heads=groups, tie_word_embeddings=tied)
    assert_equal(model, step_rows(steps=4), 1e-5, 1e-5)


@pytest.mark.parametrize("temperature", [0.7, 1.3])
@pytest.mark.parametrize("entropy", [False, True])
def test_temperature_and_entropy(temperature, entropy):
    assert_equal(in_float64(tiny_model()), step_rows(), 1e-10, 1e-10, temperature=temperature, entropy=entropy)


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing(family, reentrant):
    plain = tiny_model(family)
    model = copy.deepcopy(plain)
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    assert_equal(plain, step_rows(), 1e-5, 1e-5, tree_model=model)


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("checkpointing", [None, True, False])
@pytest.mark.parametrize("targets", [["q_proj", "v_proj", "up_proj"], ["k_proj", "down_proj", "lm_head"]])
@pytest.mark.parametrize("before", [True, False])
def test_lora(family, checkpointing, targets, before):
    """Prepared as the base model before PEFT wraps it, or as the wrapped model; then without the adapter."""
    config = LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False)
    base = tiny_model(family)
    own = copy.deepcopy(base)
    if before:
        use_tree_attention(own)
    plain, model = get_peft_model(base, config), get_peft_model(own, config)
    model.load_state_dict(plain.state_dict())
    if checkpointing is not None:
        model.gradient_checkpointing_enable({"use_reentrant": checkpointing})
        model.enable_input_require_grads()
    rows = step_rows(steps=2)
    assert_equal(plain, rows, 1e-5, 1e-5, tree_model=model)
    with plain.disable_adapter(), model.disable_adapter(), torch.no_grad():
        reference, _ = tree_scores(model, *padded(rows))
        assert (reference - naive_logps(plain, rows)[0]).abs().max() < 1e-5


def errors(rows, plain, reference, *, autocast):
    """Errors of the naive path and of the tree against float64, for log-probs, entropies and gradients."""
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        naive, tree = both(plain, rows)
    exact = naive_logps(reference, rows)
    weighted(*exact).backward()
    exact = (*exact, gradient(reference))
    return [
        [((a.double() - b).norm() / b.norm()).item() for a, b in zip(got, exact, strict=True)] for got in (naive, tree)
    ]


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("autocast", [False, True])
def test_bfloat16_is_as_good_as_the_naive_path(family, autocast):
    totals = torch.zeros(2, 3)
    for seed in range(4):
        model = tiny_model(family, seed=seed).bfloat16()
        reference = in_float64(copy.deepcopy(model))
        plain = copy.deepcopy(model).float() if autocast else model
        totals += torch.tensor(errors(step_rows(seed=seed), plain, reference, autocast=autocast)) / 4
    naive, tree = totals
    assert (tree < 1.25 * naive).all(), totals


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_under_autocast(reentrant):
    plain = tiny_model()
    model = copy.deepcopy(plain)
    for own, checkpointing in ((plain, False), (model, True)):
        use_tree_attention(own)
        if checkpointing:
            own.gradient_checkpointing_enable({"use_reentrant": reentrant})
        with torch.autocast("cpu", torch.bfloat16):
            found = tree_scores(own, *padded(step_rows()), compute_entropy=True)
        weighted(*found).backward()
    assert torch.equal(gradient(plain), gradient(model))


TOKENS = st.integers(0, 2)
TRIES = st.lists(
    st.tuples(st.lists(TOKENS, min_size=1, max_size=6), st.lists(TOKENS, max_size=6)), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def exact_models():
    plain = in_float64(tiny_model(num_hidden_layers=2))
    model = copy.deepcopy(plain)
    use_tree_attention(model)
    return plain, model


@given(rows=TRIES, min_share=st.integers(1, 4))
@example(rows=[([1], [])], min_share=1)
@example(rows=[([1], [2])], min_share=1)
@example(rows=[([1, 2], [0, 1])] * 4, min_share=1)
@example(rows=[([1] * k, [1] * (8 - k)) for k in range(1, 8)], min_share=1)
@example(rows=[([1] * k, [1] * k) for k in range(1, 8)], min_share=1)
@example(rows=[([2], [1] * k + [0, 2]) for k in range(12)], min_share=1)
@example(rows=[([2, 1], [0, 0, 1]), ([2, 1], [0, 0, 2]), ([2, 1], [0, 1]), ([2, 1], [])], min_share=1)
@example(rows=[([2, 1], []), ([2], [])], min_share=2)
@hypothesis_settings(max_examples=60)
def test_random_tries(exact_models, rows, min_share):
    plain, model = exact_models
    plain.zero_grad()
    model.zero_grad()
    expected, found = both(plain, rows, min_share=min_share, tree_model=model)
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-10, rtol=1e-10)


def test_masked_completions_score_nothing_and_change_nothing():
    plain = in_float64(tiny_model())
    model = copy.deepcopy(plain)
    use_tree_attention(model)
    rows = [(prompt, list(completion)) for prompt, completion in step_rows()]
    ids, mask, keep = padded(rows)
    mask[2, -keep:] = 0
    mask[5, -keep + 2 :] = 0
    rows[2], rows[5] = (rows[2][0], []), (rows[5][0], rows[5][1][:2])
    found, entropies = tree_scores(model, ids, mask, keep, compute_entropy=True)
    expected, expected_entropies = naive_logps(plain, rows)
    missing = keep - expected.shape[1]
    assert torch.allclose(found, torch.nn.functional.pad(expected, (0, missing)), atol=1e-10)
    assert torch.allclose(entropies, torch.nn.functional.pad(expected_entropies, (0, missing)), atol=1e-10)


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("rows", [[([3, 4], []), ([5], [])], []])
def test_nothing_to_score_gives_zero_gradients_to_every_parameter(rows, lora):
    """A process without rows must still reach every parameter's gradient, or collectives wait for it."""
    model = tiny_model()
    if lora:
        model = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "lm_head"], task_type="CAUSAL_LM"))
    use_tree_attention(model)
    ids, mask, _ = padded(rows) if rows else (torch.ones(0, 5, dtype=torch.long), torch.ones(0, 5), 3)
    logps, entropies = tree_scores(model, ids, mask, 0 if rows else 3, compute_entropy=True)
    assert logps.shape == (len(rows), 0 if rows else 3)
    (logps.sum() + entropies.sum()).backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and not p.grad.any() for p in trained)


def test_the_whole_model_sees_one_forward():
    model = tiny_model()
    use_tree_attention(model)
    calls = []
    model.register_forward_hook(lambda module, inputs, output: calls.append(type(output)))
    tree_scores(model, *padded(step_rows()))
    assert calls == [dict]


def test_a_deep_copy_forwards_itself():
    model = tiny_model()
    use_tree_attention(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    batch = padded(step_rows())
    assert not other(batch[0], batch[1]).logits.any()
    assert model(batch[0], batch[1]).logits.any()
    assert tree_scores(other, *batch)[0].min().item() == pytest.approx(-math.log(VOCABULARY))


@pytest.mark.parametrize("first", [True, False])
def test_trl_fused_head_beside_the_tree(first):
    """TRL's trainer patches the same forward, before or after; both keywords keep working."""
    plain, (ids, mask, keep) = in_float64(tiny_model()), padded(step_rows())
    model = copy.deepcopy(plain)
    for prepare in (use_tree_attention, add_fused_lm_head) if first else (add_fused_lm_head, use_tree_attention):
        prepare(model)
    expected, _ = naive_logps(plain, step_rows())
    assert torch.allclose(tree_scores(model, ids, mask, keep)[0], expected, atol=1e-10)
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :-keep] = -100
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    fused = model(ids, attention_mask=mask, position_ids=positions, labels=labels, fused_lm_head=True)
    assert torch.allclose(fused.log_probs[:, -keep:], expected.to(fused.log_probs), atol=1e-5)
    assert torch.equal(model(ids, mask).logits, plain(ids, mask).logits)


@pytest.mark.parametrize("wrapper", ["compile", "data parallel"])
def test_wrapped_models(wrapper):
    plain = in_float64(tiny_model())
    model = copy.deepcopy(plain)
    use_tree_attention(model)
    whole = torch.compile(model, backend="eager") if wrapper == "compile" else torch.nn.DataParallel(model)
    found, _ = tree_scores(whole, *padded(step_rows()))
    expected, _ = naive_logps(plain, step_rows())
    assert torch.allclose(found, expected, atol=1e-10)
    for logps in (expected, found):
        weighted(logps, None).backward()
    assert torch.allclose(gradient(plain), gradient(model), atol=1e-10)


def test_preparing_twice_is_preparing_once():
    model = tiny_model()
    use_tree_attention(model)
    forward = model.forward
    use_tree_attention(model)
    assert model.forward == forward


def test_an_unprepared_model_is_refused():
    batch = padded(step_rows())
    with pytest.raises(ModelError, match="call use_tree_attention"):
        tree_scores(tiny_model(), *batch)
    model = tiny_model()
    use_tree_attention(model)
    model.set_attn_implementation("sdpa")
    with pytest.raises(ModelError, match="call use_tree_attention"):
        tree_scores(model, *batch)


def test_logits_are_never_held_whole():
    """The largest tensor that the forward keeps for the backward is far smaller than the logits."""
    model = tiny_model(vocab_size=4096, num_hidden_layers=1)
    use_tree_attention(model)
    rows = step_rows(steps=4, rollouts=8)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
        tree_scores(model, *padded(rows), compute_entropy=True)
    scored = sum(len(completion) for _, completion in rows)
    assert max(sizes) <= model.lm_head.weight.numel() < scored * 4096


def test_the_public_name_gives_the_log_probabilities_alone():
    model = in_float64(tiny_model())
    rows = step_rows()
    expected, _ = naive_logps(model, rows, 1.0)
    use_tree_attention(model)
    input_ids, attention_mask, keep = padded(rows)
    found = treadle.tree_logps(model, input_ids=input_ids, attention_mask=attention_mask, logits_to_keep=keep)
    assert (found - expected).abs().max() < 1e-10


def test_a_tree_of_another_batch_is_refused():
    model = tiny_model()
    use_tree_attention(model)
    tree = build_tree(*padded(step_rows(steps=1)))
    with pytest.raises(DataError, match="Build the tree from this batch"):
        tree_scores(model, *padded(step_rows()), tree=tree)
