"""The transformers back end against `generate` on single prompts, exact probabilities, and itself in other batches."""

from __future__ import annotations

import random
import warnings
from collections import Counter

import pytest
import torch

from tests.evaluate.backends.models import TEXTS, ask, collected, greedy_by_generate, llama, mistral, samples
from treadle.errors import ModelError, RecipeError
from treadle.evaluate.backends import TransformersBackend, open_backend
from treadle.evaluate.records import Finish, Sampling

SAMPLED = Sampling(20, temperature=1.0)


@pytest.fixture
def model(tiny_tokenizer):
    return llama(tiny_tokenizer)


@pytest.mark.parametrize(("batch_size", "max_kv_tokens"), [(64, None), (1, None), (4, None), (64, 60), (64, 1)])
def test_greedy_text_is_that_of_unbatched_generate(model, tiny_tokenizer, batch_size, max_kv_tokens):
    backend = TransformersBackend(model, tiny_tokenizer, batch_size, max_kv_tokens)
    found = collected(backend, samples(2), Sampling(12))
    expected = [greedy_by_generate(model, tiny_tokenizer, text, 12) for text in TEXTS for _ in range(2)]
    assert [(g.text, g.n_tokens, g.finish is Finish.STOP) for g in found] == expected


def test_every_end_token_of_the_model_ends_a_row(model, tiny_tokenizer):
    model.generation_config.eos_token_id = [7, 11, 20]
    found = collected(TransformersBackend(model, tiny_tokenizer), samples(1), Sampling(30))
    expected = [greedy_by_generate(model, tiny_tokenizer, text, 30, ends=(1, 7, 11, 20)) for text in TEXTS]
    assert [(g.text, g.n_tokens, g.finish is Finish.STOP) for g in found] == expected
    assert len({g.finish for g in found}) == 2, "both ways to end are needed for this test"


@pytest.mark.parametrize("window", [None, 400], ids=["shared prompts", "own generate"])
def test_a_seed_gives_its_text_whatever_is_batched_with_it(tiny_tokenizer, window):
    model = mistral(tiny_tokenizer, window)
    requests = samples(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backends = [TransformersBackend(model, tiny_tokenizer, *sizes) for sizes in ((64,), (1,), (3,), (64, 70))]
    runs = [collected(backend, requests, SAMPLED) for backend in backends]
    assert runs[0] == runs[1] == runs[2] == runs[3]
    assert len({g.text for g in runs[0]}) > 20
    order = random.Random(0).sample(range(len(requests)), 11)
    some = collected(backends[0], [requests[i] for i in order], SAMPLED)
    assert some == [runs[0][i] for i in order]
    other = collected(backends[0], [ask("next 1", 10**12 + s) for s in range(8)], SAMPLED)
    assert len({g.text for g in other}) > 6


def test_seeds_that_differ_beyond_32_bits_differ(model, tiny_tokenizer):
    found = collected(TransformersBackend(model, tiny_tokenizer), [ask("solve 5", s << 32) for s in range(6)], SAMPLED)
    assert len({g.text for g in found}) == 6


@pytest.mark.parametrize("sampling", [SAMPLED, Sampling(20, 0.7, top_p=0.8), Sampling(20, 1.2, top_k=5), Sampling(20)])
def test_models_that_cannot_share_prompts_give_the_same_texts(tiny_tokenizer, sampling):
    with pytest.warns(UserWarning, match="prompts are not shared.*sliding"):
        padded = TransformersBackend(mistral(tiny_tokenizer, window=400), tiny_tokenizer, batch_size=5)
    shared = TransformersBackend(mistral(tiny_tokenizer), tiny_tokenizer)
    assert shared.not_shared is None
    assert collected(padded, samples(3), sampling) == collected(shared, samples(3), sampling)


def in_nucleus(probs, share):
    """The likeliest tokens, up to and with the one that reaches the share."""
    kept, total = torch.zeros_like(probs), 0.0
    for token in probs.argsort(descending=True).tolist():
        kept[token] = 1
        total += float(probs[token])
        if total >= share:
            break
    return kept


@pytest.mark.parametrize(
    ("sampling", "keep"),
    [
        (Sampling(1, 1.0), lambda p: p),
        (Sampling(1, 0.6), lambda p: p),
        (Sampling(1, 1.0, top_k=3), lambda p: p * (p >= p.sort().values[-3])),
        (Sampling(1, 1.0, top_p=0.5), lambda p: p * in_nucleus(p, 0.5)),
    ],
    ids=["whole", "cold", "top-k", "nucleus"],
)
def test_first_tokens_follow_the_models_probabilities(model, tiny_tokenizer, sampling, keep):
    n = 4000
    # Settings of the model's own that would change every one of these distributions.
    model.generation_config.repetition_penalty = 3.0
    model.generation_config.top_k = 1
    model.generation_config.suppress_tokens = list(range(10, 30))
    own = model.generation_config
    backend = TransformersBackend(model, tiny_tokenizer, batch_size=n)
    found = collected(backend, [ask("solve 5", seed) for seed in range(n)], sampling)
    assert model.generation_config is own
    message = [{"role": "user", "content": "solve 5"}]
    ids = tiny_tokenizer.apply_chat_template(
        message, add_generation_prompt=True, return_tensors="pt", return_dict=False
    )
    with torch.inference_mode():
        probs = keep((model(ids).logits[0, -1] / sampling.temperature).softmax(-1))
    probs = probs / probs.sum()
    # By text, as a generation shows it: special tokens all decode to nothing.
    expected = Counter()
    for token, p in enumerate(probs.tolist()):
        expected[tiny_tokenizer.decode([token], skip_special_tokens=True)] += p
    counts = Counter(g.text for g in found)
    for text, p in expected.items():
        assert abs(counts[text] / n - p) <= 5 * (p * (1 - p) / n) ** 0.5 + 1e-9, text
    assert set(counts) <= {text for text, p in expected.items() if p > 0}


def test_generations_come_batch_by_batch(model, tiny_tokenizer):
    forwards = []
    model.register_forward_pre_hook(lambda *_: forwards.append(1))
    stream = TransformersBackend(model, tiny_tokenizer, batch_size=2).generate(samples(2), SAMPLED)
    next(stream)
    first = len(forwards)
    assert 1 <= first <= 20
    next(stream)
    assert len(forwards) == first
    list(stream)
    assert len(forwards) > 3 * first


def test_equal_prompts_are_computed_once(model, tiny_tokenizer):
    tokens = []
    model.register_forward_pre_hook(lambda _, a, k: tokens.append(k["input_ids"].numel()), with_kwargs=True)
    backend = TransformersBackend(model, tiny_tokenizer)
    prompt = len(backend._tokens(ask("solve 123a45b67")))
    collected(backend, [ask("solve 123a45b67", seed) for seed in range(8)], SAMPLED)
    assert tokens[:2] == [prompt, 8]
    tokens.clear()
    collected(backend, [ask("solve 123a45b67", seed) for seed in range(8)], Sampling(20))
    assert tokens[:2] == [prompt, 1]


def test_the_models_positions_bound_prompt_and_answer(model, tiny_tokenizer):
    model.config.max_position_embeddings = 24
    requests = [ask("solve 5"), ask("1" * 15), ask("1" * 40)]
    backend = TransformersBackend(model, tiny_tokenizer)
    lengths = [len(backend._tokens(r)) for r in requests]
    assert lengths == [5, 18, 43]
    model.lm_head.weight.data[1] = 0  # its end token is never the likeliest
    free, tight, none = collected(backend, requests, Sampling(12))
    assert (free.n_tokens, free.finish) == (12, Finish.LENGTH)
    assert (tight.n_tokens, tight.finish) == (24 - 18, Finish.LENGTH)
    assert none.finish is Finish.FAILED
    assert "43 tokens leaves no room within the model's 24 positions" in none.error
    assert free.text == greedy_by_generate(model, tiny_tokenizer, "solve 5", 12)[0]


def test_one_bad_prompt_costs_one_generation(model, tiny_tokenizer):
    requests = samples(2)
    expected = collected(TransformersBackend(model, tiny_tokenizer), requests, SAMPLED)
    with torch.no_grad():
        model.model.embed_tokens.weight[tiny_tokenizer("7")["input_ids"][0]] = float("nan")
    bad = {i for i, r in enumerate(requests) if "7" in r.prompt[0]["content"]}
    assert len(bad) == 2
    with pytest.warns(UserWarning, match="computed in two halves"):
        found = collected(TransformersBackend(model, tiny_tokenizer), requests, SAMPLED)
    for i, (now, before) in enumerate(zip(found, expected, strict=True)):
        if i in bad:
            assert now.finish is Finish.FAILED
            assert "not numbers" in now.error
        elif "7" not in before.text:
            assert now == before
        else:
            # The sample itself drew the broken token.
            assert now.finish is Finish.FAILED


def test_a_model_that_gives_nothing_at_all_ends_the_run(model, tiny_tokenizer):
    with torch.no_grad():
        model.lm_head.weight[3] = float("nan")
    with (
        pytest.warns(UserWarning, match="halves"),
        pytest.raises(ModelError, match=r"none of the first 6 rows.*not numbers"),
    ):
        collected(TransformersBackend(model, tiny_tokenizer), samples(1), SAMPLED)


def test_a_template_that_refuses_a_role_is_named(model, tiny_tokenizer, monkeypatch):
    refuses = "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('No tools') }}{% endif %}"
    monkeypatch.setattr(tiny_tokenizer, "chat_template", refuses + "{{ m.content }}{% endfor %}")
    request = ask("solve 5")
    request.prompt.append({"role": "tool", "content": "5"})
    with pytest.raises(ModelError, match=r"refuses messages with the roles user, tool \(No tools\); take a template"):
        collected(TransformersBackend(model, tiny_tokenizer), [request], SAMPLED)


def test_no_requests_and_no_texts(model, tiny_tokenizer):
    backend = TransformersBackend(model, tiny_tokenizer)
    assert collected(backend, [], SAMPLED) == []
    assert backend.count_tokens([]) == []
    assert backend.count_tokens(["12+3", "<think>a</think>", ""]) == [4, 3, 0]


def test_a_folder_is_opened_and_described(tiny_folder):
    backend = open_backend(str(tiny_folder), dtype="bfloat16", device="cpu", batch_size=2)
    found = collected(backend, samples(1), SAMPLED)
    assert all(g.finish is not Finish.FAILED for g in found)
    facts = backend.describe()
    assert {k: facts[k] for k in ("kind", "model", "dtype", "device", "token_counts")} == {
        "kind": "transformers",
        "model": str(tiny_folder),
        "dtype": "bfloat16",
        "device": "cpu",
        "token_counts": "tokenizer",
    }
    assert facts["versions"]["torch"] == torch.__version__
    backend.close()


def test_what_cannot_be_opened_is_said(tiny_folder, tmp_path):
    with pytest.raises(ModelError, match="no such model folder"):
        open_backend(str(tmp_path / "none"))
    with pytest.raises(ModelError, match=r"device 'cuda:99'.*expected cpu"):
        open_backend(str(tiny_folder), device="cuda:99")
    with pytest.raises(RecipeError, match="no option 'batchsize'; did you mean batch_size"):
        open_backend(str(tiny_folder), batchsize=3)
    with pytest.raises(RecipeError, match="no option 'url'; it has dtype, device"):
        open_backend(str(tiny_folder), url="http://localhost")
    with pytest.raises(RecipeError, match="back end 'vlm': expected one of transformers, openai, vllm"):
        open_backend(str(tiny_folder), "vlm")
