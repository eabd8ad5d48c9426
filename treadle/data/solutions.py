"""The expert's steps as the model is to write them, and what a prefix policy gives of them.

Supervised fine-tuning trains on these texts, and RLVR from prefixes begins with the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from treadle.data.prompts import guided_frame
from treadle.data.prompts.asking import Asking
from treadle.scoring.thoughts import ThoughtTags
from treadle.trajectory import Step, Trajectory

Target = Literal["actions", "traces"]


def step_text(step: Step, target: Target, tags: ThoughtTags, first: bool) -> str:
    """A step as the model is to write it.

    Args:
        target: The action alone, or the thought in tags before it.
        first: Whether a completion begins with it, so that it continues a block that the prompt has opened.
    """
    return tags.written(step.thought if target == "traces" else None, step.action, first)


def step_texts(trajectory: Trajectory, target: Target, tags: ThoughtTags, begins: bool = True) -> list[str]:
    """All steps of a solution, see `step_text`.

    Args:
        begins: Whether a completion begins with the first of them.
    """
    return [step_text(step, target, tags, begins and not place) for place, step in enumerate(trajectory.steps)]


@dataclass(frozen=True)
class Given:
    """The columns that RLVR from prefixes reads: `prefix_texts`, the steps' texts, and where they are given in the
    prompt `prefix_frame`, what stands before and after them in the user's message.

    Args:
        target: What of each step.
        tags: Of thoughts.
        in_prompt: Whether they are a hint in the prompt and not the beginning of the completion.
    """

    target: Target
    tags: ThoughtTags
    in_prompt: bool = False

    def columns(self, trajectory: Trajectory | None, asking: Asking) -> dict[str, Any]:
        """Those of a whole problem; null for a row that gets nothing (`None`)."""
        columns: dict[str, Any] = {"prefix_texts": None}
        if self.in_prompt:
            columns["prefix_frame"] = None
        if trajectory is None:
            return columns
        columns["prefix_texts"] = step_texts(trajectory, self.target, self.tags, begins=not self.in_prompt)
        if self.in_prompt:
            columns["prefix_frame"] = guided_frame(trajectory.domain, trajectory.problem, asking)
        return columns
