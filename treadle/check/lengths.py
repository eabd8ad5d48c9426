"""Lengths of rows against the model's positions, and against what `max_length` leaves of them.

All rows are measured up to a number and a time; of more, rows that lie evenly over the data, and the message says so.
What `max_length` takes is counted on all rows, as training will find them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject
from treadle.errors import TreadleError
from treadle.recipe.schema import AnyStage, SFTStage
from treadle.recipe.sft_rows import check_cut, cut_of_stage, has_answers
from treadle.training.prefixes.part import with_longest

CHUNK = 64
NAMED = 3
"""Trajectories that a message names."""


class Measured(NamedTuple):
    """Lengths of some rows of a stage, in tokens, and where they come from.

    Args:
        rows: Numbers of the rows.
        tokens: Of each: the prompt, for SFT with the answer.
        shortest: The shortest prompt.
        of: Rows that there are.
    """

    rows: list[int]
    tokens: np.ndarray
    shortest: int
    of: int

    @property
    def described(self) -> str:
        return f"{len(self.rows):,} rows" + (f" drawn evenly from {self.of:,}" if len(self.rows) < self.of else "")


def lengths(subject: Subject) -> Iterator[Check]:
    """Positions and `max_length`, for each stage."""
    if not subject.has_data:
        return
    for stage in subject.stages:
        try:
            rows = subject.rows(stage)
        except TreadleError as problem:
            yield error(f"rows.{stage.name}", problem)
            continue
        yield _positions(subject, stage, measure(subject, stage, rows), rows)
        if has_answers(stage) and stage.max_length is not None:
            yield _max_length(subject, stage)


def measure(subject: Subject, stage: AnyStage, rows: Any) -> Measured:
    """Lengths of a stage's rows, of as many as the subject's effort allows."""
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), subject.effort.rows)).astype(int))
    # In an order in which the first are spread over all, too.
    order = np.random.default_rng(0).permutation(chosen).tolist()
    until = time.monotonic() + subject.effort.seconds
    taken: list[int] = []
    tokens: list[int] = []
    prompts: list[int] = []
    for start in range(0, len(order), CHUNK):
        part = order[start : start + CHUNK]
        given, whole = _tokens(subject, stage, [rows[i] for i in part])
        prompts += given
        tokens += whole
        taken += part
        if time.monotonic() > until:
            break
    return Measured(taken, np.array(tokens), min(prompts), len(rows))


def _tokens(subject: Subject, stage: AnyStage, rows: Sequence[dict[str, Any]]) -> tuple[list[int], list[int]]:
    """Lengths of prompts, and of prompts with what follows them in the data."""
    prompts = [len(ids) for ids in subject.chat.prompts([with_longest(row) for row in rows])]
    if not has_answers(stage):
        return prompts, prompts
    answers = [len(subject.chat.answer(row["completion"][0]["content"])) for row in rows]
    return prompts, [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]


def _positions(subject: Subject, stage: AnyStage, found: Measured, rows: Any) -> Check:
    id = f"positions.{stage.name}"
    positions = getattr(subject.config.get_text_config(), "max_position_embeddings", None)
    longest = int(found.tokens.max())
    if positions is None:
        return ok(id, f"the longest of {found.described} has {longest:,} tokens; the config names no limit")
    more = 0 if has_answers(stage) else stage.max_completion_length
    cut = stage.max_length if has_answers(stage) else None
    tokens = np.minimum(found.tokens, cut) if cut else found.tokens
    beyond = [row for row, count in zip(found.rows, tokens, strict=True) if count + more > positions]
    with_completion = f" with max_completion_length {more:,}" if more else ""
    if not beyond:
        return ok(
            id,
            f"the longest of {found.described} takes {int(tokens.max()) + more:,} of the model's {positions:,} "
            f"positions{with_completion}",
        )
    names = list(islice(_names(subject, stage, rows, sorted(beyond)), NAMED + 1))
    named = ", ".join(names[:NAMED]) + (", ..." if names[NAMED:] else "")
    message = (
        f"{stage.name}: {len(beyond):,} of {found.described}{with_completion} exceed the model's {positions:,} "
        f"positions, the longest has {longest:,} tokens (trajectories {named}); {_what_happens(subject)}. "
        f"{_remedy(stage, positions, found)}"
    )
    alone = int((tokens > positions).sum())
    if not _has_rotary(subject) and alone:
        return error(id, message)
    return error(id, message) if len(beyond) == len(found.rows) else warning(id, message)


def _what_happens(subject: Subject) -> str:
    if _has_rotary(subject):
        return "nothing is cut: what lies beyond is computed at positions that the model was not made for"
    return "the model has no embedding for positions beyond, and fails there"


def _has_rotary(subject: Subject) -> bool:
    """Whether positions are computed, so that there is one for each token, and not looked up in a table."""
    return bool(getattr(subject.config.get_text_config(), "rope_parameters", None))


def _remedy(stage: AnyStage, positions: int, found: Measured) -> str:
    longest = int(found.tokens.max())
    if has_answers(stage) and found.shortest < positions:
        return f"Set stages.{stage.name}.max_length={positions}"
    if not has_answers(stage) and longest < positions:
        return f"Set stages.{stage.name}.max_completion_length={positions - longest}"
    return "Prepare the data with shorter prompts (--context, --observation-tokens), or take another model"


def _names(subject: Subject, stage: AnyStage, rows: Any, numbers: list[int]) -> Iterator[str]:
    """Trajectories of rows, each once."""
    if not isinstance(stage, SFTStage):
        yield from dict.fromkeys(rows[number]["trajectory_id"] for number in numbers)
        return
    # Conversations come in the order of trajectories.
    wanted, start = iter(numbers), 0
    number = next(wanted, None)
    for place, trajectory in enumerate(subject.prepared.trajectories()):
        if place in subject.shown.left_out:
            continue
        start += (stage.unit != "steps") + (stage.unit != "solutions") * len(trajectory.steps)
        if number is not None and number < start:
            yield trajectory.id
        while number is not None and number < start:
            number = next(wanted, None)


def _max_length(subject: Subject, stage: SFTStage) -> Check:
    id = f"max_length.{stage.name}"
    try:
        cut = cut_of_stage(stage, subject.recipe, subject.prepared, subject.chat, subject.shown)
        check_cut(cut, stage.name)
    except TreadleError as problem:
        return error(id, problem)
    if cut.cut:
        return warning(id, f"{stage.name}: {cut.describe()}")
    return ok(id, f"{stage.name}: all of {cut.rows:,} rows are within max_length {cut.limit:,}")
