"""What a first recipe is chosen by: the model's size and positions, and what the data holds and how long it is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from treadle.check import Subject
from treadle.check.lengths import measure
from treadle.check.measured import LOOKED_AT, Demonstrations, demonstrations
from treadle.data.solutions import step_texts
from treadle.errors import DataError
from treadle.recipe.schema import AnyStage
from treadle.recipe.thoughts import describe_thoughts
from treadle.recipe.training_data import answer_references

MOST = 0.95
"""Of the experts' texts, whose length completions are given room for."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of one kind of row.

    Args:
        prompt: Of the longest prompt that was measured.
        expert: Of the expert's text, longer than all but one in twenty.
    """

    prompt: int
    expert: int


@dataclass(frozen=True)
class Found:
    """What there is.

    Args:
        parameters: Of the model.
        positions: Of the model, where its config names them.
        speech: How thoughts are unlike the paper's format, for people; empty where they are not.
        can_think: Whether prompts leave a place for thoughts.
        instances: Step instances that are trained on.
        answers: Training trajectories with a final answer.
        held_out, held_out_answers: Trajectories for validation, and those with an answer.
        answers_only: Whether there are problems and answers without steps.
        demonstrations: What the experts' trajectories are like.
        steps, solutions: Lengths of single steps and of whole problems; `None` where there are none.
    """

    parameters: int
    positions: int | None
    speech: str
    can_think: bool
    instances: int
    answers: int
    held_out: int
    held_out_answers: int
    answers_only: bool
    demonstrations: Demonstrations
    steps: Lengths | None
    solutions: Lengths | None

    @property
    def trajectories(self) -> int:
        return self.demonstrations.count


def look_at(subject: Subject) -> Found:
    """What a subject's model and data are like.

    Args:
        subject: With stages of every kind that is looked at; those that have no rows are passed over.
    """
    prepared, chat = subject.prepared, subject.chat
    seen = list(islice(prepared.trajectories(), LOOKED_AT))
    texts = [step_texts(one, "actions", chat.thought_tags) for one in seen]
    tokens = [[len(chat.text_ids(text)) for text in steps] for steps in texts]
    each_step = [count for steps in tokens for count in steps]
    prompts = {stage.kind: _longest_prompt(subject, stage) for stage in subject.stages}
    return Found(
        parameters=sum(weight.numel() for weight in subject.network.parameters()),
        positions=getattr(subject.config.get_text_config(), "max_position_embeddings", None),
        speech=describe_thoughts(chat, asked=chat.thought_tags.can_think),
        can_think=chat.thought_tags.can_think,
        instances=prepared.count("instances"),
        answers=len(answer_references(prepared)),
        held_out=prepared.count("trajectories", "heldout"),
        held_out_answers=len(answer_references(prepared, "heldout")),
        answers_only=prepared.answers_only,
        demonstrations=demonstrations(prepared),
        steps=_lengths(prompts.get("srl"), each_step),
        solutions=_lengths(prompts.get("rlvr"), [sum(steps) for steps in tokens]),
    )


def _longest_prompt(subject: Subject, stage: AnyStage) -> int | None:
    try:
        rows = subject.rows(stage)
    except DataError:  # of this kind there is nothing
        return None
    return int(measure(subject, stage, rows).tokens.max())


def _lengths(prompt: int | None, experts: list[int]) -> Lengths | None:
    return None if prompt is None else Lengths(prompt, int(np.quantile(experts, MOST)) if experts else 0)
