"""Rewards of agents' steps: `calls` compares calls argument by argument, `tiered` goes from tool to file to the rest.

Both read calls as `treadle.scoring.step_actions` does: in the form of `treadle.scoring.calls`, as JSON, or as a
command, fenced or bare. An action with several calls is compared call by call, in order; calls too many and too few are
worth 0. Where the data set has a column `domain`, steps that are not agents' get no reward (`None`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from treadle.domains.registry import find
from treadle.scoring.argument_match import matched, paired, within
from treadle.scoring.calls import Call
from treadle.scoring.completion import ThinkTags
from treadle.scoring.rewards import ModelOutput, reward_actions
from treadle.scoring.step_actions import calls_in, described, named_keys
from treadle.scoring.thoughts import PLAIN, TagsOfRows, tags_of_rows


def call_similarity(action: str, expert: str, name_weight: float = 1.0) -> dict[str, float]:
    """How much alike the calls of two steps are.

    Args:
        action: The model's step.
        expert: The expert's.
        name_weight: What the function's name (of a command the program) counts beside each argument, which counts 1.

    Returns:
        `call_name`, the share of calls whose name is the expert's, and `calls`: of each pair of calls the weight of the
        name where it is the same plus what each argument is worth, over the weight of the name plus the number of
        arguments of either; both in [0, 1], 1 for equal steps.
    """

    def score(call: Call, wanted: Call) -> Mapping[str, float]:
        same_name = float(call.name == wanted.name)
        worth, count = matched(call.arguments, wanted.arguments)
        return {"call_name": same_name, "calls": (name_weight * same_name + worth) / (name_weight + count)}

    if action == expert:
        return {"call_name": 1.0, "calls": 1.0}
    return {"call_name": 0.0, "calls": 0.0} | paired(calls_in(action), calls_in(expert), score)


def tiers(action: str, expert: str, tool: float = 0.3, file: float = 0.3, rest: float = 0.4) -> dict[str, float]:
    """What is right of a step, tier by tier; each counts only where those before it are right.

    1. The tool: the same function or program, and the same command where the function has commands (`view`, `create`)
       or runs one (then its program).
    2. The file: the same path, where the expert names one. Where it names none there is no such tier, and its weight
       goes to the other two in proportion.
    3. The rest: what the other arguments are worth by key (`treadle.scoring.argument_match`), over their number. Where
       neither call has another argument it is 1. Of a command it is its whole text.

    Arguments that the expert's call does not have are not looked at for tool and file, and count against the rest.

    Args:
        action: The model's step.
        expert: The expert's.
        tool, file, rest: Weights, 0 or more.

    Returns:
        `tiered/tool`, `tiered/file`, `tiered/rest` (0 where a tier before is not right; no file counts as a right one),
        and `tiered`, their weighted mean; all in [0, 1], 1 for equal steps.
    """

    def score(call: Call, wanted: Call) -> Mapping[str, float]:
        found = described(call._replace(arguments=within(call.arguments, wanted.arguments)))
        said = described(wanted)
        right_tool = found.tool == said.tool and (not said.command or found.command == said.command)
        right_file = right_tool and (said.path is None or found.path == said.path)
        worth, count = matched(call.arguments, wanted.arguments, but=named_keys(wanted)) if right_file else (0.0, 1)
        reached = (float(right_tool), float(right_file), worth / count if count else 1.0)
        weights = (tool, 0.0 if said.path is None else file, rest)
        value = sum(w * r for w, r in zip(weights, reached, strict=True)) / (sum(weights) or 1.0)
        return dict(zip(_TIERS, (*reached, value), strict=True))

    if action == expert:
        return dict.fromkeys(_TIERS, 1.0)
    return dict.fromkeys(_TIERS, 0.0) | paired(calls_in(action), calls_in(expert), score)


_TIERS = ("tiered/tool", "tiered/file", "tiered/rest", "tiered")


def calls_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    domain: Sequence[str | None] | None = None,
    name_weight: float = 1.0,
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float | None]:
    """`srl_reward` for agents, with calls compared by their arguments in place of their text.

    Args:
        completions, expert_action, truncated, think_tags, thought_tags: See `srl_reward`.
        domain: B families of prompts, the data set's column of this name; without it all steps are agents'.
        name_weight: See `call_similarity`; 0 or more.
        **kwargs: TRL's other arguments; `log_metric` receives the means of `call_name` and `calls`, and the share of
            each format fault, `log_extra` the two figures for each completion.

    Returns:
        B values: -1 for a broken format, else a similarity in [0, 1]; `None` for a step that is no agent's.

    Raises:
        ValueError: The weight is below 0 or no number.
    """
    _check_weights(name_weight=name_weight)
    return _of_agents(
        completions,
        expert_action,
        truncated,
        think_tags,
        domain,
        thought_tags,
        lambda action, expert: call_similarity(action, expert, name_weight),
        kwargs,
    )


def tiered_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    domain: Sequence[str | None] | None = None,
    tool: float = 0.3,
    file: float = 0.3,
    rest: float = 0.4,
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float | None]:
    """`srl_reward` for agents, with the tiers of a step in place of the similarity.

    Args:
        completions, expert_action, truncated, think_tags, domain, thought_tags: See `calls_reward`.
        tool, file, rest: Weights of the tiers, see `tiers`.
        **kwargs: TRL's other arguments; `log_metric` receives the mean of each tier and of `tiered`, and the share of
            each format fault, `log_extra` the same figures for each completion.

    Returns:
        B values: -1 for a broken format, else a value in [0, 1]; `None` for a step that is no agent's.

    Raises:
        ValueError: A weight is below 0 or no number, or `tool` and `rest` are both 0.
    """
    _check_weights(tool=tool, file=file, rest=rest)
    if not tool + rest:
        raise ValueError("tool=0 and rest=0: a step that names no file has no tier then; set one of them above 0")
    return _of_agents(
        completions,
        expert_action,
        truncated,
        think_tags,
        domain,
        thought_tags,
        lambda action, expert: tiers(action, expert, tool, file, rest),
        kwargs,
    )


def _check_weights(**weights: float) -> None:
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < float("inf"):
            raise ValueError(f"{name}={weight!r}: expected a weight, a number of 0 or more")


def _of_agents(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None,
    think_tags: ThinkTags,
    domain: Sequence[str | None] | None,
    thought_tags: TagsOfRows,
    score: Callable[[str, str], dict[str, float]],
    logs: Mapping[str, Any],
) -> list[float | None]:
    """The rewards of the rows that are agents' steps, in the place of their rows."""

    def of_calls(name: str | None) -> bool:
        return name is not None and find(name).of_calls

    count = len(completions)
    rows = [row for row in range(count) if domain is None or of_calls(domain[row])]
    tags_B = tags_of_rows(thought_tags, count)

    def spread(values: Sequence[float | None]) -> list[float | None]:
        found = dict(zip(rows, values, strict=True))
        return [found.get(row) for row in range(count)]

    log_extra = logs.get("log_extra")
    rewards = reward_actions(
        [completions[row] for row in rows],
        [expert_action[row] for row in rows],
        [bool(truncated[row]) if truncated is not None else False for row in rows],
        think_tags,
        lambda place, action: score(action, expert_action[rows[place]]),
        logs.get("log_metric"),
        [tags_B[row] for row in rows],
        (lambda column, values: log_extra(column, spread(values))) if log_extra else None,
    )
    return spread(rewards)
