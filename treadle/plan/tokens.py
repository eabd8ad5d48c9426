"""How many tokens a stage forwards, from a sample of the prepared data.

Some trajectories are drawn evenly over the data, their prompts rendered and tokenised as in training. Completions are
not known before training: each counts with the longest length that the recipe allows, unless another mean is given for
the time. The tree's tokens follow from the prompts alone: each distinct prompt token once, and every completion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from treadle.chat.chat import Chat
from treadle.data.prepared import Prepared
from treadle.errors import DataError, ModelError
from treadle.plan.hardware import Hardware
from treadle.recipe.schema import AnyStage, Recipe, RLVRStage, SFTStage
from treadle.recipe.shown import shown_of
from treadle.recipe.speaking import recipe_chat
from treadle.recipe.training_data import training_rows
from treadle.training.prefixes.part import with_longest
from treadle.training.prompt_order import trajectories_of

TRAJECTORIES = 16
"""Trajectories of a sample."""
ROWS = 512
"""Rows of a sample at most."""


@dataclass(frozen=True)
class Prompts:
    """Means over the prompts of a sample, in tokens.

    Attributes:
        longest: The longest prompt of the sample; for SFT with its completion.
        mean: Mean length; for SFT with the completion.
        distinct: Tokens of a prompt that the prompts before it in its trajectory do not have.
        pairs, distinct_pairs: Pairs of a token and one before it (or itself) of a whole prompt, and of its distinct
            tokens: what attention computes.
        scored: SFT: tokens of a completion. 0 for prompts.
        rests_on: Where this comes from, for people.
    """

    longest: int
    mean: float
    distinct: float
    pairs: float
    distinct_pairs: float
    scored: float
    rests_on: str


def prompts_of(stage: AnyStage, recipe: Recipe, hardware: Hardware) -> Prompts:
    """The lengths of a stage's prompts.

    Raises:
        DataError: The data is not there, or its tokenizer is not, and `prompt_tokens` is not given.
    """
    if hardware.prompt_tokens is not None:
        n = hardware.prompt_tokens
        length = min(n, stage.max_length or n) if isinstance(stage, SFTStage) else n
        pairs = length * (length + 1) / 2
        return Prompts(length, length, length, pairs, pairs, float(length), f"--prompt-tokens {n}, nothing shared")
    try:
        chat = recipe_chat(recipe)
        prepared = Prepared(recipe.data)
        rows = training_rows(stage, prepared, shown_of(recipe, prepared).with_tags(chat.thought_tags))
    except (DataError, ModelError) as error:
        raise DataError(
            f"{error}\n  Without data and tokenizer, say how long prompts are: --prompt-tokens 1000"
        ) from error
    picked = _pick(rows)
    sample = [rows[i] for i in picked]
    source = f"{len(sample):,} of {len(rows):,} rows of {recipe.data}, tokenised"
    if isinstance(stage, SFTStage):
        return _conversations(sample, chat, stage.max_length, source)
    given = ", with the longest prefixes" if isinstance(stage, RLVRStage) and stage.prefix else ""
    return measure(chat.prompts([with_longest(row) for row in sample]), source + given)


def measure(prompts: Sequence[Sequence[int]], rests_on: str) -> Prompts:
    """The means of prompts that lie as in training: the steps of a trajectory next to one another."""
    lengths, shared = [], []
    before: Sequence[int] = ()
    for prompt in prompts:
        lengths.append(len(prompt))
        shared.append(_common(before, prompt))
        before = prompt
    length_N, shared_N = np.array(lengths, float), np.array(shared, float)
    pairs_N, shared_pairs_N = length_N * (length_N + 1) / 2, shared_N * (shared_N + 1) / 2
    return Prompts(
        longest=int(length_N.max()),
        mean=float(length_N.mean()),
        distinct=float((length_N - shared_N).mean()),
        pairs=float(pairs_N.mean()),
        distinct_pairs=float((pairs_N - shared_pairs_N).mean()),
        scored=0.0,
        rests_on=rests_on,
    )


def _conversations(sample: list[Any], chat: Chat, max_length: int | None, rests_on: str) -> Prompts:
    lengths, scored = [], []
    for row in sample:
        prompt = len(chat.prompt(row["prompt"]))
        whole = prompt + len(chat.answer(row["completion"][0]["content"]))
        lengths.append(min(whole, max_length or whole))
        scored.append(max(lengths[-1] - prompt, 0))
    length_N = np.array(lengths, float)
    pairs = float((length_N * (length_N + 1) / 2).mean())
    mean = float(length_N.mean())
    return Prompts(int(length_N.max()), mean, mean, pairs, pairs, float(np.mean(scored)), rests_on)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Tokens that two prompts begin with alike."""
    short = min(len(first), len(second))
    differ = np.flatnonzero(np.asarray(first[:short]) != np.asarray(second[:short]))
    return int(differ[0]) if len(differ) else short


def _pick(rows: Any) -> list[int]:
    """Rows of some trajectories in their order, or single rows where none belong together."""
    numbers_N = trajectories_of(rows)
    if numbers_N is None:
        return np.unique(np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int)).tolist()
    distinct = np.unique(numbers_N)
    chosen = distinct[np.unique(np.linspace(0, len(distinct) - 1, TRAJECTORIES).astype(int))]
    picked: list[int] = []
    for number in chosen:
        picked += np.flatnonzero(numbers_N == number).tolist()
    return picked[:ROWS]


@dataclass(frozen=True)
class Load:
    """Tokens of one optimizer step on one device.

    Attributes:
        rows: Completions, or conversations of SFT.
        padded: Tokens forwarded row by row, every row as wide as the widest.
        forwarded: Tokens forwarded by the update as it is planned: through the tree where it is used, else `padded`.
        scored: Tokens whose log-probability is computed.
        micro_batch, micro_scored: Tokens of the largest micro-batch, and those of them that are scored.
        micro_rows: Rows of that micro-batch where they are padded, 0 in a tree.
        tree: Whether the prefix tree is used.
    """

    rows: int
    padded: int
    forwarded: int
    scored: int
    micro_batch: int
    micro_scored: int
    micro_rows: int
    tree: bool


def load_of(stage: AnyStage, prompts: Prompts, gpus: int, tree: bool, completion: int | None = None) -> Load:
    """The tokens of a step.

    Args:
        gpus: Devices that divide the step among them.
        tree: Whether the model and the settings allow the prefix tree.
        completion: Tokens of each completion; the longest that the recipe allows by default.
    """
    if isinstance(stage, SFTStage):
        rows = max(1, stage.batch_size // gpus)
        padded, scored = rows * prompts.longest, round(rows * prompts.scored)
        micro = stage.micro_batch * prompts.longest
        share = prompts.scored / prompts.mean
        return Load(
            rows, padded, padded, scored, micro, max(1, min(micro, round(micro * share))), stage.micro_batch, False
        )
    length = stage.max_completion_length if completion is None else completion
    count = stage.prompts_per_step / gpus
    rows = max(1, round(count * stage.rollouts))
    width = prompts.longest + length
    padded, scored = rows * width, rows * length
    if not tree:
        micro = stage.micro_batch * width
        return Load(rows, padded, padded, scored, micro, stage.micro_batch * length, stage.micro_batch, False)
    grouped = stage.trl.get("group_by_trajectory", True)
    forwarded = round(count * (prompts.distinct if grouped else prompts.mean)) + scored
    budget = stage.trl.get("max_tree_tokens") or stage.micro_batch * width
    parts = max(1, rows // stage.micro_batch)  # no more micro-batches than TRL would make
    micro = min(max(budget, -(-forwarded // parts)), forwarded)
    # Each further micro-batch of a trajectory begins with its trunk again.
    forwarded += round((-(-forwarded // micro) - 1) * prompts.mean)
    micro_scored = min(micro, round(micro * scored / forwarded))
    return Load(rows, padded, min(forwarded, padded), scored, micro, micro_scored, 0, True)
