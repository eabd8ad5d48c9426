"""Samples asked, checked and asked again against a real server, in waves, from a store, within a budget."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tests.teacher.examples import GOOD
from tests.teacher.scripted import teaching
from treadle.errors import ModelError
from treadle.evaluate.backends.server import ServerBackend
from treadle.evaluate.records import Sampling
from treadle.teacher.asking import Assignment, Wording
from treadle.teacher.checks import Reason
from treadle.teacher.checks.answer import RightAnswer
from treadle.teacher.checks.form import Form
from treadle.teacher.costs import Prices
from treadle.teacher.rounds import State, Teacher, window_of, works_of
from treadle.teacher.store import Store

QUICK = {"first_wait": 0.01, "longest_wait": 0.02, "concurrency": 8}
PROSE = "We add and get \\boxed{7}."


def assignments(count):
    return [Assignment(f"p{n}", f"What is $3 + 4$? ({n})", "7") for n in range(count)]


@contextmanager
def a_teacher(tmp_path, script, settings=None, **how):
    with teaching(script, **(settings or {})) as server:
        backend = ServerBackend("tiny", server.url, **QUICK)
        store = Store(tmp_path / "store", {"model": "tiny"})
        yield server, Teacher(backend, store, "tiny", Wording(), Sampling(1000, 1.0), [Form(), RightAnswer()], **how)
        store.close()


def second_try(body):
    """Prose first, and steps once the fault is named."""
    return GOOD if len(body["messages"]) == 3 else PROSE


def test_each_sample_is_asked_with_a_seed_of_its_own(tmp_path):
    with a_teacher(tmp_path, lambda body: GOOD) as (server, teacher):
        works = works_of(assignments(3), 4)
        assert teacher.work(works)
    assert [work.state for work in works] == [State.KEPT] * 12
    assert [(work.assignment.id, work.sample) for work in works[:5]] == [*(("p0", k) for k in range(4)), ("p1", 0)]
    assert len({body["seed"] for body in server.bodies}) == 12
    assert set(server.asked.values()) == {4}


def test_a_log_says_what_is_asked(tmp_path, capsys):
    with a_teacher(tmp_path, lambda body: GOOD) as (_, teacher):
        teacher.work(works_of(assignments(2), 1), progress=True)
    assert capsys.readouterr().err.splitlines()[0] == "tiny: 2 samples of up to 1,000 tokens"


def test_asked_again_with_the_fault_named_and_kept(tmp_path):
    with a_teacher(tmp_path, second_try, tries=2) as (server, teacher):
        works = works_of(assignments(5), 1)
        teacher.work(works)
        drafts = [list(teacher.drafts(work)) for work in works]
    assert [work.state for work in works] == [State.KEPT] * 5
    again = [body["messages"] for body in server.bodies if len(body["messages"]) > 1]
    assert len(again) == 5
    assert {messages[1]["content"] for messages in again} == {PROSE}
    assert all("no line starts a numbered step" in messages[2]["content"] for messages in again)
    for (first, fault), (second, none) in drafts:
        assert (first.text, fault.reason, first.origin.attempt, first.origin.checks) == (PROSE, Reason.NO_STEPS, 1, ())
        assert (second.text, none, second.origin.attempt) == (GOOD, None, 2)
        assert second.origin.checks == ("form", "answer")
        assert second.origin.prompt_sha256 != first.origin.prompt_sha256


def test_given_up_after_the_last_try(tmp_path):
    with a_teacher(tmp_path, lambda body: PROSE, tries=3) as (server, teacher):
        works = works_of(assignments(2), 1)
        teacher.work(works)
    assert [(work.state, len(work.tries)) for work in works] == [(State.GIVEN_UP, 3)] * 2
    assert Counter(len(body["messages"]) for body in server.bodies) == {1: 2, 3: 2, 5: 2}


def test_what_the_store_holds_is_not_asked_again(tmp_path):
    with a_teacher(tmp_path, second_try, tries=1) as (server, teacher):
        teacher.work(works_of(assignments(4), 1))
        assert len(server.bodies) == 4
    with a_teacher(tmp_path, second_try, tries=2) as (server, teacher):  # one more try, two more problems
        works = works_of(assignments(6), 1)
        teacher.work(works)
    assert [work.state for work in works] == [State.KEPT] * 6
    assert Counter(len(body["messages"]) for body in server.bodies) == {1: 2, 3: 6}
    with a_teacher(tmp_path, lambda body: pytest.fail("asked"), tries=2) as (server, teacher):
        teacher.work(works_of(assignments(6), 1))
    assert not server.bodies


@pytest.mark.parametrize(("concurrency", "window"), [(1, 2048), (64, 2048), (512, 16384)])
def test_a_window_is_deep_against_what_is_under_way(concurrency, window):
    assert window_of(SimpleNamespace(concurrency=concurrency)) == window


def test_a_window_bounds_what_is_open(tmp_path):
    with a_teacher(tmp_path, second_try, tries=2, window=3) as (_, teacher):
        works = works_of(assignments(10), 1)
        waves = []
        generate = teacher.backend.generate

        def counted(requests, sampling):
            waves.append(len(requests))
            return generate(requests, sampling)

        teacher.backend.generate = counted
        teacher.work(works)
    assert max(waves) == 3
    assert sum(waves) == 20
    assert all(work.state is State.KEPT and work.messages is None for work in works)


def test_failures_are_told_from_refused_work_and_tried_by_the_next_run(tmp_path):
    faults = {"*": ["long"]}  # whoever comes first is too long for the server
    with a_teacher(tmp_path, lambda body: GOOD, {"faults": faults}) as (_, teacher):
        works = works_of(assignments(5), 1)
        teacher.work(works)
    (failed,) = [work for work in works if work.state is State.FAILED]
    assert failed.error.startswith("status 400, This model's maximum context length")
    with a_teacher(tmp_path, lambda body: GOOD) as (server, teacher):
        works = works_of(assignments(5), 1)
        teacher.work(works)
    assert len(server.bodies) == 1
    assert [work.state for work in works] == [State.KEPT] * 5


def test_a_budget_is_never_exceeded_and_a_larger_one_goes_on(tmp_path):
    spent = 0.0
    asked = 0
    for budget in (0.03, 0.05, 1.0):
        prices = Prices(1.0, 10.0, budget)  # an answer of 1000 tokens costs 0.01 at most, and much less in fact
        with a_teacher(tmp_path, lambda body: GOOD, prices=prices) as (server, teacher):
            works = works_of(assignments(100), 1)
            finished = teacher.work(works)
            cost = prices.of(teacher.store.tokens)
        assert finished is (budget == 1.0)
        assert spent < cost <= budget
        assert finished or cost > budget - 0.012
        spent, asked = cost, asked + len(server.bodies)
    assert asked == 100


def test_a_model_that_changes_under_way_ends_the_run(tmp_path):
    names = iter(["tiny-1"] * 10 + ["tiny-2"] * 1000)
    with a_teacher(tmp_path, lambda body: {"text": GOOD, "model": next(names)}) as (_, teacher):
        with pytest.raises(ModelError, match="answers with the model 'tiny-2' now, and did with 'tiny-1' before"):
            teacher.work(works_of(assignments(60), 1))
        assert 0 < len(teacher.store) <= 10
