"""Selection by a real student, the miniature's base: rates, files, other bands, going on, empty bands."""

from __future__ import annotations

import json
import random
import re
from collections import Counter

import pytest

from tests.cli.conftest import treadle  # noqa: F401
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.evaluate.benchmarks import load_data
from treadle.miniature import world

K = 4


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    """Chains of one operation, most of which the base solves at times, and of eight, which it does not."""
    rng = random.Random(0)
    chains = [world.make_problem(rng, steps) for steps in (1, 1, 1, 1, 8, 8)]
    path = tmp_path_factory.mktemp("problems") / "chains.jsonl"
    rows = [{"id": f"p{i}", "problem": p.text, "answer": p.answer, "level": i} for i, p in enumerate(chains)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def select(treadle, problems):  # noqa: F811
    def run(out, *more):
        sizes = ("--domain", "miniature", "--max-new-tokens", 60, "-k", K)
        return treadle("teach", "select", problems, "--model", "miniature", *sizes, "-o", out, *more)

    return run


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def counted(out):
    """Right samples of each problem, from the journal alone: the miniature's answers are three digits in a box."""
    answers = {row["id"]: row["answer"] for row in lines(out / "run" / "problems.jsonl")}
    right = Counter(dict.fromkeys(answers, 0))
    for line in lines(out / "run" / "generations.jsonl"):
        boxes = re.findall(r"\\boxed\{(\d+)\}", line["text"])
        right[line["problem"]] += bool(boxes) and boxes[-1] == answers[line["problem"]]
    return right


def test_a_selection_and_another_band_of_the_same_samples(select, problems, tmp_path):
    out = tmp_path / "out"
    code, printed, _ = select(out)
    assert code == 0
    right = counted(out)
    assert {row["id"]: row["right"] for row in lines(out / "rates.jsonl")} == right
    assert any(0 < count < K for count in right.values()), "the test needs a problem in the band"
    files = {name: {row["id"] for row in lines(out / f"{name}.jsonl")} for name in ("easy", "band", "unsolved")}
    assert files == {
        "easy": {name for name, count in right.items() if count == K},
        "band": {name for name, count in right.items() if 0 < count < K},
        "unsolved": {name for name, count in right.items() if count == 0},
    }
    source = {row["id"]: row for row in lines(problems)}
    assert all(row == source[row["id"]] for row in lines(out / "band.jsonl"))
    assert f"| band | {len(files['band'])} |" in printed
    assert "None of 4 right leaves pass rates of up to 49% possible" in printed
    assert [p.id for p in load_data(out / "band.jsonl").problems] == [r["id"] for r in lines(out / "band.jsonl")]
    prepare(out / "unsolved.jsonl", tmp_path / "data", PrepareSettings(answers_only=True, held_out=0))
    assert {t.id for t in Prepared(tmp_path / "data").trajectories()} == files["unsolved"]

    journal = (out / "run" / "generations.jsonl").read_bytes()
    code, printed, _ = select(out, "--band", "hard")
    assert code == 0
    assert (out / "run" / "generations.jsonl").read_bytes() == journal
    assert {row["id"] for row in lines(out / "band.jsonl")} == files["unsolved"]
    assert {row["id"] for row in lines(out / "easy.jsonl")} == files["easy"] | files["band"]
    assert not (out / "unsolved.jsonl").exists()


def test_a_killed_selection_asks_only_for_what_is_missing(select, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    select(whole)
    select(out)
    journal = out / "run" / "generations.jsonl"
    kept = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(kept[:10]) + kept[10][:20])
    for name in ("rates.jsonl", "band.jsonl", "report.json"):
        (out / name).unlink()
    code, printed, _ = select(out)
    assert code == 0
    assert "10 generations are there already, the last line was torn" in printed
    assert (out / "rates.jsonl").read_bytes() == (whole / "rates.jsonl").read_bytes()
    assert len(lines(journal)) == len(kept)


def test_an_empty_band_is_an_error_with_the_counts(select, tmp_path):
    out = tmp_path / "out"
    code, _, error = select(out, "--max-new-tokens", 1)
    assert code == 2
    error = error.splitlines()[-1]  # the line before shows how weights are loaded
    assert "no problem is in the band 'learnable'" in error
    assert "0 easy, 6 unsolved; give more samples with -k" in error
    assert len(lines(out / "unsolved.jsonl")) == len(lines(out / "rates.jsonl")) == 6
    assert not (out / "band.jsonl").exists()


def test_other_settings_and_other_folders_are_refused(select, tmp_path):
    out = tmp_path / "out"
    select(out, "--max-new-tokens", 2, "--band", "hard")
    code, _, error = select(out, "--max-new-tokens", 3, "--band", "hard")
    assert code == 2
    assert "settings.max_new_tokens: 2 there, 3 now" in error
    assert json.loads((out / "report.json").read_text())["places"]["band"]["problems"] == 6
    assert select(out, "--max-new-tokens", 3, "--band", "hard", "--overwrite")[0] == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    code, _, error = select(tmp_path / "other")
    assert code == 2
    assert "exists already" in error


def test_bad_values_are_named(select, tmp_path):
    for flags, message in (
        (("--band", "medium"), "--band"),
        (("--temperature", 0), "--temperature 0"),
        (("--columns", "answer=gold"), "gold"),
    ):
        code, _, error = select(tmp_path / "out", *flags)
        assert (code, error.count("\n")) == (2, 1), error
        assert message in error
