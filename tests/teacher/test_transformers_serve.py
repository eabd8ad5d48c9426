"""A real server: `transformers serve` with a tiny random model. No answer is a solution, and all are accounted for."""

from __future__ import annotations

import json

import pytest

from tests.evaluate.backends.test_transformers_serve import served  # noqa: F401, the fixture
from treadle.teacher.assignments import problems_to_solve
from treadle.teacher.run import teach
from treadle.teacher.settings import TeachSettings

TOKENS = 24


@pytest.fixture
def problems(tmp_path):
    rows = [{"id": f"p{n}", "problem": f"solve {n}+{n + 1}", "answer": str(2 * n + 1)} for n in range(3)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return problems_to_solve(str(tmp_path / "problems.jsonl"))


def test_every_sample_of_a_real_server_is_accounted_for_and_asked_once(served, problems, tmp_path):  # noqa: F811
    url, folder, _ = served
    settings = TeachSettings(samples=2, tries=2, max_new_tokens=TOKENS, follows=0.0)
    options = {"url": url, "concurrency": 3}
    report = teach(folder, problems, settings, tmp_path / "out", options=options, progress=False)
    samples = report["samples"]
    assert (samples["all"], samples["kept"], samples["failed"], samples["not_asked"]) == (6, 0, {}, 0)
    assert sum(samples["rejected"].values()) == 6
    lines = [json.loads(line) for line in (tmp_path / "out" / "store" / "answers.jsonl").read_text().splitlines()]
    assert len(lines) == 12
    assert all(1 <= line["n_tokens"] <= TOKENS and line["prompt_tokens"] > 0 for line in lines)
    assert sum(len(line["prompt"]) == 3 for line in lines) == 6, "the second try names the fault of the first"
    texts = {line["text"] for line in lines}
    rejected = [json.loads(line) for line in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()]
    assert len(rejected) == 12
    assert len(texts) > 6, "samples differ"
    again = teach(folder, problems, settings, tmp_path / "out", options=options, progress=False)
    assert again["samples"] == samples
    assert len((tmp_path / "out" / "store" / "answers.jsonl").read_text().splitlines()) == 12
