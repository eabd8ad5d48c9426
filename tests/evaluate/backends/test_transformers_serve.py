"""The server back end against `transformers serve`, with a tiny model of its own and no network."""

from __future__ import annotations

import importlib.util
import socket
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
import torch

from tests.evaluate.backends.models import TEXTS, ask, collected, greedy_by_generate, llama
from tests.processes import forked
from treadle.errors import ModelError
from treadle.evaluate.backends import open_backend
from treadle.evaluate.backends.chat import Dialect
from treadle.evaluate.records import Finish, Sampling

NEEDED = ("fastapi", "uvicorn", "openai")


@contextmanager
def transformers_serve(folder, log):
    """A server on a free port; its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["serve", folder, "--host", "127.0.0.1", "--port", port, "--device", "cpu"]
    with forked("transformers.cli.transformers", *arguments, out=log) as server:
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, server.output
                assert time.monotonic() < until, server.output
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def served(tiny_tokenizer, tmp_path_factory):
    """Address, folder and model; its own generation config would forbid most tokens."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; pip install 'transformers[serving]'")
    folder = tmp_path_factory.mktemp("served") / "tiny"
    model = llama(tiny_tokenizer, torch.float32)
    model.generation_config.repetition_penalty = 4.0
    model.generation_config.top_k = 2
    model.generation_config.do_sample = True
    model.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    with transformers_serve(folder, folder.parent / "log") as url:
        yield url, str(folder), llama(tiny_tokenizer, torch.float32)


def test_greedy_text_is_that_of_generate_without_the_models_own_settings(served, tiny_tokenizer):
    url, folder, model = served
    backend = open_backend(folder, "openai", url=url, concurrency=4)
    found = collected(backend, [ask(text) for text in TEXTS], Sampling(12))
    expected = [greedy_by_generate(model, tiny_tokenizer, text, 12) for text in TEXTS]
    assert [(g.text, g.n_tokens) for g in found] == [(text, n) for text, n, _ in expected]
    assert backend.dialect is Dialect.CONFIG
    assert not backend.faults
    plain = open_backend(folder, "openai", url=url)
    plain.dialect = Dialect.PLAIN
    assert collected(plain, [ask(text) for text in TEXTS], Sampling(12)) != found, "the settings made no difference"


def test_samples_differ_by_seed_and_repeat_one_at_a_time(served):
    url, folder, _ = served
    requests = [ask("solve 5", seed) for seed in range(6)]
    backend = open_backend(folder, "openai", url=url, concurrency=1)
    runs = [collected(backend, requests, Sampling(20, temperature=1.0)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert len({g.text for g in runs[0]}) == 6
    assert all(g.finish is not Finish.FAILED for g in runs[0])
    assert all(1 <= g.n_tokens <= 20 for g in runs[0])
    assert {g.finish for g in runs[0] if g.n_tokens < 20} <= {Finish.STOP}


def test_another_model_is_refused_with_the_servers_own_words(served):
    url, folder, _ = served
    backend = open_backend("someone/else", "openai", url=url)
    with pytest.raises(ModelError, match="status 400 for model 'someone/else': Server is pinned to") as caught:
        collected(backend, [ask("solve 5")], Sampling(4))
    assert folder in str(caught.value)
