from __future__ import annotations

from treadle.evaluate.swe.records import Graded, SweInstance, Verdict
from treadle.report.swe.listed_tests import MOST, listed_tests

TASK = SweInstance("a", "r", "c", "i", "p", ("f1", "f2"), ("p1", "p2", "p3"))
BEFORE = {"f1": "failed", "f2": "error", "p1": "passed", "p2": "passed", "p3": "passed"}


def graded(after, before=BEFORE):
    return Graded("a", Verdict.UNRESOLVED, "", before, after)


def test_what_had_to_be_mended_and_what_changed_stand_by_name_the_rest_as_a_count():
    found = listed_tests(graded({"f1": "passed", "f2": "failed", "p1": "passed", "p2": "failed", "p3": "passed"}), TASK)
    assert found.rows == [
        ("f2", "FAIL_TO_PASS", "error", "failed"),
        ("p2", "PASS_TO_PASS", "passed", "failed"),
        ("f1", "FAIL_TO_PASS", "failed", "passed"),
    ]
    assert (found.ran, found.more, found.rest) == (True, 0, ["2 PASS_TO_PASS passed before and after"])


def test_without_a_validation_before_is_not_known():
    found = listed_tests(graded({"f1": "passed", "p1": "passed", "p2": "failed", "p3": "passed"}, {}), TASK)
    assert found.rows == [
        ("f2", "FAIL_TO_PASS", "not known", "not run"),
        ("p2", "PASS_TO_PASS", "not known", "failed"),
        ("f1", "FAIL_TO_PASS", "not known", "passed"),
    ]
    assert found.rest == ["2 PASS_TO_PASS passed before and after"]


def test_without_the_task_kinds_are_not_known():
    found = listed_tests(graded({**BEFORE, "f1": "passed"}), None)
    assert found.rows == [("f1", "listed", "failed", "passed")]
    assert found.rest == ["1 listed error before and after", "3 listed passed before and after"]


def test_many_are_counted_and_none_ran_without_a_patch():
    many = SweInstance("a", "r", "c", "i", "p", tuple(f"f{k}" for k in range(MOST + 7)), ())
    found = listed_tests(graded({"x": "passed"}), many)
    assert (len(found.rows), found.more) == (MOST, 7)
    assert not listed_tests(graded({}), TASK).ran
