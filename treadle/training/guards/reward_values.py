"""What a reward function is and returns, held against what was agreed: B numbers, `None` where it does not judge.

Lists, tuples, arrays, tensors of one axis and generators are taken; so is any real number, and booleans as 0 and 1.
What else comes is a mistake in the function, which no other batch will mend: the run ends and says which one it was.
"""

from __future__ import annotations

import inspect
import math
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
import torch
from trl.trainer.utils import get_callable_name

from treadle.errors import RewardError

LARGEST = 1e15
"""Advantages are computed in float32, from sums of squares: of larger rewards these are infinite."""


def check_function(function: Any) -> None:
    """Raise `RewardError` for what is no reward function: neither callable nor the name of a model."""
    if not callable(function) and not isinstance(function, str):
        raise RewardError(
            f"reward function {short(function)} ({type(function).__name__}): expected a function that takes keywords "
            "(completions, and the columns that it reads; **kwargs for the others) and returns a list of numbers"
        )


def check_arguments(function: Callable, arguments: Mapping[str, Any]) -> None:
    """Raise `RewardError` where a function cannot be called with these keywords."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # it does not tell
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise RewardError(
            f"reward {named(function)}: {error}; it is called with the keywords {', '.join(arguments)}. Name those "
            "that it reads and end with **kwargs"
        ) from None


def as_list(answer: Any, count: int, function: Callable) -> list[Any]:
    """What a function returned for `count` completions as a list, not longer than shows that it is too long.

    Raises:
        RewardError: It is no row of values.
    """
    if inspect.iscoroutine(answer):
        answer.close()
        raise RewardError(f"reward {named(function)} returned a coroutine; write it as `async def`")
    if isinstance(answer, (str, bytes, Mapping, set, frozenset)) or not isinstance(answer, (Iterable, torch.Tensor)):
        raise _refused(function, answer, count)
    if isinstance(answer, (torch.Tensor, np.ndarray)) and answer.ndim != 1:
        raise _refused(function, answer, count)
    return list(islice(answer, count + 1))


def check_count(answers: list[Any], count: int, function: Callable) -> None:
    """Raise `RewardError` for another number of rewards than of completions."""
    if len(answers) != count:
        returned = f"more than {count}" if len(answers) > count else str(len(answers))
        raise RewardError(
            f"reward {named(function)} returned {returned} rewards for {count} completions ({short(answers)}); "
            "expected one for each, None where it does not judge"
        )


def as_numbers(answers: list[Any], function: Callable) -> Iterator[float | None]:
    """Each as a float, infinite where it is larger than a float can be.

    Raises:
        RewardError: One is no real number.
    """
    for row, answer in enumerate(answers):
        if isinstance(answer, (torch.Tensor, np.ndarray)) and answer.ndim == 0:
            answer = answer.item()
        if answer is not None and not isinstance(answer, (Real, np.bool_)):
            raise RewardError(
                f"reward {named(function)} returned {short(answer)} ({type(answer).__name__}) for completion {row + 1} "
                f"of {len(answers)}; expected a number, or None"
            )
        try:
            yield None if answer is None else float(answer)
        except OverflowError:
            yield math.inf


def is_usable(reward: float) -> bool:
    """Whether advantages can be computed from a reward."""
    return math.isfinite(reward) and abs(reward) <= LARGEST


def named(function: Any) -> str:
    """Name of a function with the file and line where it stands, as far as it tells."""
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    code = getattr(inner, "__code__", None) or getattr(type(inner).__call__, "__code__", None)
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{getattr(function, '__name__', None) or get_callable_name(function)!r}{place}"


def short(value: Any) -> str:
    """A value for a message: one line, not long."""
    writer = reprlib.Repr()
    writer.maxlist = writer.maxtuple = writer.maxdict = writer.maxset = 4
    writer.maxstring = writer.maxother = 80
    return " ".join("".join(c if c.isprintable() else " " for c in writer.repr(value)).split())


def _refused(function: Callable, answer: Any, count: int) -> RewardError:
    return RewardError(
        f"reward {named(function)} returned {short(answer)} ({type(answer).__name__}); expected a list of {count} "
        "numbers, one for each completion"
    )
