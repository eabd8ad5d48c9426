"""Majority among samples."""

from __future__ import annotations

from dataclasses import replace

from tests.teacher.examples import GOOD, ORIGIN, draft
from treadle.teacher.checks import Reason
from treadle.teacher.checks.agreement import Agreement


def sample(number, box, **fields):
    text = GOOD.replace("\\boxed{7}", f"\\boxed{{{box}}}")
    return draft(text, origin=replace(ORIGIN, sample=number), **{"answer": None, **fields})


def kept(check, answers):
    return [fault is None for fault in check.faults(sample(k, answer) for k, answer in enumerate(answers))]


def test_the_answer_of_most_samples_is_kept_however_it_is_written():
    assert kept(Agreement(0.5, 4), ["7", "7.0", "8", "x = 7"]) == [True, True, False, True]


def test_samples_that_gave_nothing_count_against_the_share():
    assert kept(Agreement(0.5, 4), ["7", "7"]) == [True, True]
    assert kept(Agreement(0.5, 5), ["7", "7"]) == [False, False]


def test_one_sample_never_agrees_with_itself_and_a_tie_is_no_majority():
    assert kept(Agreement(0.1, 4), ["7"]) == [False]
    assert kept(Agreement(0.5, 4), ["7", "7", "8", "8"]) == [False] * 4


def test_problems_do_not_vote_for_each_other():
    drafts = [sample(0, "7"), sample(1, "7"), sample(0, "7", problem_id="other")]
    faults = Agreement(0.5, 2).faults(drafts)
    assert [fault is None for fault in faults] == [True, True, False]
    assert faults[2].reason is Reason.MINORITY


def test_drafts_with_a_reference_may_be_left_alone():
    drafts = [sample(0, "7", answer="7"), sample(1, "9")]
    assert [f is None for f in Agreement(0.5, 2, verified=False).faults(drafts)] == [True, False]
    assert [f is None for f in Agreement(0.5, 2).faults(drafts)] == [False, False]
