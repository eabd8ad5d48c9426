"""Evaluation through a vLLM server, beside the transformers back end in float32."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.evaluate.backends.models import ask, collected
from tests.vllm.conftest import LENGTH, NAME
from treadle.chat.chat import Chat
from treadle.data.instances import step_instances
from treadle.evaluate.backends import open_backend
from treadle.evaluate.backends.chat import Dialect
from treadle.evaluate.benchmarks import load_data
from treadle.evaluate.records import Finish, Sampling
from treadle.evaluate.run import evaluate
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.store import read_lines
from treadle.evaluate.summary import failed
from treadle.miniature.problems import as_tasks, held_out_problems

GREEDY = EvaluateSettings(samples=0, steps=True, max_new_tokens=24, max_step_tokens=10, max_steps=2)
COMPARED = ("text", "n_tokens", "finish")


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "mini.jsonl"
    rows = [{"id": t.id, "problem": t.problem, "answer": t.answer} for t in as_tasks(held_out_problems(4), "m")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_data(path, domain="miniature")


@pytest.fixture
def backend(served):
    return open_backend(NAME, "openai", url=served.url, concurrency=4)


def generations(folder):
    """By all that names a request."""
    names = ("problem", "mode", "decoding", "index", "step")
    return {tuple(g[name] for name in names): g for g in read_lines(folder / "generations.jsonl")}


def test_greedy_texts_counts_and_ends_are_those_of_transformers(served, problems, expert_trajectories, tmp_path):
    """Whole solutions, the loop and next steps; the server's defaults are the model's, which forbid most tokens."""
    steps = list(step_instances(expert_trajectories[0], targets="all"))
    there, here = tmp_path / "there", tmp_path / "here"
    evaluate(NAME, [problems], GREEDY, there, "openai", {"url": served.url}, steps)
    evaluate(served.folder, [problems], GREEDY, here, "transformers", {"dtype": "float32"}, steps)
    expected, found = generations(here), generations(there)
    assert {key[1] for key in expected} >= {"whole", "loop"}
    assert {g["finish"] for g in expected.values()} == {"stop", "length"}
    assert {k: [g[n] for n in COMPARED] for k, g in found.items()} == {
        k: [g[n] for n in COMPARED] for k, g in expected.items()
    }
    scored = [{s["step"]: s["text"] for s in read_lines(folder / "steps.jsonl")} for folder in (there, here)]
    assert scored[0] == scored[1]
    assert len(scored[0]) == len(steps)


def test_prompts_have_the_tokens_that_treadle_renders(backend, tiny_tokenizer):
    requests = [ask("next 1"), ask("solve 123a45b67\nnow")]
    found = collected(backend, requests, Sampling(2))
    expected = [len(ids) for ids in Chat(tiny_tokenizer).prompts([r.prompt for r in requests])]
    assert [g.prompt_tokens for g in found] == expected
    assert {g.model for g in found} == {NAME}
    assert backend.dialect is Dialect.SAMPLER


def test_samples_differ_by_seed_and_repeat_one_at_a_time(served):
    one = open_backend(NAME, "openai", url=served.url, concurrency=1)
    requests = [ask("solve 5", seed) for seed in range(5)]
    runs = [collected(one, requests, Sampling(20, temperature=1.0)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert len({g.text for g in runs[0]}) == 5


def test_a_prompt_that_does_not_fit_costs_itself(backend):
    requests = [ask("next 1"), ask("1" * 2 * LENGTH), ask("solve 5")]
    found = collected(backend, requests, Sampling(4))
    assert [g.finish is Finish.FAILED for g in found] == [False, True, False]
    assert f"maximum context length is {LENGTH} tokens" in found[1].error


def test_samples_of_a_run_are_accounted_for(served, problems, tmp_path):
    settings = replace(GREEDY, samples=3, steps=False, greedy=False)
    results = evaluate(NAME, [problems], settings, tmp_path / "run", "openai", {"url": served.url, "concurrency": 4})
    drawn = [g for key, g in generations(tmp_path / "run").items() if key[1] == "whole"]
    assert len(drawn) == 4 * 3
    assert len({g["text"] for g in drawn}) > 4, "samples differ"
    assert all(1 <= g["n_tokens"] <= 24 for g in drawn)
    assert failed(results) == 0
