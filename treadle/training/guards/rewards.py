"""Reward functions that may raise, hang or return no numbers, without ending the run.

The whole batch is asked for first. Where that fails, each completion is asked for alone, and those that fail by
themselves get no reward: TRL and dynamic sampling leave them out of their group. What a run does with many of them is
decided by `treadle.training.guards.unscorable`. What is no list of numbers at all is a mistake in the function and
ends the run (`treadle.training.guards.reward_values`). Functions are given copies of the lists: changing them changes
nothing.

Limits of time are those of `treadle.limits`: a function that hangs in C code, or outside the main
thread, hangs. Asynchronous functions are ended where they wait (`await`). A reward model (`nn.Module`) is not guarded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trl.trainer.utils import get_callable_name

from treadle.errors import TreadleError
from treadle.limits import OutOfTime, time_limit
from treadle.scoring.rewards import completion_text
from treadle.training.guards.reward_values import (
    LARGEST,
    as_list,
    as_numbers,
    check_arguments,
    check_count,
    is_usable,
)

LEAST_SECONDS = 1.0
"""A completion that is asked for alone gets this at least, until as much time is lost as the whole batch may take."""


class RewardFault(StrEnum):
    """Why a completion has no reward although its function was to give one; numbers above `LARGEST` are not finite."""

    RAISED = "raised"
    OUT_OF_TIME = "out_of_time"
    NOT_FINITE = "not_finite"


@dataclass(frozen=True)
class Failure:
    """One completion without a reward: its row in the batch, the function's name, why, and how the text begins."""

    row: int
    function: str
    fault: RewardFault
    detail: str
    beginning: str


@dataclass
class Logs:
    """What a call logs, held back until it is known to count."""

    metrics: list[tuple[str, float]] = field(default_factory=list)
    extras: list[tuple[str, list[Any]]] = field(default_factory=list)

    def in_place_of_trls(self, arguments: dict[str, Any]) -> dict[str, Any]:
        own = {
            "log_metric": lambda name, value: self.metrics.append((name, value)),
            "log_extra": lambda column, values: self.extras.append((column, values)),
        }
        return arguments | {name: function for name, function in own.items() if name in arguments}

    def hand_on(self, arguments: dict[str, Any]) -> None:
        for name, value in self.metrics:
            arguments["log_metric"](name, value)
        for column, values in self.extras:
            arguments["log_extra"](column, values)


class GuardedReward:
    """A reward function in TRL's signature around another one.

    Args:
        function: Called with keywords, lists of B.
        seconds: Limit of the call for a whole batch; `None` for none.

    Attributes:
        function: It.
        failures: Of the last call, in the order of rows.
        error: The first exception of the last call that left completions without reward.
    """

    def __init__(self, function: Callable, seconds: float | None) -> None:
        self.__name__ = get_callable_name(function)
        self.seconds = seconds
        self.failures: list[Failure] = []
        self.error: BaseException | None = None
        self.function = function
        self._told: set[tuple[RewardFault, str]] = set()
        self._agreed = False

    def __call__(self, **arguments: Any) -> list[float | None]:
        """B rewards, `None` where there is none. `TreadleError` goes through."""
        self._begin(arguments)
        logs = Logs()
        try:
            rewards = self._ask(logs.in_place_of_trls(arguments), self.seconds)
        except TreadleError:
            raise
        except (Exception, SystemExit, OutOfTime) as error:
            self._say_why_alone(error, len(arguments["completions"]))
        else:
            logs.hand_on(arguments)
            return self._finite(rewards, arguments["completions"])
        return self._one_by_one(arguments)

    def _ask(self, arguments: dict[str, Any], seconds: float | None) -> list[Any]:
        count = len(arguments["completions"])
        with time_limit(seconds):
            return as_list(self.function(**copied(arguments)), count, self.function)

    def _one_by_one(self, arguments: dict[str, Any]) -> list[float | None]:
        count, lost = len(arguments["completions"]), 0.0
        answers: list[tuple[Any, Logs]] = []
        for row in range(count):
            seconds, began, logs = self._share(count, lost), time.monotonic(), Logs()
            try:
                answer: Any = self._ask(logs.in_place_of_trls(row_of(arguments, row)), seconds)
            except TreadleError:
                raise
            except (Exception, SystemExit, OutOfTime) as error:
                answer = error
                lost += time.monotonic() - began
            answers.append((answer, logs))
        return self._gathered(answers, arguments)

    def _share(self, count: int, lost: float) -> float | None:
        if self.seconds is None:
            return None
        share = self.seconds / count
        return max(share, min(LEAST_SECONDS, self.seconds)) if lost < self.seconds else share

    def _begin(self, arguments: dict[str, Any]) -> None:
        self.failures, self.error = [], None
        if not self._agreed:
            check_arguments(self.function, arguments)
            self._agreed = True

    def _gathered(self, answers: list[tuple[Any, Logs]], arguments: dict[str, Any]) -> list[float | None]:
        """Rewards from what each completion alone gave: a list of one, or an exception."""
        completions, extras = arguments["completions"], {}
        rewards: list[Any] = []
        for row, (answer, logs) in enumerate(answers):
            if isinstance(answer, list) and len(answer) != 1:
                answer = ValueError(f"{len(answer)} rewards for one completion, expected 1")
            if isinstance(answer, BaseException):
                self._note(row, answer, completions[row])
                rewards.append(None)
                continue
            rewards.append(answer[0])
            for name, value in logs.metrics:
                arguments["log_metric"](name, value)
            for column, values in logs.extras:
                extras.setdefault(column, [None] * len(answers))[row] = values[0] if len(values) else None
        for column, values in extras.items():
            arguments["log_extra"](column, values)
        return self._finite(rewards, completions)

    def _finite(self, answers: list[Any], completions: list[Any]) -> list[float | None]:
        """The rewards as floats, without those that advantages cannot be computed from."""
        check_count(answers, len(completions), self.function)
        rewards = list(as_numbers(answers, self.function))
        for row, reward in enumerate(rewards):
            if reward is not None and not is_usable(reward):
                above = f", above {LARGEST:g} in size" if abs(reward) < float("inf") else ""
                self._fail(row, RewardFault.NOT_FINITE, f"reward {reward}{above}", "", completions[row])
                rewards[row] = None
        self.failures.sort(key=lambda failure: failure.row)
        return rewards

    def _note(self, row: int, error: BaseException, completion: Any) -> None:
        self.error = self.error or error
        if isinstance(error, OutOfTime):
            self._fail(row, RewardFault.OUT_OF_TIME, "did not end in its share of reward_seconds", "", completion)
        else:
            kind = type(error).__name__
            self._fail(row, RewardFault.RAISED, f"{kind}: {str(error)[:300]}", kind, completion)

    def _fail(self, row: int, fault: RewardFault, detail: str, kind: str, completion: Any) -> None:
        failure = Failure(row, self.__name__, fault, detail, completion_text(completion)[:200])
        self.failures.append(failure)
        if (fault, kind) not in self._told:  # the first of each kind; all are counted
            self._told.add((fault, kind))
            print(
                f"treadle: reward {self.__name__!r}: a completion is unscorable ({detail}); it begins "
                f"{failure.beginning!r}",
                file=sys.stderr,
            )

    def _say_why_alone(self, error: BaseException, count: int) -> None:
        if isinstance(error, OutOfTime):
            why = f"did not end in reward_seconds={self.seconds:g}"
        else:
            why = f"raised {type(error).__name__}: {str(error)[:300]}"
        print(
            f"treadle: reward {self.__name__!r} {why} for {count} completions; asking for each alone", file=sys.stderr
        )


def row_of(arguments: dict[str, Any], row: int) -> dict[str, Any]:
    """The arguments for one row: lists of B become lists of one."""
    count = len(arguments["completions"])
    return {
        name: value[row : row + 1] if isinstance(value, (list, tuple)) and len(value) == count else value
        for name, value in arguments.items()
    }


def copied(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with lists and messages of their own, down to what is no list."""
    return {name: _copy(value) for name, value in arguments.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, list):  # of one kind: the first says whether there is more to copy in them
        return [_copy(each) for each in value] if value and isinstance(value[0], (list, dict)) else list(value)
    return {name: _copy(each) for name, each in value.items()} if type(value) is dict else value
