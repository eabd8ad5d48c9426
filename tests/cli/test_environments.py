"""A domain with an environment through the commands: teach, prepare, evaluate, view; and what each refuses."""

from __future__ import annotations

import pytest

from tests.domains.stack import FIELD, script, write_problems
from tests.teacher.scripted import teaching


@pytest.fixture(autouse=True)
def no_domains(monkeypatch):
    monkeypatch.setenv("TREADLE_DOMAINS", "")


def test_from_problems_to_a_page(treadle, tmp_path, monkeypatch):
    problems, out, data = write_problems(tmp_path / "set.jsonl", range(5, 13)), tmp_path / "taught", tmp_path / "data"
    own = ("--domain", FIELD)
    with teaching(script) as server:
        at = ("--model", "tiny", "--base-url", server.url)
        code, said, errors = treadle("teach", "solve", problems, "-o", out, *at, "-n", 4, *own)
        assert code == 0, errors
        assert "samples 32 = kept" in said
        assert f"go on with `treadle prepare {out} --domain {FIELD} -o DATA`" in said
        code, said, errors = treadle("prepare", out, "-o", data, "--held-out", 2, "--context", 1, *own)
        assert code == 0, errors
        assert "environment: " in said
        assert "trajectories replayed" in said
        monkeypatch.setenv("TREADLE_DOMAINS", "")  # as in a process of its own, which knows only what it is given
        back_end = ("--backend", "openai", "--base-url", server.url)
        run = ("evaluate", "tiny", "-o", tmp_path / "run", "--data", data, *back_end, *own)
        code, said, errors = treadle(*run)
        assert code == 2
        assert "no prompt for whole solutions" in errors
        assert "--mode loop" in errors
        code, said, errors = treadle(*run, "--mode", "loop", "--max-steps", 5)
        assert code == 0, errors
    info = (tmp_path / "run" / "run.json").read_text()
    assert '"context": 1' in info
    code, said, errors = treadle("view", tmp_path / "run")
    assert code == 0, errors


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--chars", "1:9"), "--chars"),
        (("--max-new-tokens", 9), "--max-step-tokens"),
        (("--context", 1), "--context"),
    ],
)
def test_options_that_mean_nothing_are_refused(treadle, tmp_path, more, said):
    problems = write_problems(tmp_path / "set.jsonl", [5])
    at = ("-o", tmp_path / "out", "--model", "tiny", "--base-url", "http://localhost:9", "--domain", FIELD)
    code, _, errors = treadle("teach", "solve", problems, *at, *more)
    assert code == 2
    assert said in errors
    assert not (tmp_path / "out").exists()
