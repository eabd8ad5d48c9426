"""The guard around reward functions that are coroutines, and which guard a function gets."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import torch
from trl.trainer.utils import is_async_callable

from treadle.errors import TreadleError
from treadle.limits import OutOfTime
from treadle.training.guards.reward_values import as_list, check_function
from treadle.training.guards.rewards import GuardedReward, Logs, copied, row_of


class AsyncGuardedReward(GuardedReward):
    """The same around a coroutine function; completions that are asked for alone are asked for at once."""

    async def __call__(self, **arguments: Any) -> list[float | None]:
        """As `GuardedReward.__call__`."""
        self._begin(arguments)
        logs = Logs()
        answer = await self._answer(logs.in_place_of_trls(arguments))
        if not isinstance(answer, BaseException):
            logs.hand_on(arguments)
            return self._finite(answer, arguments["completions"])
        count = len(arguments["completions"])
        self._say_why_alone(answer, count)
        each = [Logs() for _ in range(count)]
        alone = (self._answer(own.in_place_of_trls(row_of(arguments, row))) for row, own in enumerate(each))
        answers = await asyncio.gather(*alone)
        return self._gathered(list(zip(answers, each, strict=True)), arguments)

    async def _answer(self, arguments: dict[str, Any]) -> list[Any] | BaseException:
        began = time.monotonic()
        try:
            answer = await asyncio.wait_for(self._ended(copied(arguments)), self.seconds)
            return as_list(answer, len(arguments["completions"]), self.function)
        except TreadleError:
            raise
        except Exception as error:
            waited = time.monotonic() - began
            ended = isinstance(error, TimeoutError) and self.seconds is not None and waited >= self.seconds
            return OutOfTime() if ended else error

    async def _ended(self, arguments: dict[str, Any]) -> Any:
        """What the function gives; an exit within the event loop would end the loop, and with it all waiting."""
        try:
            return await self.function(**arguments)
        except SystemExit as error:
            raise RuntimeError(f"SystemExit: {error}") from error


def guarded(function: Any, seconds: float | None) -> Any:
    """`function` with its guard; what TRL calls in other ways (a model, its name) comes back as it is.

    Raises:
        RewardError: It is no function.
    """
    check_function(function)
    if isinstance(function, (str, torch.nn.Module, GuardedReward)):
        return function
    return (AsyncGuardedReward if is_async_callable(function) else GuardedReward)(function, seconds)
