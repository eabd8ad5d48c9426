"""What an agent's episode on a software-engineering task must be to be kept: its patch resolves the task.

What decides is the verdict of the task's tests (`treadle.evaluate.swe.grading`). Where the episode did not end by
handing in, how it ended is the reason; else the verdict is. A fault of the environment is no fault of the teacher's and
no reason here, see `NoVerdict`.
"""

from __future__ import annotations

from treadle.errors import Explained
from treadle.evaluate.swe.agent.loop import Stop
from treadle.evaluate.swe.records import Graded, Verdict
from treadle.teacher.checks import Fault

NAME = "resolved"
"""Goes into `Origin.checks` of what passes."""


class EpisodeFault(Explained):
    """Why an episode is not kept."""

    NOT_RESOLVED = "not_resolved", "with the patch that it handed in the task's tests do not all pass"
    NO_PATCH = "no_patch", "it handed in without having changed anything"
    NOT_APPLIED = "not_applied", "its patch cannot be applied to the base"
    TESTS_HANG = "tests_do_not_end", "with its patch the tests pass their time limit (--seconds)"
    OUT_OF_STEPS = "out_of_steps", "it was not done after so many steps (--max-steps)"
    OUT_OF_TOKENS = "out_of_tokens", "it was not done after so many tokens (--max-tokens)"
    OUT_OF_TIME = "out_of_time", "its commands took longer than allowed (--max-seconds)"
    OUT_OF_CONTEXT = "out_of_context", "its next prompt did not fit the model"
    NO_CALLS = "format_faults", "several answers in a row had no call that could be carried out"
    REPEATED = "repeated", "it did the same and saw the same again and again"


class NoVerdict(Explained):
    """Why there is nothing to judge a teacher by; the same command tries again."""

    NO_REPLY = "no_reply", "the back end gave no answer"
    ENVIRONMENT = "environment", "this machine could not build or run it, which is no fault of the teacher's"


_BY_STOP = {
    Stop.STEP_LIMIT: EpisodeFault.OUT_OF_STEPS,
    Stop.TOKEN_LIMIT: EpisodeFault.OUT_OF_TOKENS,
    Stop.TIME_LIMIT: EpisodeFault.OUT_OF_TIME,
    Stop.CONTEXT: EpisodeFault.OUT_OF_CONTEXT,
    Stop.FORMAT_FAULTS: EpisodeFault.NO_CALLS,
    Stop.REPEATED: EpisodeFault.REPEATED,
}
_BY_VERDICT = {
    Verdict.UNRESOLVED: EpisodeFault.NOT_RESOLVED,
    Verdict.EMPTY: EpisodeFault.NO_PATCH,
    Verdict.EDIT_FAULT: EpisodeFault.NO_PATCH,
    Verdict.NOT_APPLIED: EpisodeFault.NOT_APPLIED,
    Verdict.TIMEOUT: EpisodeFault.TESTS_HANG,
    Verdict.CONTEXT_TOO_LONG: EpisodeFault.OUT_OF_CONTEXT,
}


def unresolved(graded: Graded, stop: str) -> Fault | None:
    """What is wrong with a graded episode; `None` where its patch resolves the task, however it ended.

    Args:
        graded: Not with the verdict `environment`.
        stop: How the episode ended, a value of `treadle.evaluate.swe.agent.loop.Stop`.
    """
    if graded.verdict is Verdict.RESOLVED:
        return None
    reason = _BY_STOP.get(Stop(stop)) or _BY_VERDICT[graded.verdict]
    return Fault(reason, f"{graded.verdict}: {graded.reason}" if graded.reason else str(graded.verdict))
