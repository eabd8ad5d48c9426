"""The back end that has vLLM's engine in its own process, as a user runs it in vLLM's environment."""

from __future__ import annotations

import json
import os
import subprocess

from tests.processes import ROOT
from tests.vllm.serving import ON_A_CPU
from treadle.evaluate.benchmarks import load_data
from treadle.evaluate.run import evaluate
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.store import read_lines

GREEDY = EvaluateSettings(samples=0, max_new_tokens=16, max_step_tokens=8, max_steps=2)


def test_its_greedy_texts_are_those_of_transformers(served, tmp_path):
    """`served` is asked for its model alone, whose own settings would forbid most tokens."""
    rows = [{"id": f"p{n}", "problem": f"solve {n}+{n}", "answer": str(2 * n)} for n in range(3)]
    (tmp_path / "mini.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = [os.environ["VLLM_PYTHON"], "-m", "treadle.cli", "evaluate", served.folder, "--backend", "vllm"]
    words += ["--data", "mini.jsonl", "--domain", "miniature", "--dtype", "float32", "--samples", "0"]
    words += ["--max-new-tokens", "16", "--max-step-tokens", "8", "--max-steps", "2", "-o", "vllm"]
    environment = {**os.environ, **ON_A_CPU, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    problems = load_data(tmp_path / "mini.jsonl", domain="miniature")
    evaluate(served.folder, [problems], GREEDY, tmp_path / "transformers", options={"dtype": "float32"})
    names = ("problem", "mode", "step", "text", "n_tokens", "finish")
    found, expected = (
        sorted([g[name] for name in names] for g in read_lines(tmp_path / folder / "generations.jsonl"))
        for folder in ("vllm", "transformers")
    )
    assert len(expected) >= 6
    assert found == expected
