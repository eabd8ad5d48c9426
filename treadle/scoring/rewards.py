"""Rewards of SRL and RLVR, in the signature of TRL's reward functions; both work in a stock `GRPOTrainer`.

`srl_reward` is the paper's: the similarity `2M/T` of the model's action to the expert's, -1 for a broken
format (section 3). `final_answer_reward` is RLVR's: 1 for the right final answer, else 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from treadle.errors import DataError
from treadle.scoring.answers import last_boxed
from treadle.scoring.completion import THOUGHT, FormatFault, ThinkTags, parse_completion
from treadle.scoring.grading import Verdict, default_grader

try:
    from cydifflib import SequenceMatcher
except ImportError:  # no wheel for this platform: the same numbers, 9 to 20 times slower
    from difflib import SequenceMatcher

FORMAT_REWARD = -1.0

ArgumentOrder = Literal["model_first", "expert_first"]
ModelOutput = str | Sequence[dict[str, Any]]


def completion_text(completion: ModelOutput) -> str:
    """The text of a completion, which TRL gives as a string or as a list of messages."""
    if isinstance(completion, str):
        return completion
    return "".join(message.get("content") or "" for message in completion)


def step_similarity(action: str, expert_action: str, autojunk: bool = False) -> float:
    """`2M/T`: twice the length of the matching blocks over the sum of both lengths (paper equation 2).

    Args:
        action: The model's action, the matcher's first sequence. `srl_reward` can turn the order round.
        expert_action: The expert's action, the matcher's second sequence.
        autojunk: difflib's own default is `True`, which ignores characters that are frequent in a second
            sequence of 200 or more and so underrates long steps; see `docs/paper.md`.

    Returns:
        A float in [0, 1], bit-equal to
        `difflib.SequenceMatcher(None, action, expert_action, autojunk).ratio()`.
    """
    return SequenceMatcher(None, action, expert_action, autojunk).ratio()


def _ordered_similarity(action: str, expert_action: str, autojunk: bool, order: ArgumentOrder) -> float:
    if order not in ("model_first", "expert_first"):
        raise ValueError(f"argument_order={order!r}: expected 'model_first' or 'expert_first'")
    first, second = (action, expert_action) if order == "model_first" else (expert_action, action)
    return step_similarity(first, second, autojunk)


def srl_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    think_tags: ThinkTags = "strict",
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
    **kwargs: Any,
) -> list[float]:
    """The step-wise reward of SRL (paper section 3).

    Args:
        completions: B outputs, strings or TRL's lists of messages.
        expert_action: B expert actions.
        truncated: B flags for outputs that the token limit cut off; `SRLTrainer` passes them.
        think_tags: How strict the format is, see `parse_completion`.
        autojunk: See `step_similarity`.
        argument_order: Which action is the matcher's first sequence; `ratio()` is not symmetric, and the paper
            does not give the order.
        **kwargs: TRL's other arguments; `log_metric` receives the mean similarity of the well-formed
            outputs and the share of each format fault.

    Returns:
        B floats: -1 for a broken format, else the similarity in [0, 1].
    """
    truncated = truncated if truncated is not None else [False] * len(completions)
    rewards, similarities, faults = [], [], Counter()
    for output, expert, cut in zip(completions, expert_action, truncated, strict=True):
        parsed = parse_completion(completion_text(output), truncated=bool(cut), think_tags=think_tags)
        if isinstance(parsed, FormatFault):
            faults[parsed] += 1
            rewards.append(FORMAT_REWARD)
        else:
            similarities.append(_ordered_similarity(parsed.action, expert, autojunk, argument_order))
            rewards.append(similarities[-1])
    if (log_metric := kwargs.get("log_metric")) and rewards:
        for fault in FormatFault:
            log_metric(f"format/{fault}", faults[fault] / len(rewards))
        if similarities:
            log_metric("similarity", sum(similarities) / len(similarities))
    return rewards


def solution_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
    **kwargs: Any,
) -> list[float]:
    """The paper's one-step ablation: similarity of the whole solution to the expert's, in one reward.

    Think blocks may stand anywhere and are left out; an output without any, or with nothing beside them, or
    cut off by the token limit, earns -1.

    Args:
        completions: B outputs.
        expert_action: B expert solutions, their actions joined by newlines.
        truncated: B flags for outputs that the token limit cut off.
        autojunk, argument_order: See `srl_reward`.

    Returns:
        B floats in {-1} or [0, 1].
    """
    truncated = truncated if truncated is not None else [False] * len(completions)
    rewards = []
    for output, expert, cut in zip(completions, expert_action, truncated, strict=True):
        text = completion_text(output)
        solution = "\n".join(part.strip() for part in THOUGHT.sub("\n", text).split("\n") if part.strip())
        sound = not cut and THOUGHT.search(text) and solution
        rewards.append(_ordered_similarity(solution, expert, autojunk, argument_order) if sound else FORMAT_REWARD)
    return rewards


def final_answer_reward(
    completions: Sequence[ModelOutput], answer: Sequence[str], truncated: Sequence[bool] | None = None, **kwargs: Any
) -> list[float]:
    """The outcome reward of RLVR: is the last `\\boxed{}` the right answer?

    Args:
        completions: B outputs, strings or TRL's lists of messages.
        answer: B reference answers, strings or numbers.
        truncated: Accepted for symmetry with `srl_reward`; a cut-off output that has already given its
            answer is judged by it.
        **kwargs: TRL's other arguments; `log_metric` receives the share of each verdict.

    Returns:
        B floats, 1.0 for a right answer, else 0.0.

    Raises:
        DataError: A row has no reference answer.
    """
    if any(reference is None for reference in answer):
        raise DataError("final_answer_reward: a row has no reference answer; leave out rows whose `answer` is null")
    texts = [completion_text(output) for output in completions]
    verdicts = default_grader().grade([last_boxed(text) for text in texts], [str(a) for a in answer])
    if (log_metric := kwargs.get("log_metric")) and verdicts:
        counts = Counter(verdicts)
        for verdict in Verdict:
            log_metric(f"answer/{verdict}", counts[verdict] / len(verdicts))
    return [1.0 if verdict is Verdict.RIGHT else 0.0 for verdict in verdicts]
