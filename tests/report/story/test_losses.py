from __future__ import annotations

import pytest

from tests.report.evaluation.runs import attempt
from treadle.evaluate.records import Stop
from treadle.report.story.losses import Loss, Losses, fault_table, loss_of, loss_table, sentence
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict


def one(verdict: str, **fields):
    return attempt("amc23", "a", "whole", "greedy", 0, verdict, **fields)


@pytest.mark.parametrize(
    ("verdict", "fields", "expected"),
    [
        ("r", {}, None),
        ("r", {"stop": Stop.TRUNCATED, "fault": FormatFault.NO_THINK_BLOCK}, None),
        ("w", {}, Loss.WRONG),
        ("n", {}, Loss.NO_ANSWER),
        ("n", {"lenient_verdict": Verdict.RIGHT}, Loss.NO_BOX),
        ("n", {"lenient_verdict": Verdict.WRONG}, Loss.NO_ANSWER),
        ("n", {"text": " \n"}, Loss.EMPTY),
        ("n", {"stop": Stop.TRUNCATED}, Loss.CUT_OFF),
        ("n", {"stop": Stop.TRUNCATED, "text": ""}, Loss.CUT_OFF),
        ("w", {"stop": Stop.TRUNCATED}, Loss.CUT_OFF),
        ("n", {"stop": Stop.FORMAT_FAULT, "fault": FormatFault.EMPTY_ACTION}, Loss.FORMAT),
        ("n", {"stop": Stop.REPEATED}, Loss.LOOP),
        ("n", {"stop": Stop.STEP_LIMIT}, Loss.LOOP),
        ("h", {}, Loss.UNDECIDED),
        ("c", {}, Loss.UNDECIDED),
        # The format of a whole solution ends nothing: the answer was looked at, and is wrong.
        ("w", {"fault": FormatFault.NO_THINK_BLOCK}, Loss.WRONG),
    ],
)
def test_the_first_reason_that_applies(verdict, fields, expected):
    assert loss_of(one(verdict, **fields)) is expected


def counted(*samples, failed: int = 0) -> Losses:
    losses = Losses()
    for sample in samples:
        losses.add(sample)
    losses.add_failed({"benchmarks": {"amc23": {"modes": {"whole": {"greedy": {"failed": failed}}}}}})
    return losses


def test_right_attempts_and_reasons_add_up():
    first = counted(one("r"), one("w"), one("n", stop=Stop.TRUNCATED), one("n"), one("f"), failed=2)
    table = loss_table([("base", first), ("srl", counted(one("r"), one("r")))])
    assert table["heads"] == ["cut off by the token limit", "no answer found", "wrong answer", "not generated"]
    base, srl = table["rows"]
    assert (base["column"], base["model"], base["attempts"], base["right"]) == ("amc23, whole, greedy", "base", 6, 1)
    assert base["cells"] == [(1, "17%"), (1, "17%"), (1, "17%"), (2, "33%")]
    assert srl["right"] + sum(count for count, _ in srl["cells"]) == srl["attempts"] == 2


def test_broken_formats_stand_with_those_that_are_not_right():
    fault = {"fault": FormatFault.NO_THINK_BLOCK}
    cut = {"stop": Stop.TRUNCATED, "fault": FormatFault.TRUNCATED}
    table = fault_table([("base", counted(one("r", **fault), one("w", **fault), one("n", **cut)))])
    assert table["heads"] == ["no think block"]
    assert table["rows"][0]["cells"] == [(2, "1 not right")]


def test_what_was_lost_in_a_sentence():
    assert sentence(counted()) == "no attempts"
    assert sentence(counted(one("r"))) == "every one of 1 attempts is right"
    found = sentence(counted(one("r"), one("w"), one("w"), one("n", stop=Stop.TRUNCATED)))
    assert found == "3 of 4 attempts are not right: 1 cut off by the token limit, 2 wrong answer"
