from __future__ import annotations

import threading
import time

import pytest

from treadle.grading import Grader, Verdict


@pytest.fixture(scope="module")
def grader():
    grader = Grader(workers=2, seconds=3)
    yield grader
    grader.close()


def test_equal_forms_are_right_and_others_wrong(grader):
    answers = [r"\frac{1}{2}", "0.5", r"\sqrt{4}", "(1, 2)", "x+1", "3"]
    references = ["0.5", r"\frac{2}{4}", "2", "(1,2)", "1+x", "4"]
    assert grader.grade(answers, references) == [Verdict.RIGHT] * 5 + [Verdict.WRONG]


def test_a_missing_answer_needs_no_worker():
    grader = Grader(workers=1)
    assert grader.grade([None, "5"], ["5", "5"]) == [Verdict.NO_ANSWER, Verdict.RIGHT]
    assert not grader._started


def test_a_hung_answer_costs_itself_only(grader):
    started = time.monotonic()
    verdicts = grader.grade(["9^{9^{9^{9}}}", "0.25", "(((10^{10})!)!)!", "0.2"], ["5", r"\frac14", "3", r"\frac15"])
    assert verdicts[1] == verdicts[3] == Verdict.RIGHT
    assert verdicts[0] in (Verdict.HUNG, Verdict.WRONG)
    assert verdicts[2] == Verdict.HUNG
    assert time.monotonic() - started < 30
    assert grader.grade(["0.5"], [r"\frac12"]) == [Verdict.RIGHT]


def test_a_killed_worker_is_replaced(grader):
    grader.grade(["0.5"], [r"\frac12"])
    for worker in list(grader._started):
        worker._process.kill()
        worker._process.wait()
    verdicts = grader.grade(["0.5"] * 4, [r"\frac12"] * 4)
    assert set(verdicts) <= {Verdict.RIGHT, Verdict.CRASHED}
    assert grader.grade(["0.5"], [r"\frac12"]) == [Verdict.RIGHT]


def test_works_from_other_threads(grader):
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(grader.grade(["0.5", "1"], [r"\frac12", "2"]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted([Verdict.RIGHT, Verdict.WRONG] * 4)


def test_counts_must_agree(grader):
    with pytest.raises(ValueError, match="2 answers for 1 references"):
        grader.grade(["1", "2"], ["1"])
