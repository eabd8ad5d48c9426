"""Each step rewarded as its domain says (`reward` in domain.yaml), for data of several domains in one stage."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from treadle.domains.registry import find
from treadle.errors import RewardError
from treadle.scoring import registry
from treadle.scoring.completion import ThinkTags
from treadle.scoring.rewards import ArgumentOrder, ModelOutput
from treadle.scoring.split_rows import cut, spread
from treadle.scoring.thoughts import PLAIN, TagsOfRows


def domain_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    domain: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    thought_tags: TagsOfRows = PLAIN,
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
    **kwargs: Any,
) -> list[float | None]:
    """The reward of each row's domain.

    Args:
        completions, expert_action, truncated, think_tags, thought_tags, autojunk, argument_order: See
            `treadle.scoring.rewards.srl_reward`.
        domain: B names of domains, the data set's column of this name.
        **kwargs: TRL's other arguments and columns. `log_metric` receives what each domain's reward logs, under the
            domain's name before it where there are several.

    Returns:
        B rewards.

    Raises:
        DomainError: A domain is not there.
        RewardError: Its reward is not there, or none that goes by a step alone.
    """
    arguments = {
        "completions": completions,
        "expert_action": expert_action,
        "domain": domain,
        "truncated": truncated if truncated is not None else [False] * len(completions),
        "think_tags": think_tags,
        "thought_tags": thought_tags,
        "autojunk": autojunk,
        "argument_order": argument_order,
        **kwargs,
    }
    rows_of: defaultdict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(domain):
        rows_of[name].append(row)
    rewards: list[float | None] = [None] * len(completions)
    log_metric = kwargs.get("log_metric")
    for name, rows in rows_of.items():
        of_rows = cut(arguments, rows)
        if log_metric and len(rows_of) > 1:
            of_rows["log_metric"] = lambda metric, value, name=name: log_metric(f"{name}/{metric}", value)
        found = spread(reward_of(name)(**of_rows), rows, len(completions))
        rewards = [new if new is not None else old for new, old in zip(found, rewards, strict=True)]
    return rewards


def reward_of(name: str) -> Any:
    """The function of a domain's reward.

    Raises:
        DomainError: There is no such domain.
        RewardError: There is no such reward, or it is none that goes by a step alone.
    """
    domain = find(name)
    reward = registry.find(domain.reward)
    where = f"{domain.folder}: reward: {domain.reward}"
    if reward.of == "answers" or reward.most or reward.weighs or reward.name == "domain":
        raise RewardError(
            f"{where}: goes by more than a step and the expert's; name it in the recipe, reward: {domain.reward}, or "
            "give the domain another, such as similarity"
        )
    function = registry.load(reward)
    if inspect.iscoroutinefunction(function):
        raise RewardError(f"{where}: is asynchronous; name it in the recipe, reward: {domain.reward}")
    return function
