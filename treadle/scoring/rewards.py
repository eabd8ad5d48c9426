"""Rewards of SRL and RLVR, in the signature of TRL's reward functions; both work in a stock `GRPOTrainer`.

`srl_reward` is the paper's: the similarity `2M/T` of the model's action to the expert's, -1 for a broken
format (section 3). `final_answer_reward` is RLVR's: 1 for the right final answer, else 0. Rewards of a step that are
worth nothing where nothing was learned stand beside this module: `margin`, `scaled`, `weighted`; those that compare
otherwise are `exact`, `edit` and, for agents, `agents`. `registry` has them all by name.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, Literal

from treadle.domains.domain import Attempt, Task
from treadle.errors import DataError
from treadle.scoring.calls import parsed_call_text
from treadle.scoring.completion import FormatFault, ThinkTags, parse_completion
from treadle.scoring.extraction import Extraction
from treadle.scoring.extraction import extract as extracted
from treadle.scoring.grading import GraderName, Verdict, default_grader
from treadle.scoring.thoughts import PLAIN, Block, TagsOfRows, ThoughtTags, tags_of_rows, without_thoughts
from treadle.scoring.verdicts import Judged, has_own_verdict, judge_attempts, kind_of

try:
    from cydifflib import SequenceMatcher
except ImportError:  # no wheel for this platform: the same numbers, 9 to 20 times slower
    from difflib import SequenceMatcher

FORMAT_REWARD = -1.0

ArgumentOrder = Literal["model_first", "expert_first"]
ModelOutput = str | Sequence[dict[str, Any]]


_REASONING = ("reasoning_content", "reasoning", "thinking")
"""Where chat templates' parsers put a thought that they take out of the text."""
WRITTEN = "written"
"""Key of a message for the text as the model wrote it, which `SRLTrainer` adds where TRL has parsed it."""


def completion_text(completion: ModelOutput, thought_tags: ThoughtTags = PLAIN) -> str:
    """The text of a completion, which TRL gives as a string or as a list of messages.

    What a response template has parsed away belongs to it. Where the text itself is not there, a thought is put back
    into its tags before the content (open at its end where nothing follows, since whether it was closed is not known
    then), and tool calls after it, in the form of `treadle.scoring.calls`.

    Args:
        thought_tags: The tags; a thought that begins in the prompt has no opening one.
    """
    if isinstance(completion, str):
        return completion
    texts = []
    for message in completion:
        if isinstance(message.get(WRITTEN), str):
            texts.append(message[WRITTEN])
            continue
        spoken = [message.get("content") or "", *map(parsed_call_text, message.get("tool_calls") or ())]
        text = "\n".join(filter(None, spoken))
        thought = next((message[name] for name in _REASONING if isinstance(message.get(name), str)), None)
        if thought is not None:
            opening = "" if thought_tags.block is Block.OPENED and not texts else thought_tags.open
            text = f"{opening}{thought}{thought_tags.close}{text}" if text else f"{opening}{thought}"
        texts.append(text)
    return "".join(texts)


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


def ordered_similarity(action: str, expert_action: str, autojunk: bool, order: ArgumentOrder) -> float:
    """`step_similarity` with the matcher's sequences in the order asked for."""
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
    thought_tags: TagsOfRows = PLAIN,
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
        thought_tags: Where thoughts begin and end, for all outputs or for each; `SRLTrainer` passes what the
            tokenizer and its chat template make of them.
        **kwargs: TRL's other arguments; `log_metric` receives the mean similarity of the well-formed
            outputs and the share of each format fault.

    Returns:
        B floats: -1 for a broken format, else the similarity in [0, 1].
    """
    return reward_actions(
        completions,
        expert_action,
        truncated,
        think_tags,
        lambda row, action: {"similarity": ordered_similarity(action, expert_action[row], autojunk, argument_order)},
        kwargs.get("log_metric"),
        thought_tags,
    )


def reward_actions(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None,
    think_tags: ThinkTags,
    score: Callable[[int, str], dict[str, float]],
    log_metric: Callable[[str, float], None] | None = None,
    thought_tags: TagsOfRows = PLAIN,
    log_extra: Callable[[str, list[float | None]], None] | None = None,
) -> list[float]:
    """What the rewards of a step share: -1 for a broken format, else what the action itself is worth.

    Args:
        completions, expert_action, truncated, think_tags, thought_tags: See `srl_reward`.
        score: Takes a row and its action and gives figures by name; the last one is the reward.
        log_metric: Receives the mean of each figure over the well-formed outputs and the share of each format fault.
        log_extra: Receives each figure for each output, `None` for one without format.
    """
    truncated = truncated if truncated is not None else [False] * len(completions)
    rewards, faults, figures = [], Counter(), defaultdict(list)
    of_rows: list[dict[str, float]] = []
    tags_B = tags_of_rows(thought_tags, len(completions))
    for row, (output, _, cut, tags) in enumerate(zip(completions, expert_action, truncated, tags_B, strict=True)):
        text = completion_text(output, tags)
        parsed = parse_completion(text, truncated=bool(cut), think_tags=think_tags, thought_tags=tags)
        if isinstance(parsed, FormatFault):
            faults[parsed] += 1
            rewards.append(FORMAT_REWARD)
            of_rows.append({})
            continue
        of_rows.append(score(row, parsed.action))
        for name, value in of_rows[-1].items():
            figures[name].append(value)
        rewards.append(value)
    if log_metric and rewards:
        for fault in FormatFault:
            log_metric(f"format/{fault}", faults[fault] / len(rewards))
        for name, values in figures.items():
            log_metric(name, sum(values) / len(values))
    if log_extra:
        for name in figures:
            log_extra(name, [figures_of_row.get(name) for figures_of_row in of_rows])
    return rewards


def solution_reward(
    completions: Sequence[ModelOutput],
    expert_action: Sequence[str],
    truncated: Sequence[bool] | None = None,
    autojunk: bool = False,
    argument_order: ArgumentOrder = "model_first",
    thought_tags: TagsOfRows = PLAIN,
    **kwargs: Any,
) -> list[float]:
    """The paper's one-step ablation: similarity of the whole solution to the expert's, in one reward.

    Think blocks may stand anywhere and are left out; an output without any (unless the prompt has closed the block),
    or with nothing beside them, or cut off by the token limit, earns -1.

    Args:
        completions: B outputs.
        expert_action: B expert solutions, their actions joined by newlines.
        truncated: B flags for outputs that the token limit cut off.
        autojunk, argument_order, thought_tags: See `srl_reward`.

    Returns:
        B floats in {-1} or [0, 1].
    """
    truncated = truncated if truncated is not None else [False] * len(completions)
    rewards = []
    tags_B = tags_of_rows(thought_tags, len(completions))
    for output, expert, cut, tags in zip(completions, expert_action, truncated, tags_B, strict=True):
        text = completion_text(output, tags)
        spoken = without_thoughts(text, tags)
        solution = "\n".join(part.strip() for part in spoken.split("\n") if part.strip())
        sound = not cut and solution and (tags.open in text or tags.block is not Block.NONE)
        rewards.append(ordered_similarity(solution, expert, autojunk, argument_order) if sound else FORMAT_REWARD)
    return rewards


def final_answer_reward(
    completions: Sequence[ModelOutput],
    answer: Sequence[str],
    truncated: Sequence[bool] | None = None,
    extract: Extraction = "boxed",
    thought_tags: TagsOfRows = PLAIN,
    grader: GraderName = "treadle",
    **kwargs: Any,
) -> list[float]:
    """The outcome reward of RLVR: is the final answer right? Judged as in evaluation, see `treadle.scoring.grading`.

    Args:
        completions: B outputs, strings or TRL's lists of messages.
        answer: B reference answers, strings or numbers.
        truncated: Accepted for symmetry with `srl_reward`; a cut-off output that has already given its
            answer is judged by it.
        extract: What the final answer is, see `treadle.scoring.extraction`: by default the last `\\boxed{}`.
        thought_tags: Where thoughts begin and end; an answer outside them comes before one inside.
        grader: `treadle`, or `math_verify` for that library alone.
        **kwargs: TRL's other arguments; `log_metric` receives the share of each verdict. Where the data set has columns
            `domain` and `setup` (JSON texts or null), as `treadle.data.rows` makes them, each row is judged by its
            domain's verdict, which may need no reference answer and gets `problem` and `trajectory_id`, too.

    Returns:
        B floats, 1.0 for a right answer, else 0.0.

    Raises:
        DataError: A row has no reference answer.
        DomainError: A domain has no verdict, or its code does not do what it has to.
    """
    domains = kwargs.get("domain") if kwargs.get("setup") is not None else None
    own = [domains is not None and has_own_verdict(domains[row]) for row in range(len(answer))]
    if any(reference is None and not without for reference, without in zip(answer, own, strict=True)):
        raise DataError("final_answer_reward: a row has no reference answer; leave out rows whose `answer` is null")
    references = ["" if a is None else str(a) for a in answer]
    kinds = ["math"] * len(references) if domains is None else list(map(kind_of, domains))
    tags_B = tags_of_rows(thought_tags, len(references))
    texts = [completion_text(output, tags) for output, tags in zip(completions, tags_B, strict=False)]
    found = [
        extracted(text, extract, kind, tags, cut_off, reference)
        for text, kind, tags, cut_off, reference in zip(
            texts, kinds, tags_B, truncated or repeat(False), references, strict=False
        )
    ]
    if domains is None:
        grades = default_grader().judge(found, references, grader=grader)
    else:
        attempts = [
            Attempt((), answer=given, text=without_thoughts(text, tags).strip())
            for given, text, tags in zip(found, _with_given(texts, kwargs), tags_B, strict=True)
        ]
        tasks = _tasks(references, kwargs)
        judged = zip(domains, kinds, tasks, attempts, strict=True)
        grades = judge_attempts([Judged(*one, whole=True) for one in judged], name=grader)
    verdicts = [grade.verdict for grade in grades]
    if log_metric := kwargs.get("log_metric"):
        _log_verdicts(verdicts, log_metric, [v for v in Verdict if any(own) or v is not Verdict.UNSCORABLE])
    return [1.0 if verdict is Verdict.RIGHT else 0.0 for verdict in verdicts]


def _tasks(references: Sequence[str], columns: Mapping[str, Any]) -> list[Task]:
    empty = [""] * len(references)
    names, problems = (columns.get(name) or empty for name in ("trajectory_id", "problem"))
    setups = [json.loads(setup) if isinstance(setup, str) else setup for setup in columns["setup"]]
    return [Task(str(name), *rest) for name, *rest in zip(names, problems, references, setups, strict=True)]


def _with_given(texts: Sequence[str], columns: Mapping[str, Any]) -> list[str]:
    """Solutions with the expert's steps that they go on from (`treadle.training.prefixes`); a hint is none of them."""
    if columns.get("prefix_length") is None:
        return list(texts)
    frames = columns.get("prefix_frame") or [None] * len(texts)
    rows = zip(texts, columns["prefix_texts"], columns["prefix_length"], frames, strict=True)
    return ["\n".join([*(steps or ())[: 0 if frame else length or 0], text]) for text, steps, length, frame in rows]


def _log_verdicts(
    verdicts: Sequence[Verdict], log_metric: Callable[[str, float], None], named: Sequence[Verdict]
) -> None:
    counts = Counter(verdicts)
    for verdict in named if verdicts else ():
        log_metric(f"answer/{verdict}", counts[verdict] / len(verdicts))
