"""A model's first rollouts, before anything is trained: their format, their speed, and whether rewards would differ.

Prompts, temperature and rewards are those of the recipe's first stage of SRL and of RLVR, or of such stages with the
paper's settings. Some groups of each are sampled in turn until all are there or the time is over.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, nan
from typing import Any

import numpy as np
import torch
from transformers import TrainerState

from treadle.chat.progress import progress
from treadle.check.style import TRACES, Text, expert_traces, surprise
from treadle.check.subject import Subject
from treadle.errors import DataError, ModelError
from treadle.recipe.arguments import compute_dtype
from treadle.recipe.generation import as_written, free_sampling
from treadle.recipe.models import load_model
from treadle.recipe.rewards import reward_weights, rewards_of
from treadle.recipe.sampling_floor import with_sampling_floor
from treadle.recipe.schema import Recipe, RLStage, RLVRStage, SRLStage
from treadle.recipe.training_data import similarity_floor
from treadle.rollout import generate_completions, why_not
from treadle.scoring.completion import FormatFault, parse_completion
from treadle.scoring.rewards import ordered_similarity
from treadle.training.groups import total_rewards
from treadle.training.guards.async_rewards import guarded
from treadle.training.sampling import informative_groups

SECONDS = 100.0
LONGEST, SHORTEST = 512, 64
"""Tokens of a completion, where the recipe allows more; on a slow machine less, but not less than the other."""
PROBE, LEAST = 8, 4
"""Tokens by which the speed is measured, and groups that should be ready within the time."""
AT_ONCE = {"cpu": 1, "cuda": 8}
"""Groups that are generated together: on a CPU as few as possible, so that the time is kept."""
SPARE = 1.25
"""Times the seconds that were measured, where more tokens are to be ready."""
READ = 3
"""Rollouts that are shown to be read."""


@dataclass
class Sampled:
    """Rollouts for the prompts of one stage.

    Attributes:
        stage: With its settings.
        limit: Tokens that a completion had.
        groups: Groups that were sampled, and how many of them training would keep.
        faults: Of each completion, siblings adjacent; `None` for none.
        rewards: Of each completion; NaN for none.
        similarities: Of each completion's action to the expert's, whatever the reward is; NaN where there is none.
        own: Tokens of the first prompts, each with a completion.
        texts: Prompt, completion and reward of the first ones, special tokens of the prompt included.
        poor: Groups that training would keep without the stage's `sampling_floor`, and does not.
    """

    stage: RLStage
    limit: int
    groups: int = 0
    kept: int = 0
    faults: list[FormatFault | None] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    similarities: list[float] = field(default_factory=list)
    own: list[Text] = field(default_factory=list)
    texts: list[tuple[str, str, float]] = field(default_factory=list)
    poor: int = 0

    @property
    def cut(self) -> int:
        """Completions that the limit cut off where the stage allows more tokens."""
        return self.faults.count(FormatFault.TRUNCATED) if self.limit < self.stage.max_completion_length else 0


@dataclass
class Sample:
    """What a model's first rollouts were.

    Attributes:
        stages: By `srl` and `rlvr`; one without rows is left out.
        wanted: Completions that were asked for.
        tokens, seconds: That generation took.
        left_out: Why a kind of stage was not sampled.
        floor: What similarity is earned without having learned anything; `None` where it is not known.
        allowed, pace: Seconds that were given, and that each token of the limit takes.
        surprise, own_surprise: See `treadle.check.style`; `None` where the experts' thoughts are not known.
    """

    stages: dict[str, Sampled]
    wanted: int
    left_out: list[str]
    tokens: int = 0
    seconds: float = 0.0
    floor: float | None = None
    surprise: float | None = None
    own_surprise: float | None = None
    allowed: float = SECONDS
    pace: float = 0.0

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / max(self.seconds, 1e-9)

    def seconds_for(self, limit: int) -> int:
        """What to give where completions are to have so many tokens, in tens, not less than was given."""
        return 10 * ceil(max(self.allowed, SPARE * self.pace * limit) / 10)


def sample(subject: Subject, wanted: int, seconds: float = SECONDS, longest: int = LONGEST) -> Sample:
    """Sample about `wanted` rollouts, groups of the two kinds of stages in turn.

    Args:
        seconds: That it may take; fewer groups are sampled, and completions have fewer tokens, where it takes longer.
        longest: Tokens of a completion at most.

    Raises:
        ModelError: The model cannot be loaded, or the rollout does not serve it.
        DataError: There is no row to sample.
        RecipeError: There is no floor for `sampling_floor: data`.
    """
    stages, left_out = _stages(subject)
    if subject.recipe.threads:
        torch.set_num_threads(subject.recipe.threads)
    network = load_model(subject.model, compute_dtype(subject.recipe), subject.trusted).eval()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device)
    subject.chat.end_turns_of(network)
    if reason := why_not(network):
        raise ModelError(f"{subject.model}: --sample needs the rollout with shared prompts, but {reason}")
    generator = torch.Generator().manual_seed(subject.recipe.seed)
    batches = list(_batches(subject, stages, wanted, AT_ONCE[device]))
    begun = time.monotonic()
    _generate(subject, network, stages[batches[0][0]], batches[0][1], PROBE, generator)
    pace = (time.monotonic() - begun) / PROBE * min(LEAST, len(batches))
    most = min(longest, max(SHORTEST, int(seconds / pace)))
    found = {kind: Sampled(stage, min(most, stage.max_completion_length)) for kind, stage in stages.items()}
    result = Sample(found, wanted, left_out, floor=_floor(subject, stages), allowed=seconds, pace=pace)
    begun = time.monotonic()
    asked = sum(len(rows) * stages[kind].rollouts for kind, rows in batches)
    with progress(f"first rollouts, for about {seconds:,.0f} s", asked, most, unit="rollout") as finished:
        for number, (kind, rows) in enumerate(batches):
            started = time.monotonic()
            # One of each kind in any case, then those that should be ready in time.
            if number >= len(stages) and (started - begun) * (number + 1) / number > seconds:
                break
            tokens = _generate(subject, network, found[kind].stage, rows, found[kind].limit, generator)
            result.seconds += time.monotonic() - started
            result.tokens += sum(map(len, tokens))
            _judge(subject, found[kind], rows, tokens)
            finished(len(tokens))
    if "srl" in found and (traces := expert_traces(subject)):
        result.surprise, result.own_surprise = surprise(network, traces), surprise(network, found["srl"].own)
    return result


def _floor(subject: Subject, stages: dict[str, RLStage]) -> float | None:
    return similarity_floor(stages["srl"], subject.prepared, subject.shown) if "srl" in stages else None


def _stages(subject: Subject) -> tuple[dict[str, RLStage], list[str]]:
    stages: dict[str, RLStage] = {}
    left_out = []
    for kind, of in (("srl", SRLStage), ("rlvr", RLVRStage)):
        stage = next((s for s in subject.stages if isinstance(s, of)), None) or of(kind=kind, name=kind)
        stage = with_sampling_floor(stage, subject.prepared, subject.shown)
        if isinstance(stage, RLVRStage):
            stage = stage.model_copy(update={"step_share": 0.0, "validate_every": None})
        try:
            subject.rows(stage)
        except DataError as problem:
            left_out.append(str(problem))
        else:
            stages[kind] = stage
    if not stages:
        raise DataError(f"{subject.prepared.folder}: no row to sample; {left_out[0]}")
    return stages, left_out


def _batches(
    subject: Subject, stages: dict[str, RLStage], wanted: int, at_once: int
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of some groups, of one kind of stage after the other."""
    queues = {}
    for kind, stage in stages.items():
        rows = subject.rows(stage)
        count = min(len(rows), max(1, round(wanted / len(stages) / stage.rollouts)))
        picked = np.random.default_rng(subject.recipe.seed).choice(len(rows), count, replace=False)
        queues[kind] = [rows[int(i)] for i in picked]
    while any(queues.values()):
        for kind, queue in queues.items():
            if queue:
                yield kind, queue[:at_once]
                del queue[:at_once]


def _generate(
    subject: Subject,
    network: Any,
    stage: RLStage,
    rows: Sequence[dict[str, Any]],
    limit: int,
    generator: torch.Generator,
) -> list[list[int]]:
    prompts = subject.chat.prompts([row["prompt"] for row in rows])
    settings = free_sampling(subject.chat, network, limit, stage.temperature)
    repeated = [prompt for prompt in prompts for _ in range(stage.rollouts)]
    return generate_completions(network, repeated, settings, generator=generator)


def _judge(subject: Subject, found: Sampled, rows: Sequence[dict[str, Any]], tokens: list[list[int]]) -> None:
    stage, chat = found.stage, subject.chat
    ends = chat.ends_of(subject.network)
    texts, truncated = map(list, zip(*(as_written(chat, ids, ends) for ids in tokens), strict=True))
    each = [row for row in rows for _ in range(stage.rollouts)]
    columns = {name: [row[name] for row in each] for name in each[0] if name != "prompt"}
    tags = [chat.thought_tags] * len(each)
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    told = {"truncated": truncated, "thought_tags": tags, "completion_ids": tokens, **columns}
    scored = _scored(stage, subject.recipe, [row["prompt"] for row in each], completions, told)
    think_tags = stage.think_tags if isinstance(stage, SRLStage) else "optional"
    parsed = [
        parse_completion(text, truncated=cut, think_tags=think_tags, thought_tags=chat.thought_tags)
        for text, cut in zip(texts, truncated, strict=True)
    ]
    found.faults += [one if isinstance(one, FormatFault) else None for one in parsed]
    for row, one in zip(each, parsed, strict=True):
        comparable = isinstance(stage, SRLStage) and stage.unit == "step" and not isinstance(one, FormatFault)
        found.similarities.append(_similarity(one.action, row, stage) if comparable else nan)
    differ_P = informative_groups(torch.tensor(scored), stage.rollouts, stage.sampling_threshold)
    keep_P = informative_groups(torch.tensor(scored), stage.rollouts, stage.sampling_threshold, stage.sampling_floor)
    found.groups, found.kept = found.groups + len(rows), found.kept + int(keep_P.sum())
    found.poor += int((differ_P & ~keep_P).sum())
    found.rewards += scored
    for first in range(0, len(each), stage.rollouts):  # one of each group
        row, text, reward = each[first], texts[first], scored[first]
        if len(found.texts) < READ:
            found.texts.append((chat.prompt_text(row["prompt"]), text, reward))
        if len(found.own) < TRACES:
            found.own.append((chat.prompt(row["prompt"]), tokens[first]))


def _scored(
    stage: RLStage, recipe: Recipe, prompts: list[Any], completions: list[Any], told: dict[str, list[Any]]
) -> list[float]:
    """The total reward of each completion as training has it; NaN for none."""
    arguments = {
        **told,
        "prompts": prompts,
        "completions": completions,
        "trainer_state": TrainerState(),
        "log_extra": lambda column, values: None,
        "log_metric": lambda name, value: None,
    }
    given = []
    for function in rewards_of(stage, recipe):
        answer = guarded(function, stage.reward_seconds)(**arguments)
        given.append(asyncio.run(answer) if inspect.iscoroutine(answer) else answer)
    rewards_BF = torch.tensor([[nan if r is None else r for r in row] for row in zip(*given, strict=True)])
    return total_rewards(rewards_BF.double(), torch.tensor(reward_weights(stage) or [1.0])).tolist()


def _similarity(action: str, row: dict[str, Any], stage: SRLStage) -> float:
    return ordered_similarity(action, row["expert_action"], stage.autojunk, stage.argument_order)
