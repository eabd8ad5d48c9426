"""The nouns of treadle: a `Step`, a `Trajectory` of steps, and a `StepInstance` to train on.

Everything else speaks in these: sources make trajectories, `treadle.data.instances` cuts them into instances,
training and evaluation read instances. Plain frozen dataclasses, picklable, without behaviour beyond checks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Message = dict[str, str]
"""A chat message as every chat template reads it: `{"role": ..., "content": ...}`."""


@dataclass(frozen=True)
class Step:
    """One logical action of an expert (paper section 3: "a step is one logical action").

    Args:
        action: What the step does, and what the reward compares: a numbered step of a solution with its
            number and title, or the command that an environment consumes.
        title: The step's title where the source has one, without number and markup.
        thought: What the expert thought before acting, where the source has it. Never scored.
        observation: What the environment answered, where there is one.
        before: What the source has between thought and action: white space, the opening of a code fence.
        after: What the source has after the action: the closing of the fence.
        call: The source's tool call as JSON, where `action` is a rendering of it and not a piece of its text.

    The last three are never shown to a model. They are there so that nothing of the source is lost, see `text`.
    """

    action: str
    title: str | None = None
    thought: str | None = None
    observation: str | None = None
    before: str = ""
    after: str = ""
    call: str | None = None

    def __post_init__(self) -> None:
        if not self.action.strip():
            raise ValueError("Step.action is empty: a step needs the text that the reward compares")

    @property
    def text(self) -> str:
        """The text of the expert's turn as the source has it; a tool call is not part of that text.

        Where a thought stood between tags, or apart from the text, the trajectory's `meta` has under `tags` and
        `reasoning` what was changed, and `treadle.data.sources.agents.turns.said` gives the source's text.
        """
        return (self.thought or "") + self.before + ("" if self.call is not None else self.action) + self.after


@dataclass(frozen=True)
class Trajectory:
    """An expert's solution of one problem.

    Args:
        id: Unique within its data set; instances and the held-out split refer to it.
        problem: The task as the model sees it.
        steps: At least one step, in order; none only where there is an answer, for rewards that look at nothing else.
        answer: The final answer where there is one; RLVR and evaluation grade against it.
        domain: Names the field: its prompts, verdict and environment, see `treadle.domains`.
        verified: What the source says about success; `None` where it says nothing.
        meta: Whatever else the source had, for the reader. The keys `preamble` and `epilogue` hold the text before
            the first and after the last step.
        system: What the environment tells an agent before the task: its rules and its tools.
        repo: The repository that an agent worked on; held-out trajectories and caps go by it.
    """

    id: str
    problem: str
    steps: tuple[Step, ...]
    answer: str | None = None
    domain: str = "math"
    verified: bool | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    system: str | None = None
    repo: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps and not self.answer:
            raise ValueError(f"Trajectory {self.id!r} has no steps; a trajectory needs at least one, or an answer")


@dataclass(frozen=True)
class StepInstance:
    """One training example of SRL: predict step `step` of `n_steps` from what came before.

    Args:
        trajectory_id: The trajectory that it was cut from.
        step: 1-based position of the target.
        n_steps: Number of steps of the whole trajectory.
        prompt: Chat messages: the problem and the steps before.
        expert_action: The target that the reward compares with.
        title: Title of the target step where it has one, whether or not the prompt shows it.
        answer: The trajectory's final answer, where there is one.
        domain, repo: The trajectory's.
    """

    trajectory_id: str
    step: int
    n_steps: int
    prompt: list[Message]
    expert_action: str
    title: str | None = None
    answer: str | None = None
    domain: str = "math"
    repo: str | None = None
