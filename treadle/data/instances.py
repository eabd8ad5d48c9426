"""Cut a trajectory into step instances (paper section 3).

For each target step the prompt holds the problem and the expert's earlier actions; the expert's thoughts
never enter a prompt. Where the paper is silent (which steps are targets, titles, context) there is a named
setting, see `docs/paper.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from treadle.data.prompts import step_prompt
from treadle.data.prompts.asking import PLAIN, Asking, form_of
from treadle.errors import DataError
from treadle.trajectory import StepInstance, Trajectory

Targets = Literal["skip_last", "all"]
Context = Literal["full"] | int


@dataclass(frozen=True)
class Rendering:
    """What a prompt shows besides the problem and the steps before.

    Args:
        give_title: Show the title of the upcoming step (paper footnote 1). The target keeps its title either way,
            as in the paper's figure 3.
        context: `"full"` shows all earlier steps, a number only the last ones (the paper's software agents see two
            action-observation pairs).
    """

    give_title: bool = False
    context: Context = "full"

    def __post_init__(self) -> None:
        context = self.context
        if context != "full" and (not isinstance(context, int) or isinstance(context, bool) or context < 0):
            raise ValueError(f"context={context!r}: expected 'full' or the number of earlier steps to show, 0 or more")


def target_steps(n_steps: int, targets: Targets = "skip_last") -> range:
    """The 1-based positions of the steps that are targets, see `step_instances`.

    Raises:
        ValueError: `targets` has another value than those there.
    """
    if targets not in ("skip_last", "all"):
        raise ValueError(f"targets={targets!r}: expected 'skip_last' or 'all'")
    return range(1, n_steps + (targets == "all"))


def check_target(id: str, step: int, n_steps: int) -> None:
    """Raise `DataError` for a step (1-based) that a trajectory of so many has not."""
    if not 0 < step <= n_steps:
        raise DataError(
            f"{id}: step {step} is a target, and the trajectory has {n_steps} steps: the files of instances and "
            "trajectories do not belong together; prepare the data again with --overwrite"
        )


def step_instance(trajectory: Trajectory, step: int, rendering: Rendering, asking: Asking = PLAIN) -> StepInstance:
    """The instance whose target is `step` (1-based) of `trajectory`.

    Args:
        rendering: What is shown of the trajectory.
        asking: What is asked for, and the worked examples before it.

    Raises:
        DataError: The trajectory has no such step.
    """
    check_target(trajectory.id, step, len(trajectory.steps))
    target = trajectory.steps[step - 1]
    shown = step - 1 if rendering.context == "full" else min(step - 1, rendering.context)
    prompt = step_prompt(
        trajectory.domain,
        trajectory.problem,
        trajectory.steps[step - 1 - shown : step - 1],
        title=target.title if rendering.give_title else None,
        omitted=step - 1 - shown,
        system=trajectory.system,
        asking=asking,
        form=form_of(trajectory),
    )
    return StepInstance(
        trajectory_id=trajectory.id,
        step=step,
        n_steps=len(trajectory.steps),
        prompt=prompt,
        expert_action=target.action,
        title=target.title,
        answer=trajectory.answer,
        domain=trajectory.domain,
        repo=trajectory.repo,
    )


def step_instances(
    trajectory: Trajectory, targets: Targets = "skip_last", give_title: bool = False, context: Context = "full"
) -> list[StepInstance]:
    """All instances of `trajectory`, in order.

    Args:
        trajectory: The expert's solution, with N steps.
        targets: `"skip_last"` makes steps 1..N-1 targets, as the paper has it taken literally; `"all"` adds
            step N, without which nothing rewards stating the answer or stopping.
        give_title, context: See `Rendering`.

    Returns:
        One `StepInstance` a target; an empty list for a single step under `"skip_last"`.

    Raises:
        ValueError: A setting has another value than those above.
    """
    rendering = Rendering(give_title, context)
    return [step_instance(trajectory, step, rendering) for step in target_steps(len(trajectory.steps), targets)]
