"""A teacher behind a vLLM server: every sample is accounted for, and what is stored is not asked again."""

from __future__ import annotations

import json

from tests.vllm.conftest import NAME
from treadle.rollout.vllm_cache import read_counts
from treadle.teacher.assignments import problems_to_solve
from treadle.teacher.run import teach
from treadle.teacher.settings import TeachSettings


def test_every_sample_is_accounted_for_and_asked_once(served, tmp_path):
    rows = [{"id": f"p{n}", "problem": f"solve {n}+{n + 1}", "answer": str(2 * n + 1)} for n in range(3)]
    source, out = tmp_path / "problems.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems, settings = problems_to_solve(str(source)), TeachSettings(samples=2, max_new_tokens=16)
    report = teach(NAME, problems, settings, out, options={"url": served.url}, progress=False)
    samples, lines = report["samples"], (out / "store" / "answers.jsonl").read_text().splitlines()
    assert (samples["all"], samples["kept"], sum(samples["rejected"].values())) == (6, 0, 6)
    answers = [json.loads(line) for line in lines]
    assert len({answer["text"] for answer in answers}) == 6
    assert all(1 <= answer["n_tokens"] <= 16 and answer["model"] == NAME for answer in answers)
    before = read_counts(served.url)
    assert teach(NAME, problems, settings, out, options={"url": served.url}, progress=False)["samples"] == samples
    assert read_counts(served.url) == before, "nothing was asked"
