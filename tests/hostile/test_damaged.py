"""Folders of evaluation that were cut, mended by hand or made up: one line names file, line and key."""

from __future__ import annotations

import json

import pytest

from tests.evaluate.run_folders import write_run


@pytest.fixture
def run(scratch):
    """A finished run of two problems."""
    return write_run(
        scratch / "run", {("aime24", "whole", "greedy"): [[1], [0]]}, settings={"modes": ["whole"], "greedy": True}
    )


def first(file, **values):
    """Set keys of the first line; `...` takes one out."""
    head, *rest = file.read_text().splitlines()
    record = {name: value for name, value in {**json.loads(head), **values}.items() if value is not ...}
    file.write_text("\n".join([json.dumps(record), *rest]) + "\n")


SAMPLES = [
    ("mode", "other"),
    ("text", 5),
    ("text", ...),
    ("benchmark", ...),
    ("n_tokens", "many"),
    ("verdict", "maybe"),
    ("index", "x"),
    ("index", 99),
    ("steps", 7),
    ("thoughts", None),
    ("problem", "none"),
]


@pytest.mark.parametrize(("key", "value"), SAMPLES)
def test_a_line_of_samples(key, value, run, treadle):
    first(run / "samples.jsonl", **{key: value})
    treadle("compare", "run").refused("run/samples.jsonl, attempt 1", "--regrade run")


PROBLEMS = [("more", 1), ("answer", 5), ("id", ...), ("benchmark", "none"), ("problem", None)]


@pytest.mark.parametrize(("key", "value"), PROBLEMS)
@pytest.mark.parametrize("command", [("compare", "run"), ("evaluate", "--regrade", "run")])
def test_a_line_of_problems(command, key, value, run, treadle):
    first(run / "problems.jsonl", **{key: value})
    treadle(*command).refused("run/problems.jsonl, line 1", key)


@pytest.mark.parametrize(
    ("key", "value"),
    [("benchmarks", None), ("benchmarks", [{}]), ("benchmarks", ["x"]), ("settings", "x"), ("identity", [])],
)
def test_what_a_run_says_of_itself(key, value, run, treadle):
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**content, key: value}))
    treadle("compare", "run").refused("run/run.json", key)


def samples(count):
    return {"aime24": {"modes": {"whole": {"greedy": {"samples": count}}}}}


@pytest.mark.parametrize(
    "value",
    ["x", {"aime24": 3}, {"aime24": {"modes": 3}}, {"aime24": {"modes": {"whole": []}}}, samples("x"), samples(10**12)],
)
def test_figures_of_another_form(value, run, treadle):
    content = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps({**content, "benchmarks": value}))
    treadle("compare", "run").refused("run/results.json", "benchmarks", "--regrade run")


@pytest.mark.parametrize("content", [b"[1]", b"\0\xff{", b"[" * 100_000, b'{"a": '])
@pytest.mark.parametrize("name", ["run.json", "results.json", "problems.jsonl", "samples.jsonl"])
def test_files_that_are_none(name, content, run, treadle):
    (run / name).write_bytes(content + b"\n")
    treadle("compare", "run").refused(f"run/{name}")


@pytest.mark.parametrize(
    ("key", "value"), [("finish", "x"), ("text", None), ("mode", "q"), ("step", ...), ("thought_tokens", "a")]
)
def test_a_line_of_the_journal(key, value, run, treadle):
    line = {"benchmark": "aime24", "problem": "aime24-1", "mode": "whole", "decoding": "greedy", "index": 0, "step": 0}
    line |= {"text": "1", "n_tokens": 1, "thought_tokens": 0, "finish": "stop", "error": None}
    (run / "generations.jsonl").write_text(json.dumps(line) + "\n")
    first(run / "generations.jsonl", **{key: value})
    treadle("evaluate", "--regrade", "run").refused("run/generations.jsonl, line 1", key)
