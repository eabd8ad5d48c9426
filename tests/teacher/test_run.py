"""Whole runs against a server that plays a teacher from real solutions, with faults in known shares."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest

from tests.processes import forked
from tests.teacher.examples import GOOD
from tests.teacher.plays import SHARES, WAYS, in_prose, lessons, with_wrong_answer
from tests.teacher.scripted import teaching
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.reading import read_trajectories
from treadle.errors import DataError, ModelError, OutputError
from treadle.teacher.asking import Assignment, Wording, ask
from treadle.teacher.assignments import Assignments, problems_to_solve, solutions_to_rewrite
from treadle.teacher.outcomes import missing
from treadle.teacher.run import teach
from treadle.teacher.settings import TeachSettings

QUICK = {"first_wait": 0.01, "longest_wait": 0.02}
ONE = TeachSettings(samples=1, max_new_tokens=4000)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def first_prompt(body):
    return body["messages"][0]["content"]


def accounted(report):
    samples = report["samples"]
    counted = samples["kept"] + sum(samples["rejected"].values()) + sum(samples["failed"].values())
    return counted + samples["not_asked"] == samples["all"]


def test_every_fault_is_found_and_counted_and_nothing_wrong_is_kept(data, tmp_path):
    ways = [way for way in WAYS for _ in range(SHARES.get(way, 1))]
    found = lessons(data, 6 * len(ways))
    assert len(found) == 6 * len(ways)
    way_of = {lesson.id: ways[k % len(ways)] for k, lesson in enumerate(found)}
    asked = {ask(Assignment(f.id, f.problem, f.answer), Wording())[0]["content"]: f for f in found}
    prompts = {lesson.id: prompt for prompt, lesson in asked.items()}
    refused = {lesson.id for lesson in found[::27]}  # too long for the server
    passing = ["status:429", "half", "slow:1.5", "status:500", "garbage"]
    faults = {prompts[f.id]: [passing[k % 5]] for k, f in enumerate(found) if k % 9 == 4}
    faults |= {prompts[name]: ["long:always"] for name in refused}

    def script(body):
        lesson = asked[first_prompt(body)]
        return WAYS[way_of[lesson.id]][0](lesson)

    problems = [{"id": f.id, "problem": f.problem, "answer": f.answer} for f in found]
    source = written(tmp_path / "problems.jsonl", problems)
    with teaching(script, faults=faults) as server:
        options = {"url": server.url, "timeout": 1.0, **QUICK}
        report = teach("tiny", problems_to_solve(source), ONE, tmp_path / "out", options=options, progress=False)

    answered = {name: way for name, way in way_of.items() if name not in refused}
    truth = {name for name, way in answered.items() if WAYS[way][1] is None}
    kept = {row["origin"]["problem_id"] for row in lines(tmp_path / "out/trajectories.jsonl")}
    assert kept <= truth  # precision 1.0
    assert len(kept) >= 0.98 * len(truth)  # recall
    reasons = {
        row["origin"]["problem_id"]: row["reason"]
        for row in lines(tmp_path / "out/rejected.jsonl")
        if row["text"] is not None
    }
    assert reasons == {n: str(WAYS[way][1]) for n, way in answered.items() if n not in kept}
    assert report["samples"]["failed"] == {"refused": len(refused)}
    assert report["samples"]["rejected"] == Counter(reasons.values())
    assert accounted(report)
    assert missing(report) == len(refused)

    solved = {f.id: f for f in found}
    rows = list(read_trajectories(tmp_path / "out"))
    assert len(rows) == len(kept)
    for row in rows:
        lesson, thought = solved[row.meta["origin"]["problem_id"]], row.steps[0].thought
        assert (row.problem, row.answer, row.verified) == (lesson.problem, lesson.answer, True)
        assert (thought == "Let me think.") is ("thought" in way_of[lesson.id])
    prepared = prepare(tmp_path / "out", tmp_path / "data", PrepareSettings(held_out=5))
    assert prepared.rows.read == len(kept)
    assert prepared.origins == {"solve by tiny": len(kept)}


def test_rewritings_follow_their_original_or_are_asked_for_again(data, tmp_path):
    """First tries are right, bring another solution, or change the answer; half of the second tries are right."""
    found = lessons(data, 60)
    rows = [{"id": f.id, "problem": f.problem, "solution": in_prose(f), "answer": f.answer} for f in found]
    given = solutions_to_rewrite(written(tmp_path / "solutions.jsonl", rows))
    assert len(given.items) == 60
    place = {ask(item, Wording())[0]["content"]: k for k, item in enumerate(given.items)}

    def other(k):
        """Another problem's solution with the answer of this one, so that only its steps give it away."""
        text = found[(k + 7) % 60]
        return text.text.replace(f"\\boxed{{{text.answer}}}", f"\\boxed{{{found[k].answer}}}")

    def script(body):
        k, tries = place[first_prompt(body)], len(body["messages"]) // 2
        if k % 3 == 0 or (tries and k % 2):
            return found[k].text
        return other(k) if k % 3 == 1 else with_wrong_answer(found[k])

    settings = TeachSettings(samples=1, tries=2, temperature=0.0, max_new_tokens=4000)
    with teaching(script) as server:
        options = {"url": server.url, **QUICK}
        report = teach("tiny", given, settings, tmp_path / "out", options=options, progress=False)
        bodies = server.bodies
    kept = {row["origin"]["problem_id"]: row for row in lines(tmp_path / "out/trajectories.jsonl")}
    right = {f.id for k, f in enumerate(found) if k % 3 == 0 or k % 2}
    assert set(kept) == right
    assert {kept[f.id]["origin"]["attempt"] for k, f in enumerate(found) if k % 3 == 0} == {1}
    assert {kept[f.id]["origin"]["attempt"] for k, f in enumerate(found) if k % 3 and k % 2} == {2}
    assert all(row["solution"] in {f.text for f in found} for row in kept.values())
    assert report["samples"]["rejected"] == {"strays_from_original": 10, "wrong_answer": 10}
    assert report["tries"]["asked_again_for"] == {"strays_from_original": 20, "wrong_answer": 20}
    said = [body["messages"][2]["content"] for body in bodies if len(body["messages"]) == 3]
    assert sum("formulas and numbers occur in the original" in text for text in said) == 20
    assert accounted(report)


def simple(tmp_path, count=6):
    rows = [{"id": f"p{n}", "problem": f"What is $3 + 4$? ({n})", "answer": "7"} for n in range(count)]
    return problems_to_solve(written(tmp_path / "p.jsonl", rows))


LOOSE = TeachSettings(samples=1, duplicates=False, max_new_tokens=1000)


def run(given, out, server, settings=LOOSE, **how):
    return teach("tiny", given, settings, out, options={"url": server.url, **QUICK}, progress=False, **how)


def test_killed_and_run_again(tmp_path):
    """SIGKILL in the middle: what was answered is kept, and of it nothing is asked twice."""
    given, out = simple(tmp_path, 200), tmp_path / "out"
    answers = out / "store/answers.jsonl"
    with teaching(lambda body: GOOD, delay=0.05) as server:
        command = [
            "teach",
            "solve",
            tmp_path / "p.jsonl",
            "--model",
            "tiny",
            "-o",
            out,
            "-n",
            "1",
            "--concurrency",
            "4",
        ]
        command += ["--duplicates", "keep", "--max-new-tokens", "1000", "--base-url", server.url]
        with forked("treadle.cli.main", *command, out=tmp_path / "said") as process:
            until = time.monotonic() + 200
            while not (answers.exists() and answers.stat().st_size > 60_000):
                assert process.poll() is None, process.output
                assert time.monotonic() < until
                time.sleep(0.002)
    with pytest.raises(DataError, match=r"`treadle teach` without trajectories\.jsonl, not finished; run its command"):
        list(read_trajectories(out))
    before = answers.read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    had = {json.loads(line)["prompt"][0]["content"] for line in whole.splitlines()}
    assert 10 < len(had) < 200
    with answers.open("ab") as file:
        file.write(b'{"key": "0')  # what a kill within a write leaves
    with teaching(lambda body: GOOD) as server:
        report = run(given, out, server)
        asked = set(server.asked)
        assert set(server.asked.values()) == {1}
    assert not asked & had
    assert len(asked) + len(had) == 200
    assert answers.read_bytes().startswith(whole)
    assert (report["samples"]["kept"], len(lines(out / "trajectories.jsonl"))) == (200, 200)


def test_checks_may_change_without_asking_again(tmp_path):
    given, out = simple(tmp_path), tmp_path / "out"
    with teaching(lambda body: GOOD) as server:
        assert run(given, out, server)["samples"]["kept"] == 6
        strict = run(given, out, server, TeachSettings(samples=1, max_new_tokens=1000, chars=(1, 50)))
        assert strict["samples"]["rejected"] == {"too_long": 6}
        assert lines(out / "trajectories.jsonl") == []
        assert len(server.bodies) == 6


def test_other_settings_and_other_folders_are_refused(tmp_path):
    given, out = simple(tmp_path), tmp_path / "out"
    with teaching(lambda body: GOOD) as server:
        run(given, out, server)
        before = (out / "trajectories.jsonl").read_bytes()
        with pytest.raises(OutputError, match=r"temperature: 1\.0 there, 0\.5 now\); give another folder"):
            run(given, out, server, TeachSettings(samples=1, max_new_tokens=1000, temperature=0.5))
        assert (out / "trajectories.jsonl").read_bytes() == before
        run(given, out, server, TeachSettings(samples=1, max_new_tokens=1000, temperature=0.5), overwrite=True)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/notes.txt").write_text("mine")
        with pytest.raises(OutputError, match="exists already"):
            run(given, tmp_path / "mine", server)
        assert (tmp_path / "mine/notes.txt").read_text() == "mine"


def test_a_server_that_is_gone_loses_nothing(tmp_path):
    given, out = simple(tmp_path, 20), tmp_path / "out"
    faults = {"*": ["status:429:always"]}
    with teaching(lambda body: GOOD) as server:
        run(Assignments("p", given.items[:8], 8), out, server)
    with teaching(lambda body: GOOD, faults=faults) as server:
        options = {"url": server.url, "retries": 1, "give_up_after": 4, **QUICK}
        with pytest.raises(ModelError, match=r"(?s)rate_limit.*8 answers are in .*store, and the same command goes on"):
            teach("tiny", given, LOOSE, out, options=options, progress=False)
    with teaching(lambda body: GOOD) as server:
        assert run(given, out, server)["samples"]["kept"] == 20
        assert len(server.bodies) == 12


def test_unverified_solutions_are_kept_by_agreement(tmp_path):
    rows = [{"id": name, "problem": f"{name}: what is $3 + 4$?"} for name in ("agreed", "split")]
    given = problems_to_solve(written(tmp_path / "p.jsonl", rows), unverified=True)
    answers = {"agreed": ["7", "7", "8", "7"], "split": ["1", "2", "3", "4"]}

    def script(body):
        name = "agreed" if "agreed" in first_prompt(body) else "split"
        return GOOD.replace("\\boxed{7}", f"\\boxed{{{answers[name].pop()}}}")

    settings = TeachSettings(samples=4, unverified=True, agreement=0.5, duplicates=False, max_new_tokens=1000)
    with teaching(script) as server:
        report = run(given, tmp_path / "out", server, settings)
    assert report["samples"] | {"failed": 0} == {
        "all": 8,
        "kept": 3,
        "rejected": {"minority_answer": 5},
        "failed": 0,
        "not_asked": 0,
    }
    kept = lines(tmp_path / "out/trajectories.jsonl")
    assert all("verified" not in row and "answer" not in row for row in kept)
    assert {tuple(row["origin"]["checks"]) for row in kept} == {("form", "length", "repetition", "boxed", "agreement")}
