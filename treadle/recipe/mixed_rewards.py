"""Rewards where some rows are steps and others whole problems: each row is judged by what it is.

A row without `expert_action` is a whole problem, with the final answer as its reward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trl.trainer.utils import is_async_callable

from treadle.scoring.rewards import ModelOutput, final_answer_reward, srl_reward
from treadle.scoring.split_rows import cut, spread

ANSWER_DEFAULTS = {"extract": "boxed", "grader": "treadle"}
_OF_TASKS = ("trajectory_id", "domain", "problem", "setup", "prefix_texts", "prefix_length", "prefix_frame")
"""Columns that a domain's own verdict judges by."""


def step_or_answer_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str | None],
    answer: Sequence[str],
    step_reward: Callable[..., list[float]] = srl_reward,
    **kwargs: Any,
) -> list[float]:
    """`step_reward` for rows with an expert's action, `final_answer_reward` for the others."""
    rewards: list[float | None] = [None] * len(completions)
    steps = [i for i, action in enumerate(expert_action) if action is not None]
    wholes = [i for i, action in enumerate(expert_action) if action is None]
    more = {name: kwargs[name] for name in ("contrast", "floor", "thought_tags") if isinstance(kwargs.get(name), list)}
    whole = {name: values for name, values in more.items() if name == "thought_tags"}
    whole |= {name: kwargs[name] for name in _OF_TASKS if isinstance(kwargs.get(name), list)}
    truncated = kwargs.pop("truncated", None) or [False] * len(completions)
    for rows, function, columns in (
        (steps, step_reward, {"expert_action": expert_action, **more}),
        (wholes, final_answer_reward, {"answer": answer, **whole}),
    ):
        if rows:
            scores = function(
                [completions[i] for i in rows],
                **{name: [values[i] for i in rows] for name, values in {**columns, "truncated": truncated}.items()},
                **{k: v for k, v in kwargs.items() if k == "log_metric" or (k in ANSWER_DEFAULTS and rows is wholes)},
            )
            for i, score in zip(rows, scores, strict=True):
                rewards[i] = score
    return rewards


def only_of(function: Callable[..., Any], steps: bool) -> Callable[..., Any]:
    """A reward function that asks another one for the rows of steps, or of whole problems, and gives the rest `None`.

    Args:
        function: In TRL's signature; may be `async`.
        steps: Which rows it judges.
    """

    def rows_of(arguments: dict[str, Any]) -> list[int]:
        return [row for row, action in enumerate(arguments["expert_action"]) if (action is not None) == steps]

    def judge(**arguments: Any) -> list[float | None]:
        rows = rows_of(arguments)
        return spread(function(**cut(arguments, rows)) if rows else [], rows, len(arguments["completions"]))

    async def judge_async(**arguments: Any) -> list[float | None]:
        rows = rows_of(arguments)
        return spread(await function(**cut(arguments, rows)) if rows else [], rows, len(arguments["completions"]))

    chosen = judge_async if is_async_callable(function) else judge
    chosen.__name__ = getattr(function, "__name__", type(function).__name__)
    return chosen
