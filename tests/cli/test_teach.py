"""`treadle teach`: exit codes, one line for what is wrong, keys that reach no file, a folder that prepare takes."""

from __future__ import annotations

import json

import pytest

from tests.teacher.examples import GOOD
from tests.teacher.scripted import teaching

KEY = "key-of-nobody-4711"


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "problems.jsonl"
    rows = [{"id": f"p{n}", "problem": f"What is $3 + 4$? ({n})", "answer": "7"} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def command(problems, out, server, *more):
    fixed = ("teach", "solve", problems, "-o", out, "--model", "tiny", "-n", 1, "--duplicates", "keep")
    return *fixed, "--max-new-tokens", 500, "--base-url", server if isinstance(server, str) else server.url, *more


def test_a_folder_that_prepare_takes(treadle, problems, tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHERS_KEY", KEY)
    out = tmp_path / "out"
    with teaching(lambda body: {"text": GOOD, "thought": f"It is {KEY}.", "model": f"tiny {KEY}"}, key=KEY) as server:
        prices = ("--price-in", 1, "--price-out", 4, "--api-key-env", "TEACHERS_KEY")
        code, said, _ = treadle(*command(problems, out, server, *prices))
    assert code == 0, said
    assert "samples 5 = kept 5 + rejected 0 + failed 0 + not asked 0" in said
    assert "; cost 0.00" in said
    assert f"go on with `treadle prepare {out} -o DATA`" in said
    assert not [path for path in out.rglob("*") if path.is_file() and KEY in path.read_text()]
    code, said, _ = treadle("prepare", out, "-o", tmp_path / "data", "--held-out", 1)
    assert code == 0, said
    assert "| solve by tiny | 5 |" in said
    assert "rows read 5, kept 5" in said


def test_the_budget_ends_a_run_in_time_and_says_how_to_go_on(treadle, problems, tmp_path):
    prices = ("--price-in", 0, "--price-out", 1000)  # an answer costs 0.50 at most
    with teaching(lambda body: GOOD) as server:
        code, said, _ = treadle(*command(problems, tmp_path / "out", server, *prices, "--budget", 0.55))
        assert code == 1
        assert "stopped at the budget of 0.55: 3 of 5 samples are not asked" in said
        code, said, _ = treadle(*command(problems, tmp_path / "out", server, *prices, "--budget", 10))
        assert code == 0
        assert "samples 5 = kept 5" in said
        assert len(server.bodies) == 5


def test_rewrite(treadle, tmp_path):
    solutions = tmp_path / "solutions.jsonl"
    row = {"problem": "What is $3 + 4$?", "solution": "Counting on from 3 by 4, $3 + 4 = 7$, so it is $\\boxed{7}$."}
    solutions.write_text(json.dumps(row) + "\n")
    with teaching(lambda body: GOOD) as server:
        words = ("teach", "rewrite", solutions, "-o", tmp_path / "out", "--model", "tiny", "--base-url", server.url)
        code, said, _ = treadle(*words)
    assert code == 0, said
    (kept,) = map(json.loads, (tmp_path / "out/trajectories.jsonl").read_text().splitlines())
    assert (kept["solution"], kept["answer"], kept["origin"]["kind"]) == (GOOD, "7", "rewrite")
    assert "follows" in kept["origin"]["checks"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--budget", 1), "--budget: needs --price-in and --price-out"),
        (("--price-in", 1), "--price-in and --price-out go together"),
        (("--chars", "50"), "--chars 50: expected LEAST:MOST"),
        (("--chars", "50:10"), "--chars 50:10: no length is in this band"),
        (("--temperature", 0, "-n", 4), "-n 4 with --temperature 0: all samples of a problem would be equal"),
        (("--unverified",), "--agreement 0.5 with -n 1"),
        (("--kind", "maths"), "--kind 'maths': expected math or"),
        (("--language", "xx"), "--language xx: no code"),
        (("--against", "nowhere"), "--against nowhere: neither a file"),
        (("--api-key-env", "NO_SUCH_VARIABLE"), "environment variable NO_SUCH_VARIABLE is not set"),
    ],
)
def test_what_is_wrong_is_one_line(treadle, problems, tmp_path, more, said):
    code, _, err = treadle(*command(problems, tmp_path / "out", "http://127.0.0.1:9/v1", *more))
    assert code == 2
    assert err.startswith("treadle: error: ")
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_no_server_and_no_answers(treadle, problems, tmp_path):
    code, _, err = treadle(*command(problems, tmp_path / "out", "http://127.0.0.1:9/v1"))
    assert (code, "no server answers" in err) == (2, True)
    problems.write_text('{"problem": "Why?"}\n')
    with teaching(lambda body: GOOD) as server:
        code, _, err = treadle(*command(problems, tmp_path / "out", server))
    assert code == 2
    assert "none of 1 rows is left to be given (1 no_answer); --unverified takes problems without an answer" in err
