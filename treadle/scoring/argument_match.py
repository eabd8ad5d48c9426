"""How much alike two agents' calls are, argument by argument.

A rendered call is a short text of which most is the same in every call, so a similarity of characters is high for a
call that does something else, and depends on the order of keys. Here a name is the same or is not, and each argument is
compared with the one under its own key, in the way of its kind:

| argument | worth |
|---|---|
| equal | 1 |
| a path (its key is one of `PATHS`) | `2s / (n + m)`: of n and m folders and names the first s are shared |
| the expert's is one word or number (`view`, `12`, `true`) | 0 |
| the expert's is a list of JSON (`[790, 800]`) | equal elements in their place over the longer one's length |
| any other text | the paper's similarity of characters |

Over all keys of either call, an argument that is missing or superfluous is worth 0. Of a key that is written twice the
first two values belong together, then the second two. A bare command has one argument, its text.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from treadle.scoring.calls import Call
from treadle.scoring.rewards import step_similarity
from treadle.scoring.step_actions import PATHS

_ONE_WORD = re.compile(r"[\w.+-]{1,40}")

Arguments = Iterable[tuple[str, str]]


class Matched(NamedTuple):
    """Two calls' arguments: the sum of what each is worth, and the number of arguments of both."""

    worth: float
    count: int


def value_similarity(key: str, value: str, expert: str) -> float:
    """What an argument is worth beside the expert's under the same key, in [0, 1]; see the module's table."""
    value, expert = value.strip(), expert.strip()
    if value == expert:
        return 1.0
    if key in PATHS:
        return _path_similarity(value, expert)
    if _ONE_WORD.fullmatch(expert):
        return 0.0
    if (elements := _as_list(expert)) is not None:
        own = _as_list(value)
        return 0.0 if own is None else _in_place(own, elements)
    return step_similarity(value, expert)


def matched(arguments: Arguments, experts: Arguments, but: Collection[str] = ()) -> Matched:
    """Compare arguments by key.

    Args:
        arguments, experts: Pairs of key and value, of the model and of the expert.
        but: Keys that are left out.
    """
    own, wanted = _by_key(arguments), _by_key(experts)
    worth, count = 0.0, 0
    for key in sorted({*own, *wanted}.difference(but)):  # sums do not depend on the order of arguments
        values, expected = own.get(key, []), wanted.get(key, [])
        worth += sum(value_similarity(key, *pair) for pair in zip(values, expected, strict=False))
        count += max(len(values), len(expected))
    return Matched(worth, count)


def within(arguments: Arguments, experts: Arguments) -> tuple[tuple[str, str], ...]:
    """The arguments without superfluous ones: of each key the first values, as many as the expert has."""
    left = Counter(key for key, _ in experts)
    kept = []
    for key, value in arguments:
        if left[key] > 0:
            left[key] -= 1
            kept.append((key, value))
    return tuple(kept)


def paired(
    calls: Sequence[Call], experts: Sequence[Call], score: Callable[[Call, Call], Mapping[str, float]]
) -> dict[str, float]:
    """The figures of calls in the same place, averaged over the longer list: a call too many or too few has none."""
    sums: dict[str, float] = defaultdict(float)
    count = max(len(calls), len(experts), 1)
    for call, expert in zip_longest(calls, experts):
        if call is not None and expert is not None:
            for name, value in score(call, expert).items():
                sums[name] += value / count
    return {name: min(1.0, value) for name, value in sums.items()}


def _by_key(arguments: Arguments) -> dict[str, list[str]]:
    values: dict[str, list[str]] = defaultdict(list)
    for key, value in arguments:
        values[key].append(value)
    return values


def _path_similarity(path: str, expert: str) -> float:
    first, second = (posixpath.normpath(text).strip("/").split("/") for text in (path, expert))
    shared = next((k for k, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
    shared = min(len(first), len(second)) if shared is None else shared
    return 2 * shared / (len(first) + len(second))


def _as_list(text: str) -> list[Any] | None:
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _in_place(first: Sequence[Any], second: Sequence[Any]) -> float:
    longest = max(len(first), len(second))
    return sum(a == b for a, b in zip(first, second, strict=False)) / longest if longest else 1.0
