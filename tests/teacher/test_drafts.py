"""Names of drafts, and what they remember."""

from __future__ import annotations

from dataclasses import replace

from tests.teacher.examples import ORIGIN, draft


def test_an_id_names_problem_round_and_sample():
    assert draft().id == "sum#0"
    assert draft(origin=replace(ORIGIN, sample=3)).id == "sum#3"
    assert draft(origin=replace(ORIGIN, sample=3, round=2, attempt=4)).id == "sum#round2-3"


def test_checks_are_remembered_in_order():
    passed = draft().passed("form").passed("length", "answer")
    assert passed.origin.checks == ("form", "length", "answer")
    assert passed.origin.record() == {
        "kind": "solve",
        "model": "teacher",
        "prompt_sha256": "0" * 64,
        "sample": 0,
        "round": 0,
        "attempt": 1,
        "checks": ["form", "length", "answer"],
    }
