"""Metrics in trackers (`report_to`): named so that what belongs together stands together.

transformers puts `train/` before every name, and trackers group by what stands before the first `/`: sixty curves in
one group. Here a name that has a group keeps it (`sampling/kept_groups`, `format/truncated`), what is a reward stands
under `reward/`, and what is left under `train/`. Those of a validation stay under `eval/`, as transformers has them.
Trackers open the first groups of the alphabet: what is flat as long as all goes well stands within another one.
The last part of a name is always that of `metrics.jsonl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from transformers.integrations import integration_utils

from treadle.scoring.rewards import completion_text
from treadle.trajectory import Message

_REWARD = ("reward", "reward_std", "frac_reward_zero_std", "similarity", "similarity_floor")
_COMPLETIONS = ("thought_tokens",)
_WITHIN = {"clip_ratio": "train", "collapse": "faults"}
"""Groups within another one."""
_EVAL = "eval_"

Floor = Callable[[dict[str, Any]], float | None]


def tracked_name(name: str) -> str:
    """The name of a metric of `metrics.jsonl` in a tracker."""
    if name.startswith(_EVAL):
        return f"eval/{name.removeprefix(_EVAL)}"
    group, within, _ = name.partition("/")
    if within:
        return f"{_WITHIN[group]}/{name}" if group in _WITHIN else name
    if name in _REWARD:
        return f"reward/{name}"
    return f"completions/{name}" if name in _COMPLETIONS else f"train/{name}"


def as_text(conversation: str | Sequence[Message]) -> str:
    """A prompt or a completion for a table, whose cells hold text: trackio shows `[object Object]` for messages.

    A single message is its text; several are told apart by their roles.
    """
    if isinstance(conversation, str) or len(conversation) < 2:
        return completion_text(conversation)
    return "\n\n".join(f"{message['role']}:\n{completion_text([message])}" for message in conversation)


@contextmanager
def tracked_names(floor: Floor) -> Iterator[None]:
    """While the block runs, trackers get metrics by these names, and the floor of their similarities beside them.

    Args:
        floor: That of a log, see `MetricsFile.floor_of`.
    """
    before = integration_utils.rewrite_logs

    def renamed(logs: Mapping[str, Any]) -> dict[str, Any]:
        found = {tracked_name(name): value for name, value in logs.items()}
        if (beside := floor(dict(logs))) is not None:
            held_out = any(name.startswith(_EVAL) for name in logs)
            found["eval/similarity_floor" if held_out else "reward/similarity_floor"] = beside
        return found

    integration_utils.rewrite_logs = renamed  # the one place that all of its trackers share
    try:
        yield
    finally:
        integration_utils.rewrite_logs = before
