from __future__ import annotations

import signal
import threading
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from treadle.scoring.grading import GRADER_VERSION, Grade, Grader, Verdict, grader_version
from treadle.scoring.grading.workers import MEMORY_BYTES, Worker


def judged(grader, answers, references):
    """Verdicts of math-verify alone, which asks a worker for nearly everything."""
    return [grade.verdict for grade in grader.judge(answers, references, grader="math_verify")]


@pytest.fixture(scope="module")
def grader():
    grader = Grader(workers=2, seconds=3)
    yield grader
    grader.close()


def test_equal_forms_are_right_and_others_wrong(grader):
    answers = [r"\frac{1}{2}", "0.5", r"\sqrt{4}", "(1, 2)", "x+1", "3"]
    references = ["0.5", r"\frac{2}{4}", "2", "(1,2)", "1+x", "4"]
    assert judged(grader, answers, references) == [Verdict.RIGHT] * 5 + [Verdict.WRONG]


def test_a_missing_answer_needs_no_worker():
    grader = Grader(workers=1)
    assert judged(grader, [None, "5"], ["5", "5"]) == [Verdict.NO_ANSWER, Verdict.RIGHT]
    assert not grader._pool.started


def test_a_hung_answer_costs_itself_only(grader):
    started = time.monotonic()
    verdicts = judged(grader, ["9^{9^{9^{9}}}", "0.25", "(((10^{10})!)!)!", "0.2"], ["5", r"\frac14", "3", r"\frac15"])
    assert verdicts[1] == verdicts[3] == Verdict.RIGHT
    assert verdicts[0] in (Verdict.HUNG, Verdict.WRONG)
    assert verdicts[2] == Verdict.HUNG
    assert time.monotonic() - started < 30
    assert judged(grader, ["0.5"], [r"\frac12"]) == [Verdict.RIGHT]


def test_a_killed_worker_is_replaced(grader):
    judged(grader, ["0.5"], [r"\frac12"])
    for worker in list(grader._pool.started):
        worker._process.kill()
        worker._process.wait()
    assert judged(grader, ["0.5"] * 4, [r"\frac12"] * 4) == [Verdict.RIGHT] * 4
    assert judged(grader, ["0.5"], [r"\frac12"]) == [Verdict.RIGHT]


def test_a_worker_killed_while_it_judges_costs_no_verdict(monkeypatch):
    """The pair is asked again on a fresh process, and counts as crashed only when that dies, too."""
    grader, judge, kills = Grader(workers=1, seconds=5), Worker.judge, []

    def killed(worker, *pair):
        if kills and kills.pop():
            threading.Timer(0.2, worker._process.kill).start()
            worker._process.send_signal(signal.SIGSTOP)  # it would be done before
        return judge(worker, *pair)

    monkeypatch.setattr(Worker, "judge", killed)
    kills[:] = [True]
    assert grader.judge([r"\sqrt{4}\coth x"], [r"2\coth x"]) == [Grade(Verdict.RIGHT, "values at points")]
    kills[:] = [True, True]
    (grade,) = grader.judge([r"\sqrt{16}\coth x"], [r"4\coth x"])
    assert grade == Grade(Verdict.CRASHED, "the grading process died twice")
    assert judged(grader, ["0.5"], [r"\frac12"]) == [Verdict.RIGHT]
    assert len(grader._pool.started) <= 1
    grader.close()


def test_works_from_other_threads(grader):
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(judged(grader, ["0.5", "1"], [r"\frac12", "2"])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted([Verdict.RIGHT, Verdict.WRONG] * 4)


def test_counts_must_agree(grader):
    with pytest.raises(ValueError, match="2 answers for 1 references"):
        judged(grader, ["1", "2"], ["1"])


def test_judging_names_the_rule(grader):
    answers = ["7", "027", None, r"\frac{1}{2}", "0.33333", r"2\sqrt{2}", r"\text{East}"]
    references = ["7", "27", "5", "0.5", r"\frac{1}{3}", r"\sqrt{8}", "east"]
    kinds = ["math", "integer", "math", "math", "minerva", "math", "text"]
    assert grader.judge(answers, references, kinds) == [
        Grade(Verdict.RIGHT, "same text"),
        Grade(Verdict.RIGHT, "integers"),
        Grade(Verdict.NO_ANSWER, "no answer"),
        Grade(Verdict.RIGHT, "equal numbers"),
        Grade(Verdict.RIGHT, "numbers within 1e-4"),
        Grade(Verdict.RIGHT, "values"),
        Grade(Verdict.RIGHT, "words"),
    ]


def test_what_hangs_is_marked_and_costs_itself_only(grader):
    grades = grader.judge([r"\coth((((10^{10})!)!)!)", r"\sqrt{4}", r"x\sqrt{9}"], ["3", "2", "3x"])
    assert grades[0].verdict in (Verdict.HUNG, Verdict.CRASHED)
    assert [grade.verdict for grade in grades[1:]] == [Verdict.RIGHT] * 2


def test_the_limit_is_processor_time():
    """A worker that is stopped for a while has not used its time."""
    grader, judged = Grader(workers=1, seconds=1), []
    grader.judge([r"\sqrt{4}\coth x"], [r"2\coth x"])
    (worker,) = grader._pool.started
    worker._process.send_signal(signal.SIGSTOP)
    thread = threading.Thread(target=lambda: judged.extend(grader.judge([r"\sqrt{16}\coth x"], [r"4\coth x"])))
    thread.start()
    time.sleep(1.5)
    worker._process.send_signal(signal.SIGCONT)
    thread.join()
    assert grader._pool.started == {worker}
    assert [grade.verdict for grade in judged] == [Verdict.RIGHT]
    grader.close()


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="limits of other processes are shown by Linux only")
def test_workers_are_limited_in_memory(grader):
    grader.judge([r"\sqrt{4}\coth x"], [r"2\coth x"])
    for worker in grader._pool.started:
        limits = Path(f"/proc/{worker._process.pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max address space")]
        assert int(line.split()[3]) <= MEMORY_BYTES


def test_equal_pairs_are_asked_for_once(grader):
    grades = grader.judge([r"\sqrt{4}"] * 5000, ["2"] * 5000)
    assert set(grades) == {Grade(Verdict.RIGHT, "equal numbers")}


@pytest.mark.parametrize(("kinds", "message"), [("maths", "kind 'maths'"), (["math"], "2 answers and 1 kinds")])
def test_wrong_kinds_are_refused(grader, kinds, message):
    with pytest.raises(ValueError, match=message):
        grader.judge(["1", "2"], ["1", "2"], kinds)


def test_the_version_names_the_libraries():
    assert all(f"{name} {version(name)}" in GRADER_VERSION for name in ("math-verify", "sympy"))


def test_the_graders_have_versions_of_their_own():
    assert grader_version("treadle") == GRADER_VERSION != grader_version("math_verify")


def test_an_unknown_grader_is_refused(grader):
    with pytest.raises(ValueError, match="grader 'sympy': expected one of treadle, math_verify"):
        grader.judge(["1"], ["1"], grader="sympy")


def test_ordinary_pairs_need_no_worker():
    grader = Grader(workers=1)
    answers = ["0.5", r"2\sqrt{3}", "x^2+2x+1", "(1, 2)", "5 cm", r"\frac{3\pi}{4}", "x<2", r"3\text{ or }4"]
    references = [r"\frac12", r"\sqrt{12}", "(x+1)^2", "(1,2)", "5", r"0.75\pi", r"(-\infty,2)", "4, 3"]
    assert {grade.verdict for grade in grader.judge(answers, references)} == {Verdict.RIGHT}
    assert not grader._pool.started
