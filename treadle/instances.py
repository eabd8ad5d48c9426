"""Cut a trajectory into step instances (paper section 3).

For each target step the prompt holds the problem and the expert's earlier actions; the expert's thoughts
never enter a prompt. Where the paper is silent (which steps are targets, titles, context) there is a named
setting, see `docs/paper.md`.
"""

from __future__ import annotations

from typing import Literal

from treadle.prompts import step_prompt
from treadle.trajectory import StepInstance, Trajectory

Targets = Literal["skip_last", "all"]
Context = Literal["full"] | int


def step_instances(
    trajectory: Trajectory, targets: Targets = "skip_last", give_title: bool = False, context: Context = "full"
) -> list[StepInstance]:
    """All instances of `trajectory`, in order.

    Args:
        trajectory: The expert's solution, with N steps.
        targets: `"skip_last"` makes steps 1..N-1 targets, as the paper has it taken literally; `"all"` adds
            step N, without which nothing rewards stating the answer or stopping.
        give_title: Show the title of the upcoming step in the prompt (paper footnote 1). The target keeps
            its title either way, as in the paper's figure 3.
        context: `"full"` shows all earlier steps, a number only the last ones (the paper's software agents
            see two action-observation pairs).

    Returns:
        One `StepInstance` a target; an empty list for a single step under `"skip_last"`.

    Raises:
        ValueError: A setting has another value than those above.
    """
    if targets not in ("skip_last", "all"):
        raise ValueError(f"targets={targets!r}: expected 'skip_last' or 'all'")
    if context != "full" and (not isinstance(context, int) or isinstance(context, bool) or context < 0):
        raise ValueError(f"context={context!r}: expected 'full' or the number of earlier steps to show, 0 or more")
    n_steps = len(trajectory.steps)
    last = n_steps if targets == "all" else n_steps - 1
    instances = []
    for k, step in enumerate(trajectory.steps[:last]):
        shown = k if context == "full" else min(k, context)
        instances.append(
            StepInstance(
                trajectory_id=trajectory.id,
                step=k + 1,
                n_steps=n_steps,
                prompt=step_prompt(
                    trajectory.domain,
                    trajectory.problem,
                    trajectory.steps[k - shown : k],
                    title=step.title if give_title else None,
                    omitted=k - shown,
                ),
                expert_action=step.action,
                title=step.title,
                answer=trajectory.answer,
            )
        )
    return instances
