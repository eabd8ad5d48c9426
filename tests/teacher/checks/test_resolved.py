"""What an episode's end and verdict are called; every pair of the two has a name, and only one verdict is kept."""

from __future__ import annotations

import pytest

from treadle.evaluate.swe.agent.loop import Stop
from treadle.evaluate.swe.records import Graded, Verdict
from treadle.teacher.checks.resolved import EpisodeFault, unresolved


@pytest.mark.parametrize("stop", list(Stop))
@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.ENVIRONMENT])
def test_only_what_resolves_the_task_is_kept(verdict, stop):
    fault = unresolved(Graded("t", verdict, "why"), stop)
    if verdict is Verdict.RESOLVED:
        assert fault is None
    else:
        assert isinstance(fault.reason, EpisodeFault)
        assert fault.detail == f"{verdict}: why"


@pytest.mark.parametrize(
    ("verdict", "stop", "reason"),
    [
        ("unresolved", "submitted", "not_resolved"),
        ("empty", "submitted", "no_patch"),
        ("not_applied", "submitted", "not_applied"),
        ("timeout", "submitted", "tests_do_not_end"),
        ("unresolved", "step_limit", "out_of_steps"),
        ("empty", "token_limit", "out_of_tokens"),
        ("empty", "time_limit", "out_of_time"),
        ("context_too_long", "context_too_long", "out_of_context"),
        ("unresolved", "context_too_long", "out_of_context"),
        ("empty", "format_faults", "format_faults"),
        ("empty", "repeated", "repeated"),
    ],
)
def test_the_reason_is_how_it_ended_or_else_the_verdict(verdict, stop, reason):
    assert unresolved(Graded("t", Verdict(verdict)), stop).reason == reason
