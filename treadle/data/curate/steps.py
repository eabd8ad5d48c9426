"""Steps that teach nothing, and trajectories with too few or too many of them.

A repeated step does what the step directly before it did and sees what that one saw. A no-op step neither
changes nor asks anything. What counts as one is kept small on purpose, see `is_noop`: a removed step cannot be
told from one that never was, so what is in doubt stays. The last step is never removed, because it ends the
trajectory.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from treadle.data.sources.report import DropReason
from treadle.domains.registry import find
from treadle.errors import DataError, Explained
from treadle.files.rows import Rejected
from treadle.trajectory import Step, Trajectory


class StepChange(Explained):
    """What was done to a step."""

    REPEATED = "repeated_step", "removed: the same action and observation as the step before"
    NOOP = "noop_step", "removed: neither changes nor asks anything (sleep, echo of plain text, a thought)"
    SHORT_ACTION = "short_action", "no target: its action is shorter than --min-action-chars"
    LONG_ACTION = "long_action", "no target: its action is longer than --max-action-chars"


@dataclass(frozen=True)
class StepCuration:
    """Settings for the steps of a trajectory; the defaults change nothing.

    Args:
        min_steps, max_steps: Trajectories with fewer or more steps are dropped, counted after the removals.
        min_action_chars, max_action_chars: Steps whose action is shorter or longer are no targets.
        drop_repeated, drop_noop: Remove such steps.

    Raises:
        DataError: A minimum is above its maximum, or a number is negative.
    """

    min_steps: int = 1
    max_steps: int | None = None
    min_action_chars: int = 0
    max_action_chars: int | None = None
    drop_repeated: bool = False
    drop_noop: bool = False

    def __post_init__(self) -> None:
        for what, low, high in (
            ("steps", self.min_steps, self.max_steps),
            ("action-chars", self.min_action_chars, self.max_action_chars),
        ):
            if low < 0:
                raise DataError(f"--min-{what} {low}: expected 0 or more")
            if high is not None and high < max(low, 1):
                raise DataError(f"--max-{what} {high}: expected at least {max(low, 1)}, as --min-{what} is {low}")


def curate_steps(trajectory: Trajectory, settings: StepCuration) -> tuple[Trajectory, Counter[StepChange]]:
    """`trajectory` without the steps that `settings` removes, and how many these were by kind.

    Raises:
        Rejected: `TOO_FEW_STEPS` or `TOO_MANY_STEPS`.
    """
    removed: Counter[StepChange] = Counter()
    kept = []
    noops = settings.drop_noop and find(trajectory.domain).of_calls
    for k, step in enumerate(trajectory.steps):
        change = _removal(trajectory, k, noops, settings.drop_repeated) if k + 1 < len(trajectory.steps) else None
        if change is None:
            kept.append(step)
        else:
            removed[change] += 1
    left = f"{len(kept)} steps" + (f" after {removed.total()} were removed" if removed else "")
    if len(kept) < settings.min_steps:
        raise Rejected(DropReason.TOO_FEW_STEPS, f"{left}, --min-steps is {settings.min_steps}")
    if settings.max_steps is not None and len(kept) > settings.max_steps:
        raise Rejected(DropReason.TOO_MANY_STEPS, f"{left}, --max-steps is {settings.max_steps}")
    return (replace(trajectory, steps=tuple(kept)) if removed else trajectory), removed


def _removal(trajectory: Trajectory, k: int, noops: bool, repeated: bool) -> StepChange | None:
    step = trajectory.steps[k]
    if noops and is_noop(step):
        return StepChange.NOOP
    if repeated and k > 0:
        before = trajectory.steps[k - 1]
        if (step.action, step.observation) == (before.action, before.observation):
            return StepChange.REPEATED
    return None


def length_faults(trajectory: Trajectory, settings: StepCuration) -> list[StepChange | None]:
    """For each step why the length of its action, in characters, keeps it from being a target, or `None`.

    Such a step stays in the context of the later ones.
    """
    faults: list[StepChange | None] = []
    for step in trajectory.steps:
        if len(step.action) < settings.min_action_chars:
            faults.append(StepChange.SHORT_ACTION)
        elif settings.max_action_chars is not None and len(step.action) > settings.max_action_chars:
            faults.append(StepChange.LONG_ACTION)
        else:
            faults.append(None)
    return faults


_CALL = re.compile(r"<function=(?P<name>\w+)>(?P<body>.*?)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=(?P<name>\w+)>(?P<value>.*?)</parameter>", re.DOTALL)
_SHELLS = frozenset({"bash", "execute_bash", "terminal", "shell"})
_HARMLESS_PARAMETERS = frozenset({"timeout", "security_risk", "summary"})
# A whole command line. After echo: quoted pieces without anything that the shell expands, and bare words
# without any of its special characters. Possessive, so that a long line is read once.
_IDLE = re.compile(
    r"""(?: : | true | clear | sleep [ \t]+ \d+(?:\.\d+)?[smhd]?
        | echo (?: [ \t]++ (?: '[^']*+' | "[^"$`\\!]*+" | [\w.,:=+@%/-] )++ )*+ )[ \t]*;?""",
    re.VERBOSE,
)
_SUBMITS = ("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT")


def is_noop(step: Step) -> bool:
    """Whether an agent's action neither changes nor asks anything.

    These are `:`, `true`, `clear`, `sleep N`, and `echo` of literal text, alone on the command line: with a pipe, a
    redirection, `&&`, a variable, a pattern or a substitution they may do something. So does an `echo` that hands
    the work in, and an empty command, by which some tools ask a running process for more output. Besides, the
    tool call `think`. A command is found in a call of a shell (`bash`, `execute_bash`, `terminal`, `shell`)
    that is written as `<function=bash>`; what goes to a running program as its input is no command.
    """
    command = step.action.strip()
    if call := _CALL.fullmatch(command):
        parameters = {m["name"]: m["value"] for m in _PARAMETER.finditer(call["body"])}
        if _PARAMETER.sub("", call["body"]).strip():  # several calls, or text that is no parameter
            return False
        if call["name"] == "think":
            return True
        if call["name"] not in _SHELLS or parameters.keys() - _HARMLESS_PARAMETERS != {"command"}:
            return False
        command = parameters["command"].strip()
    return _IDLE.fullmatch(command) is not None and not any(word in command for word in _SUBMITS)
