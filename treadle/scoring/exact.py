"""1 for the expert's action and 0 for any other, by what evaluation calls the same.

The same is what is equal letter for letter, and of agents' steps what calls the same tool with the same text once
fences and tags are taken off (`treadle.scoring.step_actions.same`); a domain may say it itself
(`treadle.scoring.same`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle.domains.registry import find
from treadle.scoring.completion import ThinkTags
from treadle.scoring.rewards import ModelOutput, reward_actions
from treadle.scoring.same import same_action
from treadle.scoring.step_actions import called, same
from treadle.scoring.thoughts import PLAIN, TagsOfRows


def is_exact(action: str, expert: str, bare: bool = False) -> bool:
    """Whether two actions are the same.

    Args:
        action: The model's.
        expert: The expert's.
        bare: Whether a text without fences and tags is a command, as agents' steps are.
    """
    if action == expert:
        return True
    said = called(expert, bare)
    return said is not None and same(called(action, bare), said)


def exact_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    domain: Sequence[str | None] | None = None,
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float]:
    """`srl_reward` with equality in place of the similarity.

    Args:
        completions, expert_action, truncated, think_tags, thought_tags: See `srl_reward`.
        domain: B names of domains, the data set's column of this name: where its steps are calls, a bare text is a
            command, and a domain may have a function of its own (`same`).
        **kwargs: TRL's other arguments; `log_metric` receives the share of `exact` actions among the well-formed
            outputs, and the share of each format fault.

    Returns:
        B floats: -1 for a broken format, else 0 or 1.
    """

    def score(row: int, action: str) -> dict[str, float]:
        expert, name = expert_action[row], domain[row] if domain is not None else None
        own = find(name) if name is not None else None
        if own is not None and own.compares:
            return {"exact": float(same_action(own, action, expert))}
        return {"exact": float(is_exact(action, expert, own is not None and own.of_calls))}

    log_metric = kwargs.get("log_metric")
    return reward_actions(completions, expert_action, truncated, think_tags, score, log_metric, thought_tags)
